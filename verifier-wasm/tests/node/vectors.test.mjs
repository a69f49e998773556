// The tokens that the native crate is tested with, through the package: every
// verdict is the same, down to its code.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { createVerifier, verdict, verdictOf } from "./package.mjs";
import { NOW } from "./tokens.mjs";

const read = (name) => readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8");

test("the examples of the RFCs", async () => {
  const verdicts = {};
  for (const { name, token, jwk } of JSON.parse(read("rfc7515_8037.json"))) {
    if (token !== undefined) {
      const verifier = await createVerifier({ jwks: { keys: jwk === null ? [] : [jwk] } });
      verdicts[name] = verdict(() => verifier.verifySignature(token));
    }
  }
  assert.deepEqual(verdicts, {
    "RFC7515 A.1 HS256": "good",
    "RFC7515 A.2 RS256": "good",
    "RFC7515 A.3 ES256": "good",
    "RFC7515 A.4 ES512": "unsupported_algorithm",
    "RFC8037 A.4 EdDSA": "good",
    "RFC7515 A.5 / RFC7519 6.1 none": "unsupported_algorithm",
  });
});

test("items 51 to 61: 333 hostile or odd tokens", async () => {
  const keys = JSON.parse(read("jwt_attacks_keys.json")).jwk_by_alg;
  const verdicts = {};
  for (const line of read("jwt_attacks.jsonl").trimEnd().split("\n")) {
    const row = JSON.parse(line);
    const options = {
      algorithms: row.allow_algs,
      issuer: row.iss,
      audience: row.aud,
      typ: row.typ,
      requiredClaims: ["sub"],
    };
    const created = createVerifier({ jwks: row.jwks ?? { keys: [keys[row.key]] } }, options);
    verdicts[row.id] = await verdictOf(created.then((verifier) => verifier.verify(row.token, { currentDate: NOW })));
    if (row.expect !== "either") {
      assert.equal(verdicts[row.id] === "good", row.expect === "accept", `row ${row.id}: ${verdicts[row.id]}`);
    }
  }
  assert.equal(Object.keys(verdicts).length, 333);
  assert.deepEqual(verdicts, JSON.parse(read("jwt_attacks_verdicts.json")));
});
