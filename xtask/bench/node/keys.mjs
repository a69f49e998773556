// Keys and tokens such as the server makes, for each algorithm that is compared.
import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";

import { SignJWT } from "jose";

export const ISSUER = "https://auth.example.com";

export const ALGORITHMS = ["HS256", "EdDSA", "ES256", "RS256"];

/** Different tokens, checked one after the other. */
const TOKENS = 16;

const makers = {
  HS256: () => {
    const secret = createSecretKey(randomBytes(32));
    return { privateKey: secret, publicKey: secret };
  },
  EdDSA: () => generateKeyPairSync("ed25519"),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

/**
 * A key pair, the public half as a JWK, tokens, and tokens under the signatures of others.
 *
 * @param {string} algorithm one of `ALGORITHMS`
 */
export async function material(algorithm) {
  const { privateKey, publicKey } = makers[algorithm]();
  const tokens = await Promise.all(Array.from({ length: TOKENS }, () => sign(algorithm, privateKey)));
  const forged = tokens.map((token, index) => {
    const other = tokens[(index + 1) % TOKENS];
    return token.slice(0, token.lastIndexOf(".")) + other.slice(other.lastIndexOf("."));
  });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: algorithm };
  return { algorithm, publicKey, jwk, tokens, forged };
}

function sign(algorithm, privateKey) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ jti: randomUUID(), sid: randomUUID(), client_id: "latchkey", type: "access" })
    .setProtectedHeader({ alg: algorithm, typ: "at+jwt", kid: "key-1" })
    .setIssuer(ISSUER)
    .setSubject(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(now + 3600)
    .sign(privateKey);
}

/** What refuses a good token, or takes a bad one, would be measured as fast. */
export async function mustJudge(name, check, { tokens, forged }) {
  for (const token of tokens) {
    await check(token);
  }
  for (const token of forged) {
    const isAccepted = await Promise.resolve(token)
      .then(check)
      .then(
        () => true,
        () => false,
      );
    if (isAccepted) {
      throw new Error(`${name} accepts a forged token`);
    }
  }
}
