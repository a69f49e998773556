// The glue around the policy. The rules themselves are tested natively.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";

import { PasswordPolicy } from "./package.mjs";

const codes = (verdict) => verdict.violations.map(({ code }) => code);

test("the default policy, as an object, as JSON, or left out", () => {
  for (const policy of [new PasswordPolicy(), new PasswordPolicy({}), new PasswordPolicy("{}")]) {
    const verdict = policy.check("zq7");
    assert.deepEqual(Object.keys(verdict).sort(), ["guesses_log10", "ok", "score", "suggestions", "violations"]);
    assert.equal(verdict.ok, false);
    assert.deepEqual(codes(verdict), ["too_short", "missing_upper"]);
    assert.ok(verdict.violations.every(({ message }) => message.length > 0));
    assert.deepEqual(codes(policy.check("Tr0mbone-Gletscher")), []);
  }
});

test("members of the policy count", () => {
  assert.deepEqual(codes(new PasswordPolicy({ min_length: 4, require: [] }).check("x7q")), ["too_short"]);
  assert.ok(new PasswordPolicy({ min_length: 3, require: [] }).check("x7q").ok);
  assert.deepEqual(codes(new PasswordPolicy({ min_score: 4, forbid_common: false }).check("Trombone1")), ["too_weak"]);
});

test("the context is the user's e-mail and name, as far as they are known", () => {
  const policy = new PasswordPolicy();
  const context = { email: "ada@example.com", name: "Ada Lovelace" };
  assert.deepEqual(codes(policy.check("Lovelace1815", context)), ["contains_context"]);
  for (const context of [undefined, null, {}, { email: null, name: undefined }, { email: "" }]) {
    assert.deepEqual(codes(policy.check("Lovelace1815", context)), []);
  }
});

test("a length is counted in code points after NFC, as on the server", () => {
  const policy = new PasswordPolicy({ min_length: 4, max_length: 4, require: [], forbid_common: false });
  assert.ok(policy.check("🔑🔑🔑🔑").ok);
  assert.ok(policy.check("e\u0301".repeat(4)).ok);
  assert.deepEqual(codes(policy.check("🔑🔑🔑🔑🔑")), ["too_long"]);
});

test("a year is as easy to guess as it is near", () => {
  const policy = new PasswordPolicy();
  const guesses = (year) => policy.check("1971", {}, { currentDate: new Date(Date.UTC(year, 0, 1)) }).guesses_log10;
  assert.ok(guesses(1980) < guesses(2026) && guesses(2026) < guesses(2126));
  assert.equal(policy.check("1971").guesses_log10, guesses(new Date().getUTCFullYear()));
});

test("what is not a policy, a password or a context is a TypeError", () => {
  for (const policy of [null, 7, "", "[]", "{", { min_length: "8" }, { require: ["vowel"] }, { min_score: 5 }]) {
    assert.throws(() => new PasswordPolicy(policy), TypeError, JSON.stringify(policy));
  }
  const policy = new PasswordPolicy();
  for (const password of [undefined, null, 7, {}]) {
    assert.throws(() => policy.check(password), /TypeError: the password must be a string/);
  }
  assert.throws(() => policy.check("x", { email: 7 }), /TypeError.*`email`/);
  for (const context of ["Ada", 7, [], new Map()]) {
    assert.throws(() => policy.check("x", context), /TypeError.*context/);
  }
  assert.throws(() => policy.check("x", { mail: "ada@example.com" }), /TypeError.*`mail`/);
  assert.throws(() => policy.check("x", {}, { currentdate: new Date() }), /TypeError.*`currentdate`/);
  policy.check("x", null);
  policy.check("x", undefined, { currentDate: runInNewContext("new Date(2026, 0)") });
  for (const currentDate of [2026, "2026-01-01", new Date(NaN), null]) {
    assert.throws(() => policy.check("x", {}, { currentDate }), /TypeError.*`currentDate`/);
  }
});

test("an absurd password gets a verdict and the policy works on", () => {
  const policy = new PasswordPolicy();
  for (const password of ["", "\u0000", "\ud800", "x".repeat(1 << 20), "🔑".repeat(10_000)]) {
    assert.equal(policy.check(password).ok, false);
    assert.ok(policy.check("Tr0mbone-Gletscher").ok);
  }
});
