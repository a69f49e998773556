// Keys over HTTP, from a server on loopback.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, beforeEach, mock, test } from "node:test";

import { createVerifier, verdictOf, VerifierError } from "./package.mjs";
import { GOOD_CLAIMS, NOW, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };
const JWKS = "/jwks.json";
const OAUTH = "/.well-known/oauth-authorization-server";
const OPENID = "/.well-known/openid-configuration";

const one = new TestKey("one", 1);
const two = new TestKey("two", 2);

let server;
let base;
/** What each path answers: a value to send as JSON, or a handler. */
let answers;
let requests;

before(async () => {
  server = createServer((request, response) => {
    requests.push(request.url);
    const answer = answers[request.url];
    if (typeof answer === "function") {
      answer(response);
      return;
    }
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(JSON.stringify(answer ?? {}));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  base = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  answers = { [JWKS]: { keys: [one.jwk] } };
  requests = [];
});

test("a key set is fetched when the verifier is created", async () => {
  const verifier = await createVerifier({ jwksUri: base + JWKS });
  assert.deepEqual(verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW).payload, GOOD_CLAIMS);
  assert.deepEqual(requests, [JWKS]);
});

test("a secret that is published is none", async () => {
  answers[JWKS] = { keys: [{ kty: "oct", kid: "one", k: "A".repeat(43) }] };
  const verifier = await createVerifier({ jwksUri: base + JWKS });
  assert.throws(() => verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW), { code: "bad_key" });
});

test("an unknown kid fetches the set again, once per cool-down and for all who wait", async () => {
  let now = 1_000_000;
  const clock = mock.method(performance, "now", () => now);
  try {
    const verifier = await createVerifier({ jwksUri: base + JWKS });
    answers[JWKS] = { keys: [one.jwk, two.jwk] };
    const token = two.sign(GOOD_CLAIMS);
    assert.equal(await verdictOf(verifier.verifyAsync(token, AT_NOW)), "unknown_key");
    assert.equal(requests.length, 1, "still cooling down");
    now += 30_000;
    assert.throws(() => verifier.verify(token, AT_NOW), { code: "unknown_key" });
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOf(verifier.verifyAsync(token, AT_NOW))));
    assert.deepEqual(new Set(verdicts), new Set(["good"]));
    assert.equal(requests.length, 2, "one fetch for twenty callers");
    verifier.verify(token, AT_NOW);
    now += 30_000;
    assert.equal(await verdictOf(verifier.verifyAsync("x", AT_NOW)), "malformed");
    assert.equal(requests.length, 2, "only an unknown kid fetches");
    answers[JWKS] = (response) => response.destroy();
    assert.equal(await verdictOf(verifier.verifyAsync(two.sign(GOOD_CLAIMS, { kid: "x" }), AT_NOW)), "unknown_key");
    assert.equal(requests.length, 3);
    verifier.verify(token, AT_NOW);
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
  answers["/other"] = { keys: [one.jwk] };
  for (const [name, failure] of Object.entries(failures)) {
    answers[JWKS] = failure;
    await assert.rejects(
      createVerifier({ jwksUri: base + JWKS }),
      (error) => error instanceof VerifierError && error.code === "keys_unavailable" && error.cause !== undefined,
      name,
    );
  }
  answers[JWKS] = { no: "keys" };
  assert.equal(await verdictOf(createVerifier({ jwksUri: base + JWKS })), "keys_unavailable");
});

test("an issuer is asked for its keys, and expected in `iss`", async () => {
  answers[OAUTH] = { issuer: base, jwks_uri: base + JWKS };
  const verifier = await createVerifier({ issuer: base });
  assert.deepEqual(requests, [OAUTH, JWKS]);
  verifier.verify(one.sign({ ...GOOD_CLAIMS, iss: base }), AT_NOW);
  assert.throws(() => verifier.verify(one.sign({ ...GOOD_CLAIMS, iss: `${base}/` }), AT_NOW), { code: "wrong_issuer" });
  assert.throws(() => verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW), { code: "missing_claim" });
});

test("OpenID discovery stands in for RFC 8414, and paths are kept", async () => {
  const issuer = `${base}/tenant`;
  answers[`/tenant${OPENID}`] = { issuer, jwks_uri: base + JWKS };
  await createVerifier({ issuer });
  assert.deepEqual(requests, [`${OAUTH}/tenant`, `/tenant${OPENID}`, JWKS]);
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
    answers[OAUTH] = metadata;
    assert.equal(await verdictOf(createVerifier({ issuer: base })), "keys_unavailable", JSON.stringify(metadata));
  }
  assert.ok(!requests.includes(JWKS));
});
