// Tokens, checked in Node by the package and by its peers.
import { createVerifier as fastVerifier } from "fast-jwt";
import { verify as honoVerify } from "hono/jwt";
import { importJWK, jwtVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";

import { ALGORITHMS, ISSUER, material, mustJudge } from "./keys.mjs";
import { takeTurns } from "./measure.mjs";
import { multiple, print, time } from "./report.mjs";
import { median, ratio } from "./statistics.mjs";

/** What the first check may cost, as a multiple of jose's. */
export const AIMS = { HS256: 0.12, EdDSA: 0.65, ES256: 1, RS256: 1 };

/**
 * Prints the table; the aims with what was measured.
 *
 * @param {URL} folder the package's
 */
export async function tokens(folder) {
  const { createVerifier } = await import(new URL("index.node.js", folder));
  const times = {};
  for (const algorithm of ALGORITHMS) {
    const made = await material(algorithm);
    const found = await checkers(createVerifier, made);
    for (const [name, check] of Object.entries(found)) {
      await mustJudge(name, check, made);
    }
    times[algorithm] = await takeTurns(found, made.tokens);
  }
  const rows = Object.keys(times.HS256).map((name) => [
    name,
    ...ALGORITHMS.map((algorithm) => {
      const turns = times[algorithm][name];
      return turns === undefined
        ? "not known to it"
        : `${time(median(turns))}, ${multiple(ratio(turns, times[algorithm].jose).median)}`;
    }),
  ]);
  print(
    `Tokens in Node ${process.versions.node}`,
    "CPU time of one check in µs, and as a multiple of `jose`'s.",
    ["", ...ALGORITHMS],
    rows,
  );
  return ALGORITHMS.flatMap((algorithm) => {
    const turns = times[algorithm];
    return [
      {
        what: `${algorithm} in Node, first check, to \`jose\``,
        aim: AIMS[algorithm],
        measured: ratio(turns["latchkey, first check"], turns.jose),
      },
      {
        what: `${algorithm} in Node, repeated check, to \`fast-jwt\`'s cache`,
        aim: 1,
        measured: ratio(turns["latchkey, repeated"], turns["fast-jwt, cached"]),
      },
    ];
  });
}

/** Who checks, and how: each with its key imported, and with the issuer expected. */
async function checkers(createVerifier, { algorithm, publicKey, jwk }) {
  const isSecret = algorithm === "HS256";
  const text = isSecret ? publicKey.export() : publicKey.export({ type: "spki", format: "pem" });
  const ours = async (cache) => {
    const verifier = await createVerifier({ jwks: { keys: [jwk] } }, { issuer: ISSUER, cache });
    return (token) => verifier.verify(token);
  };
  const fast = (cache) => fastVerifier({ key: text, allowedIss: ISSUER, algorithms: [algorithm], cache });
  // A secret as bytes would be imported anew at each check.
  const imported = isSecret
    ? await crypto.subtle.importKey("raw", text, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
    : await importJWK(jwk, algorithm);
  const found = {
    "latchkey, first check": await ours(0),
    "latchkey, repeated": await ours(1000),
    jose: (token) => jwtVerify(token, imported, { issuer: ISSUER, algorithms: [algorithm], typ: "at+jwt" }),
    "fast-jwt, no cache": fast(false),
    "fast-jwt, cached": fast(1000),
    "hono/jwt": (token) => honoVerify(token, imported, { alg: algorithm, iss: ISSUER, typ: "at+jwt" }),
  };
  if (algorithm !== "EdDSA") {
    found.jsonwebtoken = (token) => jsonwebtoken.verify(token, publicKey, { issuer: ISSUER, algorithms: [algorithm] });
  }
  return found;
}
