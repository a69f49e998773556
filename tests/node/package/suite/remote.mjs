// Keys over HTTP. The test server answers what it was told to, and counts.
import { TestServer } from "./server.mjs";
import { AT_NOW, GOOD_CLAIMS, TestKey } from "./sign.mjs";

export async function remote(checks, { createVerifier }, origin) {
  const verdict = (call) => checks.verdict(call);
  const server = new TestServer(origin);
  const [one, two] = [await TestKey.generate("ES256", "one"), await TestKey.generate("ES256", "two")];
  // Where creating fetches nothing, the first asynchronous check does.
  const withKeys = async (source) => {
    const verifier = await createVerifier(source);
    const refusal = await verifier.verifyAsync("x").catch((error) => error);
    if (refusal.code !== "malformed") {
      throw refusal;
    }
    return verifier;
  };
  const [tokenOfOne, tokenOfTwo] = [await one.sign(GOOD_CLAIMS), await two.sign(GOOD_CLAIMS)];

  await checks.group("a remote key set", async () => {
    const url = await server.publish("/jwks.json", { keys: [one.jwk] });
    const verifier = await withKeys({ jwksUri: url });
    checks.equal(verifier.verify(tokenOfOne, AT_NOW).payload, GOOD_CLAIMS, "a key of it");
    await server.publish("/jwks.json", { keys: [one.jwk, two.jwk] });
    checks.equal(await verdict(() => verifier.verifyAsync(tokenOfTwo, AT_NOW)), "unknown_key", "cooling down");
    checks.equal(await server.requests("/jwks.json"), 1, "one fetch");

    await later(31_000, async () => {
      checks.equal(await verdict(() => verifier.verify(tokenOfTwo, AT_NOW)), "unknown_key", "never by itself");
      const callers = Array.from({ length: 10 }, () => verdict(() => verifier.verifyAsync(tokenOfTwo, AT_NOW)));
      checks.equal(new Set(await Promise.all(callers)).size, 1, "all callers hear the same");
      checks.equal(await callers[0], "good", "an unknown kid fetches the set again");
      checks.equal(await server.requests("/jwks.json"), 2, "one fetch for ten callers");
      checks.equal(await verdict(() => verifier.verify(tokenOfTwo, AT_NOW)), "good", "and now it is held");
    });

    await later(62_000, async () => {
      checks.equal(await verdict(() => verifier.verifyAsync("x", AT_NOW)), "malformed", "only an unknown kid fetches");
      checks.equal(await server.requests("/jwks.json"), 2, "only an unknown kid fetches");
      await server.publish("/jwks.json", "gone", { status: 500 });
      const unknown = await two.sign(GOOD_CLAIMS, { kid: "x" });
      checks.equal(await verdict(() => verifier.verifyAsync(unknown, AT_NOW)), "unknown_key", "a fetch that fails");
      checks.equal(await verdict(() => verifier.verify(tokenOfOne, AT_NOW)), "good", "the old set is kept");
    });

    await later(93_000, async () => {
      await server.publish("/jwks.json", { keys: [two.jwk] });
      const unknown = await two.sign(GOOD_CLAIMS, { kid: "y" });
      checks.equal(await verdict(() => verifier.verifyAsync(unknown, AT_NOW)), "unknown_key", "a set without key one");
      checks.equal(await verdict(() => verifier.verify(tokenOfOne, AT_NOW)), "unknown_key", "dies with its key");
    });
  });

  await checks.group("sets that cannot be had", async () => {
    const good = await server.publish("/good.json", { keys: [one.jwk] });
    for (const [name, body, answer] of [
      ["status 500", { keys: [] }, { status: 500 }],
      ["not JSON", "<html>", {}],
      ["a redirect", "", { status: 302, headers: { location: good } }],
      ["too long", { keys: [], pad: "x".repeat(1 << 20) }, {}],
      ["no set", { no: "keys" }, {}],
    ]) {
      const url = await server.publish("/bad.json", body, answer);
      checks.equal(await verdict(() => withKeys({ jwksUri: url })), "keys_unavailable", name);
    }
    checks.equal(await server.requests("/good.json"), 0, "redirects are not followed");
    const oct = { kty: "oct", kid: "one", k: "A".repeat(43) };
    const url = await server.publish("/oct.json", { keys: [oct] });
    const verifier = await withKeys({ jwksUri: url });
    checks.equal(await verdict(() => verifier.verify(tokenOfOne, AT_NOW)), "bad_key", "a published secret is none");
  });

  await checks.group("an issuer", async () => {
    const jwks = await server.publish("/keys", { keys: [one.jwk] });
    for (const place of ["/.well-known/oauth-authorization-server{}", "{}/.well-known/openid-configuration"]) {
      const issuer = server.url(`/tenant-${place.length}`);
      const path = place.replace("{}", new URL(issuer).pathname);
      await server.publishAt(path, { issuer, jwks_uri: jwks });
      const verifier = await withKeys({ issuer });
      const of = (iss) => one.sign({ ...GOOD_CLAIMS, iss });
      const [good, wrong] = [await of(issuer), await of(`${issuer}/`)];
      checks.equal(await verdict(() => verifier.verify(good, AT_NOW)), "good", place);
      checks.equal(await verdict(() => verifier.verify(wrong, AT_NOW)), "wrong_issuer", place);
      checks.equal(await verdict(() => verifier.verify(tokenOfOne, AT_NOW)), "missing_claim", place);

      await server.publishAt(path, { issuer: `${issuer}/`, jwks_uri: jwks });
      checks.equal(await verdict(() => withKeys({ issuer })), "keys_unavailable", `${place} of another`);
    }
  });
}

/** Runs a part as if so many milliseconds had passed. */
async function later(milliseconds, part) {
  const clocks = [
    [Date, Date.now],
    [performance, performance.now],
  ];
  for (const [clock, now] of clocks) {
    clock.now = () => now.call(clock) + milliseconds;
  }
  try {
    await part();
  } finally {
    for (const [clock, now] of clocks) {
      clock.now = now;
    }
  }
}
