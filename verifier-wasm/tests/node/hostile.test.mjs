// Whatever a token, a key set or a list contains: a verdict comes out, in bounded
// memory, and the next call works. In WebAssembly a panic would be a trap, which is
// no VerifierError and fails these tests.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, mock, test } from "node:test";

import { listToken, lst, pointing } from "./lists.mjs";
import { Origin } from "./origin.mjs";
import { createVerifier, verdict, verdictOf } from "./package.mjs";
import { GOOD_CLAIMS, NOW, TestKey } from "./tokens.mjs";

const AT_NOW = { currentDate: NOW };
const { initSync } = await import(new URL("../../pkg/wasm/tokens.js", import.meta.url));

const read = (name) => readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");
const attacks = read("jwt_attacks.jsonl").trimEnd().split("\n").flatMap((line) => JSON.parse(line).token ?? []);
const keySet = Object.values(JSON.parse(read("jwt_attacks_keys.json")).jwk_by_alg).filter(({ kty }) => kty !== "oct");

const key = new TestKey("one", 1);
const good = key.sign(GOOD_CLAIMS);

let origin;
before(async () => {
  origin = await Origin.start();
});
after(() => origin.stop());

/** Mulberry32: the same numbers at every run. */
let state = 0x6c6b;
function below(bound) {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
}
const oneOf = (list) => list[below(list.length)];

/** A few of the usual accidents: something changed, removed, inserted, cut, doubled. */
function mutated(text) {
  let changed = text;
  for (let times = 1 + below(3); times > 0; times -= 1) {
    const at = below(changed.length + 1);
    const [head, tail] = [changed.slice(0, at), changed.slice(at)];
    const character = () => String.fromCodePoint(oneOf([below(128), below(0x10000), below(0x110000)]));
    changed = oneOf([
      () => head + character() + tail.slice(1),
      () => head + tail.slice(1),
      () => head + oneOf([...'.=\0 \n{}[]"-_Aa0,:']) + tail,
      () => head,
      () => changed + tail,
    ])();
  }
  return changed;
}

/** How much memory the module has, in bytes: it never shrinks. */
const memory = () => initSync().memory.buffer.byteLength;

test("item 66: tokens with accidents", async () => {
  const verifier = await createVerifier({ jwks: { keys: [...keySet, key.jwk] } }, { statusList: "fail-open" });
  for (let round = 0; round < 5000; round += 1) {
    const original = oneOf([good, ...attacks]);
    const token = mutated(original);
    const code = verdict(() => verifier.verify(token, AT_NOW));
    assert.ok(code !== "good" || token === original || original !== good, token);
    verdict(() => verifier.verifySignature(token));
  }
  verifier.verify(good, AT_NOW);
});

test("item 66: key sets with accidents", async () => {
  const text = JSON.stringify({ keys: [...keySet, key.jwk] });
  let now = 0;
  const clock = mock.method(performance, "now", () => now);
  try {
    origin.reset({ "/": (response) => response.end(text) });
    const verifier = await createVerifier({ jwksUri: `${origin.base}/` });
    const seen = new Set();
    for (let round = 0; round < 500; round += 1) {
      const changed = mutated(text);
      origin.answers["/"] = (response) => response.end(changed);
      // Longer than any kept set is kept, and any pause lasts.
      now += 4_000_000;
      seen.add(await verdictOf(verifier.verifyAsync(good, AT_NOW)));
    }
    origin.answers["/"] = (response) => response.end(text);
    now += 4_000_000;
    assert.equal(await verdictOf(verifier.verifyAsync(good, AT_NOW)), "good");
    const expected = new Set(["good", "unknown_key", "bad_key", "algorithm_mismatch", "bad_signature", "unsupported_algorithm"]);
    assert.ok(seen.has("good") && [...seen].every((code) => expected.has(code)), [...seen].join());
  } finally {
    clock.mock.restore();
  }
});

test("item 66: key sets as large as may be, of as many keys as may be", async () => {
  const number = (bytes) => Buffer.concat([Buffer.from([0xff]), randomBytes(bytes - 2), Buffer.from([0xff])]).toString("base64url");
  const many = (count, make) => Array.from({ length: count }, (_, index) => make(index));
  for (const [expected, ...keys] of [
    ["unknown_key", ...many(500, (index) => ({ kty: "RSA", kid: `${index}`, n: number(1024), e: "AQAB" }))],
    ["bad_key", ...many(1000, () => ({ kty: "OKP", crv: "Ed25519", x: number(32), kid: "one" }))],
    ["bad_key", ...many(1000, () => ({ kid: "one", pad: "x".repeat(1000) }))],
    ["keys_unavailable", ...many(300_000, () => ({}))],
    ["bad_key", { kty: "RSA", kid: "one", n: number(700_000), e: "AQAB" }],
    ["bad_key", { kty: "RSA", kid: "one", n: number(256), e: number(700_000) }],
    ["bad_key", { kty: "EC", crv: "P-256", kid: "one", x: number(350_000), y: number(350_000) }],
    ["unknown_key", { kty: "OKP", crv: "Ed25519", kid: "x".repeat(1_000_000), x: number(32) }],
  ]) {
    const text = JSON.stringify({ keys });
    assert.ok(text.length < 1 << 20, `${text.length}`);
    origin.reset({ "/": (response) => response.end(text) });
    const created = createVerifier({ jwksUri: `${origin.base}/` });
    assert.equal(await verdictOf(created.then((verifier) => verifier.verify(good, AT_NOW))), expected);
  }
  for (const text of ["[".repeat(1 << 20), '{"keys":'.repeat(1 << 17), `{"keys":[${"[".repeat(500_000)}${"]".repeat(500_000)}]}`]) {
    origin.reset({ "/": (response) => response.end(text) });
    const code = await verdictOf(createVerifier({ jwksUri: `${origin.base}/` }));
    assert.ok(["good", "keys_unavailable"].includes(code), code);
  }
  const verifier = await createVerifier({ jwks: { keys: [key.jwk] } });
  verifier.verify(good, AT_NOW);
});

test("item 66: what was refused takes no memory any more", async () => {
  let now = 0;
  const clock = mock.method(performance, "now", () => now);
  try {
    origin.reset({ "/": { keys: [key.jwk] } });
    const verifier = await createVerifier({ jwksUri: `${origin.base}/` }, { maxTokenLength: 1 << 20, cache: 0 });
    const long = key.sign({ ...GOOD_CLAIMS, pad: "x".repeat(200_000) });
    const round = async (index) => {
      verifier.verify(long, AT_NOW);
      verifier.verifySignature(long);
      for (const token of [`${long.slice(0, -4)}AAAA`, long.slice(100), long.slice(0, -100), ".".repeat(1 << 19)]) {
        assert.notEqual(verdict(() => verifier.verify(token, AT_NOW)), "good");
        assert.notEqual(verdict(() => verifier.verifySignature(token)), "good");
      }
      origin.answers["/"] = { keys: [key.jwk], pad: `${index}`.padEnd(900_000) };
      now += 4_000_000;
      await verifier.verifyAsync(long, AT_NOW);
      origin.answers["/"] = { keys: 7 };
      now += 4_000_000;
      await verifier.verifyAsync(long, AT_NOW);
    };
    for (let index = 0; index < 4; index += 1) {
      await round(index);
    }
    const before = memory();
    for (let index = 4; index < 16; index += 1) {
      await round(index);
    }
    assert.equal(memory(), before);
    assert.ok(before < 64 << 20, `${before} bytes`);
  } finally {
    clock.mock.restore();
  }
});

test("lists with claims of any kind", async () => {
  const list = { bits: 1, lst: lst([0]) };
  const values = [null, true, 0, -1, 0.5, 1e308, 2 ** 53, "", "x", "9".repeat(1000), [], [[]], {}, { bits: 1 }, list, [list]];
  const uri = `${origin.base}/list`;
  const token = key.sign(pointing(uri, 0));
  const codes = {};
  for (const claim of ["sub", "iat", "exp", "nbf", "ttl", "iss", "aud", "jti", "status_list", "bits", "lst", "status", "__proto__"]) {
    for (const value of values) {
      const inList = claim === "bits" || claim === "lst";
      const claims = inList ? { status_list: { ...list, [claim]: value } } : JSON.parse(JSON.stringify({ [claim]: value }));
      origin.reset({ "/list": (response) => response.end(listToken(key, uri, [0], claims)) });
      const verifier = await createVerifier({ jwks: { keys: [key.jwk] } }, { statusList: "fail-closed" });
      const code = await verdictOf(verifier.verifyAsync(token, AT_NOW));
      codes[code] = (codes[code] ?? 0) + 1;
      assert.ok(["good", "status_unavailable"].includes(code), `${claim} ${JSON.stringify(value)}: ${code}`);
    }
  }
  assert.ok(codes.good > 20 && codes.status_unavailable > 100, JSON.stringify(codes));
});
