// What every example of a guarded route owes to its readers.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

/**
 * Checks that a service lets in who has a good access token, and nobody else.
 *
 * @param {Awaited<ReturnType<typeof import("./issuer.mjs").startIssuer>>} issuer
 * @param {(headers: Record<string, string>) => Promise<{ status: number, headers: Headers,
 *   json(): Promise<unknown> }>} get asks for `/me`
 */
export async function mustGuard(issuer, get) {
  const { user, access_token, refresh_token } = await issuer.signUp();
  const bearing = (token) => get({ authorization: `Bearer ${token}` });

  // Twice, because the second answer may come from a cache.
  for (let round = 0; round < 2; round += 1) {
    const answer = await bearing(access_token);
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), { user_id: user.user_id });
  }
  assert.equal((await get({ authorization: `bearer ${access_token}` })).status, 200, "the scheme has no case");
  assert.equal((await bearing(issuer.token())).status, 200, "what the others differ from is good");

  for (const headers of [{}, { authorization: "Basic QWRhOnNlY3JldA==" }]) {
    const answer = await get(headers);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("www-authenticate"), "Bearer", "who brings nothing has made no error");
  }

  const now = Math.floor(Date.now() / 1000);
  const refused = {
    "not a token": "nonsense",
    "a refresh token": refresh_token,
    "another's signature": issuer.token({ key: generateKeyPairSync("ed25519").privateKey }),
    "an unknown key": issuer.token({ header: { kid: "unknown" } }),
    "no signature": unsigned(access_token),
    "changed claims": changed(access_token),
    "expired": issuer.token({ claims: { iat: now - 60, exp: now - 1 } }),
    "no end": issuer.token({ claims: { exp: undefined } }),
    "another audience": issuer.token({ claims: { aud: "https://other.example.com" } }),
    "no audience": issuer.token({ claims: { aud: undefined } }),
    "another issuer": issuer.token({ claims: { iss: "https://other.example.com" } }),
    "another type": issuer.token({ header: { typ: "JWT" } }),
  };
  for (const [what, token] of Object.entries(refused)) {
    const answer = await bearing(token);
    assert.equal(answer.status, 401, what);
    assert.match(answer.headers.get("www-authenticate"), /^Bearer error="invalid_token"(, error_description="[\w ]+")?$/, what);
  }
  assert.equal((await bearing(access_token)).status, 200, "and nothing of that does it any harm");
}

/**
 * Checks that a service follows the status that a token names, and answers what is not the
 * token's fault otherwise.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {Parameters<typeof mustGuard>[0]} issuer
 * @param {Parameters<typeof mustGuard>[1]} get
 */
export async function mustFollowStatus(t, issuer, get) {
  const { good, revoked, lost } = await issuer.statusList(t);
  const answerTo = (claims) => get({ authorization: `Bearer ${issuer.token({ claims })}` });
  assert.equal((await answerTo(good)).status, 200);
  const refused = await answerTo(revoked);
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get("www-authenticate"), 'Bearer error="invalid_token", error_description="revoked"');
  const unsure = await answerTo(lost);
  assert.equal(unsure.status, 503);
  assert.equal(unsure.headers.get("retry-after"), "5");
}

/**
 * Checks that who has signed out is out. To be called first: the service may keep a list that it
 * has seen for its `ttl`.
 *
 * @param {Parameters<typeof mustGuard>[0]} issuer
 * @param {Parameters<typeof mustGuard>[1]} get
 */
export async function mustRefuseSignedOut(issuer, get) {
  const { access_token } = await issuer.signUp();
  await issuer.signOut(access_token);
  const answer = await get({ authorization: `Bearer ${access_token}` });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers.get("www-authenticate"), 'Bearer error="invalid_token", error_description="revoked"');
}

/** The token with `alg: none` (RFC 8725 section 3.2). */
function unsigned(token) {
  const [header, payload] = token.split(".");
  return `${encode({ ...decode(header), alg: "none" })}.${payload}.`;
}

/** The token with another `sub` under the old signature. */
function changed(token) {
  const [header, payload, signature] = token.split(".");
  return `${header}.${encode({ ...decode(payload), sub: "somebody else" })}.${signature}`;
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (text) => JSON.parse(Buffer.from(text, "base64url").toString());
