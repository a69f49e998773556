// The package says of a password what the server says, on thousands of passwords.
import assert from "node:assert/strict";
import { test } from "node:test";

import { PasswordPolicy } from "../../../verifier-wasm/tests/node/package.mjs";
import { kinds, oneOf } from "../../../verifier-wasm/tests/node/passwords.mjs";
import { startLatchkey } from "../support/latchkey.mjs";

/** How many passwords of each kind. */
const ROUNDS = 80;

const PEOPLE = [
  { email: "ada.byron@example.com", name: "Ada Lovelace" },
  { email: "  Ada+Lovelace@Example.COM ", name: "  ADA  l0velace " },
  { email: "j0hn@münchen.example", name: "Jürgen Ω. Straßer" },
  { email: "e\u0301lodie@example.com", name: "E\u0301lodie Ångström" },
  { email: "o'hara@example.com", name: "李小龍 (Bruce)" },
];

const POLICIES = {
  "the default": {},
  "the one of NIST": { LATCHKEY_PASSWORDS__POLICY: "nist" },
};

for (const [name, env] of Object.entries(POLICIES)) {
  test(`item 13: under ${name}`, async (t) => {
    const settings = { LATCHKEY_RATE_LIMITS__ENABLED: "false", ...env };
    const { origin } = await startLatchkey(t, { env: settings });
    const policy = new PasswordPolicy(await (await fetch(`${origin}/api/v1/password-policy`)).json());
    let accepted = 0;
    for (const make of kinds) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const person = oneOf(PEOPLE);
        const password = make().toWellFormed();
        const { ok, violations } = policy.check(password, person);
        assert.deepEqual(await serverVerdict(origin, { ...person, password }), violations, JSON.stringify([person, password]));
        accepted += ok;
      }
    }
    assert.ok(accepted > 50, `${accepted} were accepted`);
  });
}

/** The violations that the server finds. Nobody is that old, so nobody is signed up. */
async function serverVerdict(origin, user) {
  const answer = await fetch(`${origin}/api/v1/users/signup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...user, age: 1000 }),
  });
  assert.equal(answer.status, 422, await answer.clone().text());
  const { errors } = await answer.json();
  assert.deepEqual(errors.filter(({ field }) => field !== "password").map(({ field }) => field), ["age"]);
  return errors.filter(({ field }) => field === "password").map(({ code, message }) => ({ code, message }));
}
