// The same verdict in WebAssembly as natively, on thousands of passwords.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

import { PasswordPolicy } from "./package.mjs";
import { below, kinds, oneOf } from "./passwords.mjs";

const policies = [
  {},
  { min_length: 15, require: [] },
  { min_length: 1, require: ["symbol"], min_score: 3, context_words: ["Straße", "acme"] },
  { min_length: 4, max_length: 64, min_score: 4, forbid_common: false, forbid_context: false },
];
const contexts = [
  { email: "", name: "" },
  { email: "ada.byron@example.com", name: "Ada Lovelace" },
  { email: "j0hn@münchen.example", name: "Jürgen Ω. Straßer" },
];

test("item 13: WebAssembly and the native code give the same verdict, to the last digit", () => {
  const questions = [];
  for (const make of kinds) {
    for (let round = 0; round < 500; round += 1) {
      const { email, name } = oneOf(contexts);
      questions.push([oneOf(policies), make().toWellFormed?.() ?? make(), email, name, 1990 + below(60)]);
    }
  }
  const input = questions.map((question) => JSON.stringify(question)).join("\n");
  const cargo = ["run", "--quiet", "--locked", "--package", "verifier-wasm", "--example", "verdicts"];
  const native = spawnSync(process.env.CARGO ?? "cargo", cargo, { cwd: import.meta.dirname, input, maxBuffer: 1 << 28, encoding: "utf8" });
  assert.equal(native.status, 0, native.stderr);
  const verdicts = native.stdout.trimEnd().split("\n");
  assert.equal(verdicts.length, questions.length);
  questions.forEach(([policy, password, email, name, year], at) => {
    const currentDate = new Date(Date.UTC(year, 6));
    const verdict = new PasswordPolicy(policy).check(password, { email, name }, { currentDate });
    assert.deepEqual(verdict, JSON.parse(verdicts[at]), JSON.stringify(questions[at]));
  });
});
