// How long a fetched key set is kept, and what happens when it cannot be fetched
// again.
import assert from "node:assert/strict";
import { after, before, beforeEach, mock, test } from "node:test";

import { Origin } from "./origin.mjs";
import { createVerifier, verdict, verdictOf } from "./package.mjs";
import { GOOD_CLAIMS, NOW, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };
const JWKS = "/jwks.json";

const one = new TestKey("one", 1);
const two = new TestKey("two", 2);
const ofOne = one.sign(GOOD_CLAIMS);
const ofTwo = two.sign(GOOD_CLAIMS);

let origin;
let clock;
/** What the steady clock shows, in seconds. */
let now;

before(async () => {
  origin = await Origin.start();
});
after(() => origin.stop());

beforeEach((context) => {
  origin.reset({ [JWKS]: { keys: [one.jwk] } });
  now = 1000;
  clock = mock.method(performance, "now", () => 1000 * now);
  context.after(() => clock.mock.restore());
});

const create = () => createVerifier({ jwksUri: origin.base + JWKS });
const answer = (keys, headers) => (response) => {
  response.writeHead(200, headers);
  response.end(JSON.stringify({ keys }));
};

test("for as long as Cache-Control says, within bounds", async () => {
  for (const [headers, seconds] of [
    [{ "cache-control": "max-age=300" }, 300],
    [{ "cache-control": "public, Max-Age = 300, must-revalidate" }, 300],
    [{ "cache-control": 'max-age="300"' }, 300],
    [{ "cache-control": "max-age=300", age: "100" }, 200],
    [{ "cache-control": "max-age=300", age: "-100" }, 300],
    [{ "cache-control": "max-age=300", age: "never" }, 300],
    [{}, 600],
    [{ "cache-control": "s-maxage=300" }, 600],
    [{ "cache-control": "max-age=soon" }, 600],
    [{ "cache-control": "max-age=0" }, 60],
    [{ "cache-control": "no-store" }, 60],
    [{ "cache-control": "max-age=300, no-cache" }, 60],
    [{ "cache-control": "max-age=30", age: "100" }, 60],
    [{ "cache-control": "max-age=86400" }, 3600],
    [{ "cache-control": `max-age=${"9".repeat(400)}` }, 3600],
  ]) {
    const message = JSON.stringify(headers);
    origin.reset({ [JWKS]: answer([one.jwk], headers) });
    const verifier = await create();
    now += seconds - 0.001;
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(origin.requests.length, 1, message);
    origin.answers[JWKS] = answer([two.jwk], headers);
    now += 0.001;
    verifier.verify(ofOne, AT_NOW);
    assert.equal(origin.requests.length, 1, "a synchronous check fetches nothing");
    assert.equal(await verdictOf(verifier.verifyAsync(ofOne, AT_NOW)), "unknown_key", message);
    verifier.verify(ofTwo, AT_NOW);
    assert.equal(origin.requests.length, 2, message);
  }
});

test("once for all who create or check at the same time", async () => {
  const verifiers = await Promise.all(Array.from({ length: 20 }, create));
  assert.deepEqual(origin.requests, [JWKS]);
  origin.answers[JWKS] = { keys: [two.jwk] };
  now += 600;
  const checks = verifiers.flatMap((verifier) => [verifier.verifyAsync(ofTwo, AT_NOW), verifier.verifyAsync(ofTwo, AT_NOW)]);
  await Promise.all(checks);
  assert.deepEqual(origin.requests, [JWKS, JWKS]);
});

test("once for many that ask an issuer", async () => {
  const metadata = "/.well-known/oauth-authorization-server";
  origin.answers[metadata] = { issuer: origin.base, jwks_uri: origin.base + JWKS };
  await Promise.all(Array.from({ length: 20 }, () => createVerifier({ issuer: origin.base })));
  assert.deepEqual(origin.requests, [metadata, JWKS]);
});

test("a fetch that fails for one fails for all, and the next one is a new one", async () => {
  origin.answers[JWKS] = (response) => response.writeHead(503).end();
  const verdicts = await Promise.all(Array.from({ length: 20 }, () => verdictOf(create())));
  assert.deepEqual(new Set(verdicts), new Set(["keys_unavailable"]));
  assert.equal(origin.requests.length, 1);
  origin.answers[JWKS] = { keys: [one.jwk] };
  await create();
});

test("the old set stays while a newer one cannot be had, which is tried less and less often", async () => {
  const verifier = await create();
  const failures = [
    (response) => response.writeHead(500).end(),
    (response) => response.destroy(),
    (response) => response.end("<html>"),
    { no: "keys" },
  ];
  now += 600;
  for (const [index, pause] of [30, 60, 120, 240, 480, 480, 480].entries()) {
    origin.answers[JWKS] = failures[index % failures.length];
    const { length } = origin.requests;
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(origin.requests.length, length + 1);
    now += pause - 0.001;
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(await verdictOf(verifier.verifyAsync(ofTwo, AT_NOW)), "unknown_key");
    assert.equal(origin.requests.length, length + 1, `no new try within ${pause} s`);
    now += 0.001;
  }
  origin.answers[JWKS] = { keys: [two.jwk] };
  await verifier.verifyAsync(ofTwo, AT_NOW);
  assert.equal(verdict(() => verifier.verify(ofOne, AT_NOW)), "unknown_key");
  // What went well resets the pause.
  now += 30;
  origin.answers[JWKS] = { keys: [one.jwk, two.jwk] };
  await verifier.verifyAsync(ofOne, AT_NOW);
});

test("a machine that slept, and a clock that was set back", async () => {
  const verifier = await create();
  const date = mock.method(Date, "now");
  try {
    const before = date.mock.calls.length;
    date.mock.mockImplementation(() => new Date().getTime() + 600_000);
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(origin.requests.length, 2, "the steady clock stood still");
    date.mock.mockImplementation(() => 0);
    now += 600;
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(origin.requests.length, 3);
    assert.ok(date.mock.calls.length > before);
  } finally {
    date.mock.restore();
  }
});

test("the same set again loses nothing that was found out with it", async () => {
  const { TokenVerifier } = await import(new URL("../../pkg/wasm/tokens.js", import.meta.url));
  const verifier = await create();
  verifier.verify(ofOne, AT_NOW);
  const calls = mock.method(TokenVerifier.prototype, "verify").mock;
  try {
    now += 600;
    await verifier.verifyAsync(ofOne, AT_NOW);
    assert.equal(origin.requests.length, 2);
    assert.equal(calls.callCount(), 0);
  } finally {
    calls.restore();
  }
});

test("what is wrong with a call is wrong before anything is fetched", async () => {
  const verifier = await create();
  now += 600;
  assert.equal(await verdictOf(verifier.verifyAsync(7)), "malformed");
  assert.equal(await verdictOf(verifier.verifyAsync("x".repeat(16385))), "too_large");
  await assert.rejects(verifier.verifyAsync(ofOne, { currentDate: 7 }), TypeError);
  assert.equal(origin.requests.length, 1);
});
