// Keys, claims, errors, options and the cache.
import { caught } from "./check.mjs";
import { AT_NOW, GOOD_CLAIMS, hs256, NAMES, NOW, SECRET, TestKey } from "./sign.mjs";

export async function tokens(checks, { createVerifier, VerifierError }) {
  const verdict = (call) => checks.verdict(call);
  const withSecret = (options) => createVerifier({ secret: SECRET }, options);

  await checks.group("every algorithm, signed by WebCrypto", async () => {
    const keys = [];
    for (const alg of NAMES) {
      keys.push(await TestKey.generate(alg, alg));
    }
    const jwksOf = (isMade) => ({ keys: keys.filter(isMade).map(({ jwk }) => jwk) });
    // Secrets stand in sets of their own: among public keys one is a mistake.
    const secrets = await createVerifier({ jwks: jwksOf(({ jwk }) => jwk.kty === "oct") });
    const publics = await createVerifier({ jwks: jwksOf(({ jwk }) => jwk.kty !== "oct") });
    const mixed = await createVerifier({ jwks: jwksOf(() => true) });
    for (const key of keys) {
      const verifier = key.jwk.kty === "oct" ? secrets : publics;
      const token = await key.sign(GOOD_CLAIMS);
      const { payload, protectedHeader } = verifier.verify(token, AT_NOW);
      checks.equal(payload, GOOD_CLAIMS, key.alg);
      checks.equal(protectedHeader, { alg: key.alg, typ: "at+jwt", kid: key.alg }, key.alg);
      const [header, , signature] = token.split(".");
      const [, others] = (await key.sign({ ...GOOD_CLAIMS, sub: "eve" })).split(".");
      const forged = `${header}.${others}.${signature}`;
      checks.equal(await verdict(() => verifier.verify(forged, AT_NOW)), "bad_signature", key.alg);
      const other = await TestKey.generate(key.alg, key.alg);
      const foreign = await other.sign(GOOD_CLAIMS);
      checks.equal(await verdict(() => verifier.verify(foreign, AT_NOW)), "bad_signature", key.alg);
    }
    for (const [alg, kid] of [["HS256", "RS256"], ["RS256", "ES256"], ["ES256", "EdDSA"], ["EdDSA", "RS512"]]) {
      const token = await keys.find((key) => key.alg === alg).sign(GOOD_CLAIMS, { kid });
      checks.equal(await verdict(() => publics.verify(token, AT_NOW)), "algorithm_mismatch", `${alg} for ${kid}`);
    }
    const token = await keys[0].sign(GOOD_CLAIMS);
    checks.equal(await verdict(() => mixed.verify(token, AT_NOW)), "bad_key", "a secret among public keys");
  });

  await checks.group("each expectation, and the code when it is not met", async () => {
    const claims = { iss: "us", aud: ["you"], sub: "s", exp: 1_800_000_060, iat: 1_799_999_900 };
    for (const [options, changes, code, claim] of [
      [{}, {}, "good"],
      [{ issuer: "us", audience: "you", requiredClaims: ["sub"] }, {}, "good"],
      [{ audience: ["me", "you"] }, {}, "good"],
      [{ issuer: "them" }, {}, "wrong_issuer", "iss"],
      [{ issuer: "us" }, { iss: undefined }, "missing_claim", "iss"],
      [{ audience: "me" }, {}, "wrong_audience", "aud"],
      [{ audience: "you" }, { aud: undefined }, "missing_claim", "aud"],
      [{ typ: "rt+jwt" }, {}, "wrong_type"],
      [{ typ: "application/AT+JWT" }, {}, "good"],
      [{ typ: null }, {}, "good"],
      [{ algorithms: ["HS512"] }, {}, "unsupported_algorithm"],
      [{ requiredClaims: ["sid"] }, {}, "missing_claim", "sid"],
      [{ maxTokenLength: 100 }, {}, "too_large"],
      [{ maxTokenAge: 100 }, {}, "good"],
      [{ maxTokenAge: 99 }, {}, "expired", "iat"],
      [{ maxTokenAge: 99, clockTolerance: 1 }, {}, "good"],
      [{}, { exp: 1_800_000_000 }, "expired", "exp"],
      [{ clockTolerance: 1 }, { exp: 1_800_000_000 }, "good"],
      [{}, { exp: undefined }, "missing_claim", "exp"],
      [{ allowNoExpiry: true }, { exp: undefined }, "good"],
      [{ allowNoExpiry: true }, { exp: "never" }, "invalid_claim", "exp"],
      [{}, { nbf: 1_800_000_001 }, "not_yet_valid", "nbf"],
      [{}, { iat: 1_800_000_001 }, "issued_in_future", "iat"],
      [{}, { jti: 7 }, "invalid_claim", "jti"],
    ]) {
      const verifier = await withSecret(options);
      const token = await hs256({ ...claims, ...changes });
      const error = await caught(() => verifier.verify(token, AT_NOW));
      const what = JSON.stringify([options, changes]);
      checks.equal([error?.code ?? "good", error?.claim], [code, claim], what);
      checks.equal(error?.code, (await caught(() => verifier.verifyAsync(token, AT_NOW)))?.code, `${what} async`);
    }
  });

  await checks.group("errors and values", async () => {
    const verifier = await withSecret();
    const error = await caught(() => verifier.verify("x"));
    checks.ok(error instanceof VerifierError && error instanceof Error, "the class of an error");
    checks.equal([error.name, error.code, error.claim], ["VerifierError", "malformed", undefined], "an error");
    checks.ok(error.message.length > 0, "a message");

    // Order, big numbers and odd names survive.
    const text = '{"z":1,"a":[9007199254740993,0.1,"é🔑"],"__proto__":{"x":1},"exp":1800000060}';
    const { payload } = verifier.verify(await hs256(text), AT_NOW);
    checks.equal(payload, JSON.parse(text), "a claims set");
    checks.equal(Object.keys(payload), ["z", "a", "__proto__", "exp"], "its members");

    const inAnHour = Math.floor(Date.now() / 1000) + 3600;
    const soon = await hs256({ exp: inAnHour });
    checks.equal(await verdict(() => verifier.verify(soon)), "good", "the date is now");
    checks.equal(verifier.verify(soon, {}).payload, { exp: inAnHour }, "the date is now");
    const past = await hs256({ exp: inAnHour - 7200 });
    checks.equal(await verdict(() => verifier.verify(past)), "expired", "the date is now");

    for (const [input, code] of [
      [undefined, "malformed"],
      [7, "malformed"],
      ["\ud800", "malformed"],
      [".".repeat(10_000), "malformed"],
      ["A".repeat(16_385), "too_large"],
      [await hs256(`{"a":${"[".repeat(4000)}${"]".repeat(4000)}}`), "malformed"],
      [`${await hs256(GOOD_CLAIMS)}=`, "malformed"],
    ]) {
      checks.equal(await verdict(() => verifier.verify(input, AT_NOW)), code, `${input}`.slice(0, 40));
      checks.equal(await verdict(() => verifier.verify(soon)), "good", "and the next call works");
    }

    const signed = verifier.verifySignature(await hs256("not JSON", { typ: "x" }));
    checks.ok(signed.payload instanceof Uint8Array, "bytes");
    checks.equal(new TextDecoder().decode(signed.payload), "not JSON", "the signature alone");
    checks.equal(signed.protectedHeader, { alg: "HS256", typ: "x" }, "the signature alone");
    const forged = `${(await hs256("not JSON")).slice(0, -4)}AAAA`;
    checks.equal(await verdict(() => verifier.verifySignature(forged)), "bad_signature", "the signature alone");
  });

  await checks.group("secrets and key sets", async () => {
    const bytes = new TextEncoder().encode(SECRET);
    const view = new DataView(Uint8Array.of(0, ...bytes, 0).buffer, 1, bytes.length);
    const token = await hs256(GOOD_CLAIMS, { kid: "any" });
    for (const secret of [SECRET, bytes, bytes.buffer, view]) {
      const verifier = await createVerifier({ secret });
      checks.equal(await verdict(() => verifier.verify(token, AT_NOW)), "good", Object.prototype.toString.call(secret));
    }
    const other = await createVerifier({ secret: "another secret of the tests" });
    checks.equal(await verdict(() => other.verify(token, AT_NOW)), "bad_signature", "another secret");
    checks.equal(await verdict(() => createVerifier({ secret: "" })), "bad_key", "no secret");

    const key = await TestKey.generate("ES256", "good");
    const verifier = await createVerifier({ jwks: { keys: [{ ...key.jwk, kid: "bad", x: "AA" }, key.jwk] } });
    for (const [kid, code] of [["good", "good"], ["bad", "bad_key"], ["x", "unknown_key"]]) {
      const token = await key.sign(GOOD_CLAIMS, { kid });
      checks.equal(await verdict(() => verifier.verify(token, AT_NOW)), code, `the key ${kid}`);
      checks.equal(await verdict(() => verifier.verifyAsync(token, AT_NOW)), code, `the key ${kid}, async`);
    }
    for (const jwks of [{}, { keys: {} }, { keys: null }]) {
      checks.equal(await verdict(() => createVerifier({ jwks })), "keys_unavailable", JSON.stringify(jwks));
    }
  });

  await checks.group("wrong arguments", async () => {
    for (const [options, name] of [
      [{ audiences: "x" }, "audiences"],
      [{ algorithms: [] }, "algorithms"],
      [{ algorithms: ["none"] }, "algorithms"],
      [{ issuer: null }, "issuer"],
      [{ typ: 1 }, "typ"],
      [{ clockTolerance: "5s" }, "clockTolerance"],
      [{ maxTokenLength: 0 }, "maxTokenLength"],
      [{ cache: true }, "cache"],
    ]) {
      await checks.typeError(() => withSecret(options), `\`${name}\``, JSON.stringify(options));
    }
    for (const keys of [
      undefined,
      {},
      { key: SECRET },
      { secret: 7 },
      { secret: SECRET, jwks: { keys: [] } },
      { jwksUri: "http://auth.example.com/jwks.json" },
      { jwksUri: "data:application/json,{}" },
      { issuer: "https://auth.example.com/?a" },
    ]) {
      await checks.typeError(() => createVerifier(keys), "", JSON.stringify(keys));
    }
    const verifier = await withSecret();
    const token = await hs256(GOOD_CLAIMS);
    for (const currentDate of [null, 1_800_000_000, new Date(Number.NaN)]) {
      await checks.typeError(() => verifier.verify(token, { currentDate }), "`currentDate`", `${currentDate}`);
    }
    await checks.typeError(() => verifier.verify(token, { now: NOW }), "`now`", "an unknown member");
  });

  await checks.group("the cache", async () => {
    const at = (seconds) => ({ currentDate: new Date(seconds * 1000) });
    const verifiers = [await withSecret({ cache: 3 }), await withSecret({ cache: 0 })];
    const tokens = await Promise.all(
      Array.from({ length: 5 }, (_, index) => hs256({ nbf: 100 + index, exp: 110 + index, list: [index] })),
    );
    for (const moment of [99, 102, 105, 105, 112, 111, 115, 104]) {
      for (const token of tokens) {
        checks.equal(
          await verdict(() => verifiers[0].verify(token, at(moment))),
          await verdict(() => verifiers[1].verify(token, at(moment))),
          `held and fresh at ${moment}`,
        );
      }
    }
    const { payload } = verifiers[0].verify(tokens[0], at(105));
    payload.list.push("eve");
    checks.equal(verifiers[0].verify(tokens[0], at(105)).payload.list, [0], "a verdict is the caller's own");
  });
}
