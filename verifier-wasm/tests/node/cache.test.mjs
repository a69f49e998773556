// The cache of verified tokens: with it and without it, every verdict is the same.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Origin } from "./origin.mjs";
import { createVerifier, verdict, verdictOf } from "./package.mjs";
import { hs256, SECRET, TestKey } from "./tokens.mjs";

const at = (seconds) => ({ currentDate: new Date(seconds * 1000) });

test("a cached verdict is given at the times at which it is right, and no others", async () => {
  for (const options of [{}, { clockTolerance: 5 }, { maxTokenAge: 20 }, { clockTolerance: 5, maxTokenAge: 20 }]) {
    const verifiers = await Promise.all(
      [1000, 0].map((cache) => createVerifier({ secret: SECRET }, { ...options, cache, allowNoExpiry: true })),
    );
    for (const claims of [
      { iat: 110, nbf: 120, exp: 150 },
      { iat: 120.5, exp: 150.5 },
      { iat: 100 },
      { iat: 100, exp: 1000 },
      { iat: 100, nbf: 140 },
    ]) {
      const token = hs256(claims);
      // Forwards, backwards and in leaps.
      const moments = Array.from({ length: 160 }, (_, index) => 90 + index / 2);
      const leaps = moments.map((_, index) => moments[(index * 71) % moments.length]);
      for (const moment of [...moments, ...moments.toReversed(), ...leaps]) {
        const [cached, plain] = verifiers.map((verifier) => verdict(() => verifier.verify(token, at(moment))));
        assert.equal(cached, plain, `${JSON.stringify(claims)} ${JSON.stringify(options)} at ${moment}`);
      }
    }
  }
});

test("what a caller does to a verdict stays with the caller", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const token = hs256({ sub: "ada", exp: 1000, roles: ["reader"] });
  for (let round = 0; round < 3; round += 1) {
    const { payload, protectedHeader } = verifier.verify(token, at(1));
    assert.deepEqual(payload, { sub: "ada", exp: 1000, roles: ["reader"] });
    assert.deepEqual(protectedHeader, { alg: "HS256", typ: "at+jwt" });
    payload.sub = "eve";
    payload.roles.push("admin");
    protectedHeader.alg = "none";
  }
});

test("only the very same text is found again", async () => {
  const verifier = await createVerifier({ secret: SECRET });
  const token = hs256({ exp: 1000 });
  verifier.verify(token, at(1));
  for (const other of [`${token}=`, ` ${token}`, token.slice(0, -1), token.toLowerCase(), `${token}\n`]) {
    assert.notEqual(verdict(() => verifier.verify(other, at(1))), "good", other);
  }
  assert.equal(verdict(() => verifier.verify(new String(token), at(1))), "malformed");
});

test("a token that is held does not reach the module again", async () => {
  const { TokenVerifier } = await import(new URL("../../pkg/wasm/tokens.js", import.meta.url));
  const calls = mock.method(TokenVerifier.prototype, "verify").mock;
  try {
    const checks = async (cache, subjects) => {
      const before = calls.callCount();
      const verifier = await createVerifier({ secret: SECRET }, { cache });
      for (const sub of subjects) {
        verifier.verify(hs256({ sub, exp: 1000 }), at(1));
      }
      return calls.callCount() - before;
    };
    assert.equal(await checks(undefined, "aaabbb"), 2);
    assert.equal(await checks(0, "aaabbb"), 6);
    assert.equal(await checks(2, "abab"), 2);
    // The one unused for longest makes room: c for b, then b for c.
    assert.equal(await checks(2, "abacaba"), 4);
  } finally {
    calls.restore();
  }
});

test("more tokens than the cache holds", async () => {
  const verifier = await createVerifier({ secret: SECRET }, { cache: 3 });
  const tokens = Array.from({ length: 10 }, (_, index) => hs256({ sub: `${index}`, exp: 1000 + index }));
  for (let round = 0; round < 3; round += 1) {
    for (const [index, token] of tokens.entries()) {
      assert.equal(verifier.verify(token, at(999)).payload.sub, `${index}`);
    }
  }
  for (const [index, token] of tokens.entries()) {
    assert.equal(verdict(() => verifier.verify(token, at(1005))), index > 5 ? "good" : "expired");
  }
});

test("text without end does not get in", async () => {
  const { TokenVerifier } = await import(new URL("../../pkg/wasm/tokens.js", import.meta.url));
  const calls = mock.method(TokenVerifier.prototype, "verify").mock;
  try {
    const verifier = await createVerifier({ secret: SECRET }, { cache: 10 });
    const long = (sub) => hs256({ sub, exp: 1000, pad: "x".repeat(6000) });
    const checks = (subjects) => {
      const before = calls.callCount();
      for (const sub of subjects) {
        verifier.verify(long(sub), at(1));
      }
      return calls.callCount() - before;
    };
    // Ten tokens of 4096 characters with their verdicts are two of these.
    assert.equal(checks("abab"), 2);
    assert.equal(checks("abcabc"), 4);
    const longer = await createVerifier({ secret: SECRET }, { cache: 1 });
    const before = calls.callCount();
    longer.verify(long("a"), at(1));
    longer.verify(long("a"), at(1));
    assert.equal(calls.callCount() - before, 2, "one that is longer than all of the cache");
    longer.verify(hs256({ exp: 1000 }), at(1));
    longer.verify(hs256({ exp: 1000 }), at(1));
    assert.equal(calls.callCount() - before, 3);
  } finally {
    calls.restore();
  }
});

test("item 64: a cached verdict dies with its key", async () => {
  const [one, two] = [new TestKey("one", 1), new TestKey("two", 2)];
  const origin = await Origin.start();
  origin.answers["/"] = { keys: [one.jwk] };
  let now = 1_000_000;
  const clock = mock.method(performance, "now", () => now);
  try {
    const verifier = await createVerifier({ jwksUri: `${origin.base}/` });
    const token = one.sign({ exp: 1000 });
    verifier.verify(token, at(1));
    origin.answers["/"] = { keys: [two.jwk] };
    now += 30_000;
    assert.equal(await verdictOf(verifier.verifyAsync(two.sign({ exp: 1000 }), at(1))), "good");
    assert.equal(verdict(() => verifier.verify(token, at(1))), "unknown_key");
  } finally {
    clock.mock.restore();
    origin.stop();
  }
});
