// Keys over HTTP, from a server on loopback.
import assert from "node:assert/strict";
import { after, before, beforeEach, mock, test } from "node:test";

import { Origin } from "./origin.mjs";
import { createVerifier, verdictOf, VerifierError } from "./package.mjs";
import { GOOD_CLAIMS, NOW, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };
const JWKS = "/jwks.json";
const OAUTH = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";

const one = new TestKey("one", 1);
const two = new TestKey("two", 2);

let origin;
let base;

before(async () => {
  origin = await Origin.start();
  base = origin.base;
});

after(() => origin.stop());

beforeEach(() => origin.reset({ [JWKS]: { keys: [one.jwk] } }));

test("a key set is fetched when the verifier is created", async () => {
  const verifier = await createVerifier({ jwksUri: base + JWKS });
  assert.deepEqual(verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW).payload, GOOD_CLAIMS);
  assert.deepEqual(origin.requests, [JWKS]);
});

test("item 53: a secret that is published is none", async () => {
  origin.answers[JWKS] = { keys: [{ kty: "oct", kid: "one", k: "A".repeat(43) }] };
  const verifier = await createVerifier({ jwksUri: base + JWKS });
  assert.throws(() => verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW), { code: "bad_key" });
});

test("an unknown kid fetches the set again, once per cool-down and for all who wait", async () => {
  let now = 1_000_000;
  const clock = mock.method(performance, "now", () => now);
  try {
    const verifier = await createVerifier({ jwksUri: base + JWKS });
    origin.answers[JWKS] = { keys: [one.jwk, two.jwk] };
    const token = two.sign(GOOD_CLAIMS);
    assert.equal(await verdictOf(verifier.verifyAsync(token, AT_NOW)), "unknown_key");
    assert.equal(origin.requests.length, 1, "still cooling down");
    now += 30_000;
    assert.throws(() => verifier.verify(token, AT_NOW), { code: "unknown_key" });
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOf(verifier.verifyAsync(token, AT_NOW))));
    assert.deepEqual(new Set(verdicts), new Set(["good"]));
    assert.equal(origin.requests.length, 2, "one fetch for twenty callers");
    verifier.verify(token, AT_NOW);
    now += 30_000;
    assert.equal(await verdictOf(verifier.verifyAsync("x", AT_NOW)), "malformed");
    assert.equal(origin.requests.length, 2, "only an unknown kid fetches");
    origin.answers[JWKS] = (response) => response.destroy();
    assert.equal(await verdictOf(verifier.verifyAsync(two.sign(GOOD_CLAIMS, { kid: "x" }), AT_NOW)), "unknown_key");
    assert.equal(origin.requests.length, 3);
    verifier.verify(token, AT_NOW);
  } finally {
    clock.mock.restore();
  }
});

test("an issuer that hangs holds nobody up who has keys", async () => {
  let now = 1_000_000;
  const clock = mock.method(performance, "now", () => now);
  try {
    const verifier = await createVerifier({ jwksUri: base + JWKS });
    let hanging;
    origin.answers[JWKS] = (response) => {
      hanging = response;
    };
    now += 600_000;
    assert.equal(await verdictOf(verifier.verifyAsync(one.sign(GOOD_CLAIMS), AT_NOW)), "good");
    assert.equal(hanging.closed, false, "before the fetch ended");
    const unknown = verdictOf(verifier.verifyAsync(two.sign(GOOD_CLAIMS), AT_NOW));
    hanging.end(JSON.stringify({ keys: [one.jwk, two.jwk] }));
    assert.equal(await unknown, "good", "what the fetch brought");
    assert.equal(origin.requests.length, 2);
  } finally {
    clock.mock.restore();
  }
});

test("a set that cannot be had is keys_unavailable, with the cause", async () => {
  const failures = {
    "status 500": (response) => response.writeHead(500).end(),
    "not JSON": (response) => response.end("<html>"),
    "not UTF-8": (response) => response.end(Buffer.from([0x22, 0xff, 0x22])),
    "a redirect": (response) => response.writeHead(302, { location: `${base}/other` }).end(),
    "too long": (response) => response.end(JSON.stringify({ keys: [], pad: "x".repeat(1 << 20) })),
    "cut off": (response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("{");
      setImmediate(() => response.destroy());
    },
  };
  origin.answers["/other"] = { keys: [one.jwk] };
  for (const [name, failure] of Object.entries(failures)) {
    origin.answers[JWKS] = failure;
    await assert.rejects(
      createVerifier({ jwksUri: base + JWKS }),
      (error) => error instanceof VerifierError && error.code === "keys_unavailable" && error.cause !== undefined,
      name,
    );
  }
  origin.answers[JWKS] = { no: "keys" };
  assert.equal(await verdictOf(createVerifier({ jwksUri: base + JWKS })), "keys_unavailable");
});

test("a server that takes too long is given up", async (context) => {
  // One of its own: what was given up may reach it late.
  const slow = await Origin.start();
  context.after(() => slow.stop());
  const timeout = AbortSignal.timeout;
  const limits = [];
  const clock = mock.method(AbortSignal, "timeout", (limit) => {
    limits.push(limit);
    return timeout.call(AbortSignal, 50);
  });
  try {
    for (const [name, answer] of [
      ["no answer", () => {}],
      ["an answer that stops", (response) => response.write('{"keys":[')],
      [
        "an answer that trickles",
        (response) => {
          const trickle = setInterval(() => response.write(" "), 10);
          response.on("close", () => clearInterval(trickle));
        },
      ],
    ]) {
      slow.answers[JWKS] = answer;
      assert.equal(await verdictOf(createVerifier({ jwksUri: slow.base + JWKS })), "keys_unavailable", name);
    }
    assert.deepEqual(limits, [5000, 5000, 5000]);
  } finally {
    clock.mock.restore();
  }
});

test("an issuer is asked for its keys, and expected in `iss`", async () => {
  origin.answers[OAUTH] = { issuer: base, jwks_uri: base + JWKS };
  const verifier = await createVerifier({ issuer: base });
  assert.deepEqual(origin.requests, [OAUTH, JWKS]);
  verifier.verify(one.sign({ ...GOOD_CLAIMS, iss: base }), AT_NOW);
  assert.throws(() => verifier.verify(one.sign({ ...GOOD_CLAIMS, iss: `${base}/` }), AT_NOW), { code: "wrong_issuer" });
  assert.throws(() => verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW), { code: "missing_claim" });
});

test("the issuer of the keys is the only one that may be expected", async () => {
  origin.answers[OAUTH] = { issuer: base, jwks_uri: base + JWKS };
  await assert.rejects(createVerifier({ issuer: base }, { issuer: `${base}/` }), /TypeError.*`issuer`/);
  assert.deepEqual(origin.requests, []);
  await createVerifier({ issuer: base }, { issuer: base });
});

test("OpenID discovery stands in for RFC 8414, and paths are kept", async () => {
  const issuer = `${base}/tenant`;
  origin.answers[`/tenant${OPENID}`] = { issuer, jwks_uri: base + JWKS };
  await createVerifier({ issuer });
  assert.deepEqual(origin.requests, [`${OAUTH}/tenant`, `/tenant${OPENID}`, JWKS]);
});

test("metadata that cannot be trusted", async () => {
  for (const metadata of [
    { issuer: `${base}/`, jwks_uri: base + JWKS },
    { jwks_uri: base + JWKS },
    { issuer: base },
    { issuer: base, jwks_uri: "http://auth.example.com/jwks.json" },
    { issuer: base, jwks_uri: 7 },
    null,
  ]) {
    origin.answers[OAUTH] = metadata;
    assert.equal(await verdictOf(createVerifier({ issuer: base })), "keys_unavailable", JSON.stringify(metadata));
  }
  assert.ok(!origin.requests.includes(JWKS));
});
