// The tokens that the native crate is tested with: every verdict is the same, to the code.
import { AT_NOW } from "./sign.mjs";

export async function vectors(checks, { createVerifier }, { rfcs, keys, attacks, verdicts }) {
  await checks.group("the examples of the RFCs", async () => {
    for (const { name, token, jwk } of rfcs.filter(({ token }) => token !== undefined)) {
      const verifier = await createVerifier({ jwks: { keys: jwk === null ? [] : [jwk] } });
      const expected = /ES512|none/.test(name) ? "unsupported_algorithm" : "good";
      checks.equal(await checks.verdict(() => verifier.verifySignature(token)), expected, name);
    }
  });

  await checks.group("hostile or odd tokens", async () => {
    for (const row of attacks) {
      const options = {
        algorithms: row.allow_algs,
        issuer: row.iss,
        audience: row.aud,
        typ: row.typ,
        requiredClaims: ["sub"],
      };
      const jwks = row.jwks ?? { keys: [keys.jwk_by_alg[row.key]] };
      const verify = async () => (await createVerifier({ jwks }, options)).verify(row.token, AT_NOW);
      checks.equal(await checks.verdict(verify), verdicts[row.id], `row ${row.id}, ${row.name}`);
    }
  });
}
