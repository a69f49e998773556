import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { createVerifier, verdict, verdictOf, VerifierError } from "./package.mjs";
import { GOOD_CLAIMS, hs256, NOW, SECRET, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };

test("a good token is returned as it was signed", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  // Order, big numbers and odd names survive.
  const claims = '{"z":1,"a":[9007199254740993,0.1,"é🔑"],"__proto__":{"x":1},"exp":1800000060}';
  const { payload, protectedHeader } = verifier.verify(hs256(claims, { kid: "k" }), AT_NOW);
  assert.deepEqual(payload, JSON.parse(claims));
  assert.deepEqual(Object.keys(payload), ["z", "a", "__proto__", "exp"]);
  assert.deepEqual(protectedHeader, { alg: "HS256", typ: "at+jwt", kid: "k" });
});

test("an error has a code, and the claim where it is one", async () => {
  const verifier = await createVerifier({ secret: SECRET }, { issuer: "us" });
  const refusal = (token) => {
    try {
      verifier.verify(token, AT_NOW);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const missing = refusal(hs256(GOOD_CLAIMS));
  assert.ok(missing instanceof VerifierError && missing instanceof Error);
  assert.deepEqual([missing.name, missing.code, missing.claim], ["VerifierError", "missing_claim", "iss"]);
  assert.match(missing.message, /iss/);
  const malformed = refusal("x");
  assert.deepEqual([malformed.code, malformed.claim], ["malformed", undefined]);
});

test("items 57 to 60: each expectation, and the code when it is not met", async () => {
  const claims = { iss: "us", aud: ["you"], sub: "s", exp: 1_800_000_060, iat: 1_799_999_900 };
  const cases = [
    [{}, {}, "good"],
    [{ issuer: "us", audience: "you", requiredClaims: ["sub"] }, {}, "good"],
    [{ audience: ["me", "you"] }, {}, "good"],
    [{ issuer: "them" }, {}, "wrong_issuer"],
    [{ audience: "me" }, {}, "wrong_audience"],
    [{ typ: "rt+jwt" }, {}, "wrong_type"],
    [{ typ: null }, {}, "good"],
    [{ algorithms: ["HS512"] }, {}, "unsupported_algorithm"],
    [{ requiredClaims: ["sid"] }, {}, "missing_claim"],
    [{ maxTokenLength: 100 }, {}, "too_large"],
    [{ maxTokenAge: 100 }, {}, "good"],
    [{ maxTokenAge: 99 }, {}, "expired"],
    [{ maxTokenAge: 99, clockTolerance: 1 }, {}, "good"],
    [{}, { exp: 1_800_000_000 }, "expired"],
    [{ clockTolerance: 1 }, { exp: 1_800_000_000 }, "good"],
    [{}, { exp: undefined }, "missing_claim"],
    [{ allowNoExpiry: true }, { exp: undefined }, "good"],
    [{ allowNoExpiry: true }, { exp: "never" }, "invalid_claim"],
    [{}, { nbf: 1_800_000_001 }, "not_yet_valid"],
    [{}, { iat: 1_800_000_001 }, "issued_in_future"],
    [{}, { jti: 7 }, "invalid_claim"],
  ];
  for (const [options, changes, expected] of cases) {
    const verifier = await createVerifier({ secret: SECRET }, options);
    const token = hs256({ ...claims, ...changes });
    assert.equal(verdict(() => verifier.verify(token, AT_NOW)), expected, JSON.stringify([options, changes]));
  }
});

test("the date is now unless it is given", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  assert.equal(verdict(() => verifier.verify(hs256({ exp: inAnHour }))), "good");
  assert.equal(verdict(() => verifier.verify(hs256({ exp: inAnHour - 7200 }))), "expired");
  const elsewhere = runInNewContext("new Date(1_800_000_000_000)");
  assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS), { currentDate: elsewhere })), "good");
  for (const currentDate of [null, 1_800_000_000, "2027-01-15", new Date(Number.NaN)]) {
    assert.throws(() => verifier.verify(hs256(GOOD_CLAIMS), { currentDate }), TypeError);
  }
  assert.throws(() => verifier.verify(hs256(GOOD_CLAIMS), { now: NOW }), /TypeError.*`now`/);
});

test("a secret is bytes or text", async () => {
  const bytes = new TextEncoder().encode(SECRET);
  const view = new DataView(Uint8Array.of(0, ...bytes, 0).buffer, 1, bytes.length);
  for (const secret of [SECRET, bytes, bytes.buffer, Buffer.from(SECRET), view]) {
    const verifier = await createVerifier({ secret });
    assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS), AT_NOW)), "good");
    assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS, { kid: "any" }), AT_NOW)), "good");
  }
  const verifier = await createVerifier({ secret: "another secret" });
  assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS), AT_NOW)), "bad_signature");
  assert.equal(await verdictOf(createVerifier({ secret: "" })), "bad_key");
});

test("item 52: a bad key in a set spoils only itself", async () => {
  const key = new TestKey("good", 1);
  const bad = { ...key.jwk, kid: "bad", x: "AA" };
  const verifier = await createVerifier({ jwks: { keys: [bad, key.jwk] } });
  assert.equal(verdict(() => verifier.verify(key.sign(GOOD_CLAIMS), AT_NOW)), "good");
  assert.equal(verdict(() => verifier.verify(key.sign(GOOD_CLAIMS, { kid: "bad" }), AT_NOW)), "bad_key");
  assert.equal(verdict(() => verifier.verify(key.sign(GOOD_CLAIMS, { kid: "x" }), AT_NOW)), "unknown_key");
  assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS, { kid: "good" }), AT_NOW)), "algorithm_mismatch");
});

test("what is not a key set is no key set", async () => {
  for (const jwks of [{}, { keys: {} }, { keys: null }, []]) {
    assert.equal(await verdictOf(createVerifier({ jwks })), "keys_unavailable");
  }
});

test("a signature alone", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const { payload, protectedHeader } = verifier.verifySignature(hs256("not JSON", { typ: "x" }));
  assert.ok(payload instanceof Uint8Array);
  assert.equal(Buffer.from(payload).toString(), "not JSON");
  assert.deepEqual(protectedHeader, { alg: "HS256", typ: "x" });
  assert.equal(verdict(() => verifier.verifySignature(`${hs256("not JSON")}=`)), "malformed");
});

test("verifyAsync is verify for keys that do not change", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const { payload } = await verifier.verifyAsync(hs256(GOOD_CLAIMS), AT_NOW);
  assert.deepEqual(payload, GOOD_CLAIMS);
  assert.equal(await verdictOf(verifier.verifyAsync("x", AT_NOW)), "malformed");
});

test("item 66: extreme input is refused and the verifier works on", async () => {
  const verifier = await createVerifier({ secret: SECRET }, { maxTokenLength: 1 << 22 });
  const depth = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)},"exp":1800000060}`;
  const inputs = [
    undefined,
    null,
    7,
    {},
    "",
    "\u0000",
    "\ud800",
    "é.é.é",
    ".".repeat(100_000),
    "A".repeat(1 << 20),
    `${"A".repeat(1 << 20)}.${"A".repeat(1 << 20)}.${"A".repeat(1 << 20)}`,
    hs256(depth),
    hs256('{"exp":1e400}'),
    hs256(`{"exp":${"9".repeat(1000)}}`),
  ];
  for (let round = 0; round < 3; round += 1) {
    for (const input of inputs) {
      assert.equal(verdict(() => verifier.verify(input, AT_NOW)), "malformed");
    }
    assert.equal(verdict(() => verifier.verify(hs256('{"exp":18446744073709551616}'), AT_NOW)), "invalid_claim");
    assert.equal(verdict(() => verifier.verify("A".repeat((1 << 22) + 1), AT_NOW)), "too_large");
    assert.equal(verdict(() => verifier.verify(hs256(GOOD_CLAIMS), AT_NOW)), "good");
  }
});

test("the default length is 16384 characters", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const padded = (length) => hs256({ ...GOOD_CLAIMS, pad: "x".repeat(length) });
  let length = 12_000;
  while (padded(length + 1).length <= 16_384) {
    length += 1;
  }
  assert.equal(verdict(() => verifier.verify(padded(length), AT_NOW)), "good");
  assert.equal(verdict(() => verifier.verify(padded(length + 1), AT_NOW)), "too_large");
});
