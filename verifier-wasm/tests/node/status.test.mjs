// `statusList`: what follows from a token's `status` claim.
import assert from "node:assert/strict";
import { after, before, beforeEach, mock, test } from "node:test";
import { deflateRawSync, deflateSync } from "node:zlib";

import { listToken, lst, pointing } from "./lists.mjs";
import { Origin } from "./origin.mjs";
import { createVerifier, verdict, verdictOf, VerifierError } from "./package.mjs";
import { GOOD_CLAIMS, hs256, NOW, SECRET, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };
const SECONDS = NOW.getTime() / 1000;
const JWKS = "/jwks.json";
const LIST = "/lists/1";

const one = new TestKey("one", 1);
const two = new TestKey("two", 2);

let origin;
let uri;
/** What the steady clock shows, in seconds. */
let now;

before(async () => {
  origin = await Origin.start();
  uri = origin.base + LIST;
});
after(() => origin.stop());

beforeEach((context) => {
  origin.reset({ [JWKS]: { keys: [one.jwk] } });
  publish([0b0000_0010]);
  now = 1000;
  const clock = mock.method(performance, "now", () => 1000 * now);
  context.after(() => clock.mock.restore());
});

/** What the list's place answers: a token, or a handler. */
function publishAs(answer) {
  origin.answers[LIST] = typeof answer === "function" ? answer : (response) => response.end(answer);
}
const publish = (bytes, claims, header) => publishAs(listToken(one, uri, bytes, claims, header));
const create = (options) => createVerifier({ jwks: { keys: [one.jwk] } }, { statusList: "fail-closed", ...options });
const tokenAt = (idx, claims) => one.sign(pointing(uri, idx, claims));
const asked = (verifier, token, options = AT_NOW) => verdictOf(verifier.verifyAsync(token, options));

test("a set bit is revoked, and any other is not", async () => {
  const requests = [];
  publishAs((response, request) => {
    requests.push(request.headers.accept);
    response.end(listToken(one, uri, [0b0000_0010, 0b1000_0000]));
  });
  const verifier = await create();
  for (let idx = 0; idx < 16; idx += 1) {
    assert.equal(await asked(verifier, tokenAt(idx)), idx === 1 || idx === 15 ? "revoked" : "good", `${idx}`);
    assert.equal(verdict(() => verifier.verify(tokenAt(idx), AT_NOW)), idx === 1 || idx === 15 ? "revoked" : "good");
  }
  assert.deepEqual(requests, ["application/statuslist+jwt"]);
});

test("every status but zero is revoked, in lists of 1, 2, 4 and 8 bits", async () => {
  // The example of section 4.1 of the draft: status[0] = 1, status[1] = 0, …
  const inBits = { 1: [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1], 2: [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3], 4: [15, 0, 8, 1], 8: [0, 255, 16] };
  const bytes = { 1: [0xb9, 0xa3], 2: [0xc9, 0x44, 0xf9], 4: [0x0f, 0x18], 8: [0, 255, 16] };
  for (const bits of [1, 2, 4, 8]) {
    publish([], { status_list: { bits, lst: lst(bytes[bits]) } });
    const verifier = await create();
    for (const [idx, status] of inBits[bits].entries()) {
      assert.equal(await asked(verifier, tokenAt(idx)), status === 0 ? "good" : "revoked", `${bits} bits, ${idx}`);
    }
    assert.equal(await asked(verifier, tokenAt(8 * bytes[bits].length / bits)), "invalid_claim", "beyond the end");
  }
});

test("a synchronous check uses the list that is held", async () => {
  const closed = await create();
  const open = await create({ statusList: "fail-open" });
  assert.equal(verdict(() => closed.verify(tokenAt(0), AT_NOW)), "status_unavailable");
  assert.equal(verdict(() => open.verify(tokenAt(1), AT_NOW)), "good");
  assert.deepEqual(origin.requests, []);
  for (const verifier of [closed, open]) {
    assert.equal(await asked(verifier, tokenAt(0)), "good");
    assert.equal(verdict(() => verifier.verify(tokenAt(0), AT_NOW)), "good");
    assert.equal(verdict(() => verifier.verify(tokenAt(1), AT_NOW)), "revoked");
  }
});

test("a token without the claim has nothing to follow", async () => {
  const verifier = await create();
  assert.equal(await asked(verifier, one.sign(GOOD_CLAIMS)), "good");
  assert.equal(verdict(() => verifier.verify(one.sign(GOOD_CLAIMS), AT_NOW)), "good");
  const demanding = await create({ requiredClaims: ["status"] });
  assert.equal(await asked(demanding, one.sign(GOOD_CLAIMS)), "missing_claim");
});

test("without the option the claim is a claim like others", async () => {
  const verifier = await createVerifier({ jwks: { keys: [one.jwk] } });
  assert.equal(await asked(verifier, tokenAt(1)), "good");
  assert.equal(await asked(verifier, one.sign({ ...GOOD_CLAIMS, status: 7 })), "good");
  assert.deepEqual(origin.requests, []);
});

test("a claim that is malformed is refused, open or closed", async () => {
  for (const statusList of ["fail-closed", "fail-open"]) {
    const verifier = await create({ statusList });
    for (const status of [
      null,
      7,
      "x",
      [],
      { status_list: null },
      { status_list: [] },
      { status_list: "x" },
      { status_list: {} },
      { status_list: { idx: 0 } },
      { status_list: { uri } },
      { status_list: { idx: -1, uri } },
      { status_list: { idx: 0.5, uri } },
      { status_list: { idx: "0", uri } },
      { status_list: { idx: null, uri } },
      { status_list: { idx: 2 ** 53, uri } },
      { status_list: { idx: 1e300, uri } },
      { status_list: { idx: 0, uri: 7 } },
      { status_list: { idx: 0, uri: "" } },
      { status_list: { idx: 0, uri: "/lists/1" } },
      { status_list: { idx: 0, uri: "http://example.com/lists/1" } },
      { status_list: { idx: 0, uri: "ftp://127.0.0.1/lists/1" } },
      { status_list: { idx: 0, uri: "data:,x" } },
      { status_list: { idx: 0, uri: uri.replace("//", "//user:password@") } },
      { status_list: { idx: 0, uri: "file:///lists/1" } },
      { status_list: { idx: 0, uri: `${uri}#1` } },
    ]) {
      const token = one.sign({ ...GOOD_CLAIMS, status });
      for (const check of [() => verifier.verifyAsync(token, AT_NOW), async () => verifier.verify(token, AT_NOW)]) {
        await assert.rejects(
          check,
          (error) => error instanceof VerifierError && error.code === "invalid_claim" && error.claim === "status",
          JSON.stringify(status),
        );
      }
    }
  }
  assert.deepEqual(origin.requests, []);
});

test("a status that is said in another way is a list that cannot be had", async () => {
  for (const status of [
    {},
    { other_mechanism: { uri } },
  ]) {
    const token = one.sign({ ...GOOD_CLAIMS, status });
    assert.equal(await asked(await create(), token), "status_unavailable", JSON.stringify(status));
    assert.equal(await asked(await create({ statusList: "fail-open" }), token), "good");
  }
  assert.deepEqual(origin.requests, []);
});

test("only a token that is good in every other way is followed", async () => {
  const verifier = await create({ issuer: "us" });
  const claims = { iss: "us" };
  assert.equal(await asked(verifier, two.sign(pointing(uri, 1, claims), { kid: "one" })), "bad_signature");
  assert.equal(await asked(verifier, tokenAt(1, { ...claims, exp: SECONDS })), "expired");
  assert.equal(await asked(verifier, tokenAt(1, { iss: "them" })), "wrong_issuer");
  assert.deepEqual(origin.requests, []);
  assert.equal(await asked(verifier, tokenAt(1, claims)), "revoked");
});

test("a list that is not a good one cannot be had", async () => {
  const good = { bits: 1, lst: lst([0]) };
  const hostile = {
    "more than 2 MiB": [Buffer.alloc((2 << 20) + 1), {}],
    "a bomb": [[], { status_list: { bits: 1, lst: deflateSync(Buffer.alloc(64 << 20)).toString("base64url") } }],
    "another `sub`": [[0], { sub: `${uri}/` }],
    "no `sub`": [[0], { sub: undefined }],
    "a `sub` of the wrong type": [[0], { sub: 7 }],
    "no `iat`": [[0], { iat: undefined }],
    "an `iat` far ahead": [[0], { iat: SECONDS + 61 }],
    "not valid yet": [[0], { nbf: SECONDS + 61 }],
    "expired": [[0], { exp: SECONDS }],
    "an `exp` of the wrong type": [[0], { exp: "never" }],
    "a `ttl` of zero": [[0], { ttl: 0 }],
    "a `ttl` of the wrong type": [[0], { ttl: "300" }],
    "the wrong `typ`": [[0], {}, { typ: "at+jwt" }],
    "no `typ`": [[0], {}, { typ: undefined }],
    "no list": [[0], { status_list: undefined }],
    "a list that is null": [[0], { status_list: null }],
    "a list that is text": [[0], { status_list: "x" }],
    "3 bits": [[0], { status_list: { ...good, bits: 3 } }],
    "bits as text": [[0], { status_list: { ...good, bits: "1" } }],
    "no bits": [[0], { status_list: { lst: good.lst } }],
    "no `lst`": [[0], { status_list: { bits: 1 } }],
    "an `lst` that is not base64url": [[0], { status_list: { bits: 1, lst: `${good.lst}=` } }],
    "an `lst` of impossible length": [[0], { status_list: { bits: 1, lst: "AAAAA" } }],
    "an empty `lst`": [[0], { status_list: { bits: 1, lst: "" } }],
    "not zlib": [[0], { status_list: { bits: 1, lst: Buffer.from("hello world").toString("base64url") } }],
    "deflate without zlib's header": [[0], { status_list: { bits: 1, lst: deflateRawSync(Buffer.alloc(9)).toString("base64url") } }],
    "more after the end": [[0], { status_list: { bits: 1, lst: Buffer.concat([deflateSync(Buffer.alloc(9)), Buffer.alloc(1)]).toString("base64url") } }],
    "cut off": [[0], { status_list: { bits: 1, lst: deflateSync(Buffer.alloc(9)).subarray(0, -2).toString("base64url") } }],
  };
  const answers = Object.entries(hostile).map(([name, [bytes, claims, header]]) => [name, listToken(one, uri, bytes, claims, header)]);
  const list = listToken(one, uri, [0]);
  answers.push(
    ["an unknown key", listToken(two, uri, [0])],
    ["another key under the name of ours", listToken(two, uri, [0], {}, { kid: "one" })],
    ["no signature", list.slice(0, list.lastIndexOf(".") + 1)],
    ["white space", `${list}\n`],
    ["nothing", ""],
    ["not a token", "<html>"],
    ["oversized", `${list}${"A".repeat(1 << 20)}`],
    ["not found", (response) => response.writeHead(404).end(list)],
    ["a redirect", (response) => response.writeHead(302, { location: `${origin.base}/other` }).end()],
    ["a connection that ends", (response) => response.destroy()],
  );
  origin.answers["/other"] = (response) => response.end(list);
  const token = tokenAt(0);
  for (const [name, answer] of answers) {
    publishAs(answer);
    const closed = await create();
    assert.equal(await asked(closed, token), "status_unavailable", name);
    assert.equal(verdict(() => closed.verify(token, AT_NOW)), "status_unavailable", name);
    assert.equal(await asked(await create({ statusList: "fail-open" }), token), "good", name);
    // After any of it the next call works.
    publishAs(list);
    now += 5;
    assert.equal(await asked(closed, token), "good", name);
  }
  assert.equal(origin.count("/other"), 0);
});

test("a list of 2 MiB is the largest", async () => {
  const bytes = Buffer.alloc(2 << 20);
  bytes[bytes.length - 1] = 0b1000_0000;
  publish(bytes);
  const verifier = await create();
  assert.equal(await asked(verifier, tokenAt(8 * bytes.length - 1)), "revoked");
  assert.equal(await asked(verifier, tokenAt(8 * bytes.length - 2)), "good");
});

test("the error says what kept the list away", async () => {
  publishAs((response) => response.writeHead(503).end());
  const verifier = await create();
  await assert.rejects(verifier.verifyAsync(tokenAt(0), AT_NOW), ({ code, cause }) => {
    assert.equal(code, "status_unavailable");
    assert.match(cause.cause.message, /503/);
    return true;
  });
});

test("one fetch for all who ask at once, and each list for itself", async () => {
  const other = `${origin.base}/lists/2`;
  origin.answers["/lists/2"] = (response) => response.end(listToken(one, other, [1]));
  const verifiers = [await create(), await create()];
  const checks = verifiers.flatMap((verifier) =>
    Array.from({ length: 20 }, (_, index) => [asked(verifier, tokenAt(index % 2)), asked(verifier, one.sign(pointing(other, 0)))]),
  );
  const verdicts = await Promise.all(checks.flat());
  assert.equal(verdicts.filter((one) => one === "good").length, 20);
  assert.equal(verdicts.filter((one) => one === "revoked").length, 60);
  assert.deepEqual(origin.requests.toSorted(), [LIST, "/lists/2"]);
});

test("a list is kept for its `ttl`, or for what HTTP says, within bounds", async () => {
  for (const [claims, headers, seconds] of [
    [{ ttl: 60 }, {}, 60],
    [{ ttl: 60 }, { "cache-control": "max-age=600" }, 60],
    [{ ttl: undefined }, { "cache-control": "max-age=600" }, 600],
    [{ ttl: undefined }, {}, 300],
    [{ ttl: 0.1 }, {}, 5],
    [{ ttl: 43_200 }, {}, 3600],
  ]) {
    const message = JSON.stringify([claims, headers]);
    const answer = (bytes) => (response) => {
      response.writeHead(200, headers);
      response.end(listToken(one, uri, bytes, claims));
    };
    origin.reset({ [LIST]: answer([0]) });
    const verifier = await create();
    assert.equal(await asked(verifier, tokenAt(0)), "good");
    publishAs(answer([1]));
    now += seconds - 0.001;
    assert.equal(await asked(verifier, tokenAt(0)), "good", message);
    assert.equal(origin.requests.length, 1, message);
    now += 0.001;
    assert.equal(verdict(() => verifier.verify(tokenAt(0), AT_NOW)), "good", "what is held");
    assert.equal(await asked(verifier, tokenAt(0)), "revoked", message);
    assert.equal(verdict(() => verifier.verify(tokenAt(0), AT_NOW)), "revoked", "a cached verdict dies with its status");
    assert.equal(origin.requests.length, 2, message);
  }
});

test("an old list stays while a newer one cannot be had, until it expires", async () => {
  for (const statusList of ["fail-closed", "fail-open"]) {
    publish([0b10]);
    const verifier = await create({ statusList });
    assert.equal(await asked(verifier, tokenAt(0)), "good");
    publishAs((response) => response.writeHead(500).end());
    for (let minutes = 5; minutes < 60; minutes += 5) {
      now += 300;
      const later = { currentDate: new Date(1000 * (SECONDS + 60 * minutes)) };
      const lasting = { exp: SECONDS + 7200 };
      assert.equal(await asked(verifier, tokenAt(0, lasting), later), "good");
      assert.equal(await asked(verifier, tokenAt(1, lasting), later), "revoked");
    }
    now += 300;
    const expired = { currentDate: new Date(1000 * (SECONDS + 3600)) };
    const token = tokenAt(0, { exp: SECONDS + 7200 });
    const expected = statusList === "fail-closed" ? "status_unavailable" : "good";
    assert.equal(await asked(verifier, token, expired), expected);
    assert.equal(verdict(() => verifier.verify(token, expired)), expected);
  }
});

test("a list that hangs holds nobody up who has an older one", async () => {
  const verifier = await create();
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  let hanging;
  publishAs((response) => {
    hanging = response;
  });
  now += 300;
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  assert.equal(hanging.closed, false, "before the fetch ended");
  // A place that only the newer list has is waited for.
  const beyond = asked(verifier, tokenAt(9, { iat: SECONDS }));
  hanging.end(listToken(one, uri, [0b01, 0b10], { iat: SECONDS }));
  assert.equal(await beyond, "revoked");
  assert.equal(await asked(verifier, tokenAt(0)), "revoked", "what the fetch brought");
  assert.equal(origin.count(LIST), 2);
});

test("a list that never expires is relied on for a day at most", async () => {
  publish([0], { exp: undefined });
  const verifier = await create();
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  publishAs((response) => response.destroy());
  now += 86_399;
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  now += 1;
  assert.equal(verdict(() => verifier.verify(tokenAt(0), AT_NOW)), "status_unavailable");
});

test("a list that cannot be had is tried less and less often", async () => {
  publishAs((response) => response.writeHead(500).end());
  const verifier = await create();
  for (const pause of [1, 2, 4, 5, 5]) {
    const before = origin.count(LIST);
    await Promise.all(Array.from({ length: 5 }, () => asked(verifier, tokenAt(0))));
    now += pause - 0.001;
    assert.equal(await asked(verifier, tokenAt(0)), "status_unavailable");
    assert.equal(origin.count(LIST), before + 1);
    now += 0.001;
  }
});

test("a list may grow", async () => {
  publish([0], { iat: SECONDS - 100 });
  const verifier = await create();
  assert.equal(await asked(verifier, tokenAt(7)), "good");
  // Older than the list: there is no such place. Younger: the list may have grown.
  assert.equal(await asked(verifier, tokenAt(8, { iat: SECONDS - 101 })), "invalid_claim");
  assert.equal(await asked(verifier, tokenAt(8, { iat: undefined })), "invalid_claim");
  assert.equal(origin.count(LIST), 1);
  publish([0, 0b10], { iat: SECONDS });
  assert.equal(await asked(verifier, tokenAt(8)), "status_unavailable", "at most every five seconds");
  now += 5;
  assert.equal(verdict(() => verifier.verify(tokenAt(8), AT_NOW)), "status_unavailable");
  assert.equal(await asked(verifier, tokenAt(8)), "good");
  assert.equal(await asked(verifier, tokenAt(9)), "revoked");
  assert.equal(origin.count(LIST), 2);
  const open = await create({ statusList: "fail-open" });
  assert.equal(await asked(open, tokenAt(16)), "invalid_claim", "beyond the end of a list that is newer");
});

test("clocks differ a little", async () => {
  publish([0], { iat: SECONDS + 60, nbf: SECONDS + 60 });
  assert.equal(await asked(await create(), tokenAt(0)), "good");
  publish([0], { exp: SECONDS - 4 });
  assert.equal(await asked(await create(), tokenAt(0)), "status_unavailable");
  assert.equal(await asked(await create({ clockTolerance: 5 }), tokenAt(0)), "good");
});

test("a list dies with its key", async () => {
  origin.answers[JWKS] = { keys: [one.jwk, two.jwk] };
  publishAs(listToken(two, uri, [0]));
  const verifier = await createVerifier({ jwksUri: origin.base + JWKS }, { statusList: "fail-closed" });
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  origin.answers[JWKS] = { keys: [one.jwk] };
  publishAs((response) => response.writeHead(500).end());
  now += 600;
  assert.equal(await asked(verifier, tokenAt(0)), "status_unavailable");
  assert.equal(verdict(() => verifier.verify(tokenAt(0), AT_NOW)), "status_unavailable");
});

test("a list dies with its key also while it is being read", async () => {
  const { TokenVerifier } = await import(new URL("../../pkg/wasm/tokens.js", import.meta.url));
  const verifier = await create();
  const list = listToken(one, uri, [0]);
  publishAs(list);
  const { verify } = TokenVerifier.prototype;
  const calls = mock.method(TokenVerifier.prototype, "verify", function (token, ...rest) {
    const verified = verify.call(this, token, ...rest);
    if (Buffer.from(token).toString() === list) {
      this.setJwks(JSON.stringify({ keys: [two.jwk] }), true);
    }
    return verified;
  });
  try {
    assert.equal(await asked(verifier, tokenAt(0)), "status_unavailable");
  } finally {
    calls.mock.restore();
  }
});

test("a list may be signed with a key that is new", async () => {
  const verifier = await createVerifier({ jwksUri: origin.base + JWKS }, { statusList: "fail-closed" });
  origin.answers[JWKS] = { keys: [one.jwk, two.jwk] };
  publishAs(listToken(two, uri, [0b10]));
  assert.equal(await asked(verifier, tokenAt(0)), "status_unavailable", "the cool-down of the keys");
  now += 30;
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  assert.equal(await asked(verifier, tokenAt(1)), "revoked");
  assert.deepEqual(origin.requests, [JWKS, LIST, LIST, JWKS]);
});

test("a list under a shared secret", async () => {
  const claims = { sub: uri, iat: SECONDS, status_list: { bits: 1, lst: lst([0b10]) } };
  publishAs(hs256(claims, { typ: "statuslist+jwt" }));
  const verifier = await createVerifier({ secret: SECRET }, { statusList: "fail-closed" });
  assert.equal(await asked(verifier, hs256(pointing(uri, 0))), "good");
  assert.equal(await asked(verifier, hs256(pointing(uri, 1))), "revoked");
  publishAs(listToken(one, uri, [0]));
  now += 300;
  assert.equal(await asked(verifier, hs256(pointing(uri, 1))), "revoked", "what is held");
});

test("without a cache of tokens it is the same", async () => {
  const verifier = await create({ cache: 0 });
  assert.equal(await asked(verifier, tokenAt(0)), "good");
  assert.equal(await asked(verifier, tokenAt(1)), "revoked");
  assert.equal(verdict(() => verifier.verify(tokenAt(1), AT_NOW)), "revoked");
});

test("more lists than are held, by number and by size", async () => {
  // Bytes that do not get smaller.
  const noise = Buffer.alloc(500_000);
  for (let at = 1, state = 1; at < noise.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    noise[at] = state >>> 16;
  }
  const size = listToken(one, `${origin.base}/large/10`, noise).length + noise.length;
  for (const [paths, bytes, held] of [
    [Array.from({ length: 300 }, (_, index) => `/small/${index}`), [0], 256],
    [Array.from({ length: 30 }, (_, index) => `/large/${index}`), noise, Math.floor((32 << 20) / size)],
  ]) {
    for (const path of paths) {
      const answer = listToken(one, origin.base + path, bytes);
      origin.answers[path] = (response) => response.end(answer);
    }
    const verifier = await create();
    const tokens = paths.map((path) => one.sign(pointing(origin.base + path, 0)));
    for (const token of tokens) {
      assert.equal(await asked(verifier, token), "good");
    }
    const codes = tokens.map((token) => verdict(() => verifier.verify(token, AT_NOW)));
    assert.deepEqual(codes.slice(-held), Array(held).fill("good"));
    assert.deepEqual(new Set(codes.slice(0, -held)), new Set(["status_unavailable"]));
    // What is used again is not the one that makes room.
    const [oldest, next] = tokens.slice(-held);
    verifier.verify(oldest, AT_NOW);
    assert.equal(await asked(verifier, tokens[0]), "good");
    assert.equal(verdict(() => verifier.verify(oldest, AT_NOW)), "good");
    assert.equal(verdict(() => verifier.verify(next, AT_NOW)), "status_unavailable");
  }
});
