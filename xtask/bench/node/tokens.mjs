// node tokens.mjs PACKAGE: checks tokens with the package in that folder and with its
// peers, in turns, and prints CPU time. CPU, because WebCrypto hops to other threads,
// whose work a clock on the wall does not see on an idle machine.
import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

import { createVerifier as fastVerifier } from "fast-jwt";
import { verify as honoVerify } from "hono/jwt";
import { importJWK, jwtVerify, SignJWT } from "jose";
import jsonwebtoken from "jsonwebtoken";

import { median, microseconds, table, turn, warmUp } from "./measure.mjs";

const folder = pathToFileURL(`${resolve(process.argv[2])}/`);
const { createVerifier } = await import(new URL("index.node.js", folder));

const ISSUER = "https://auth.example.com";

/** Odd, so that the median is one of them. */
const TURNS = 11;

/** Different tokens, checked one after the other. */
const TOKENS = 16;

/** What the first check may cost, as a multiple of jose's. */
const AIMS = { HS256: 0.12, EdDSA: 0.65, ES256: 1, RS256: 1 };

const KEYS = {
  HS256: () => {
    const secret = createSecretKey(randomBytes(32));
    return { privateKey: secret, publicKey: secret };
  },
  EdDSA: () => generateKeyPairSync("ed25519"),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

/** A token such as the server signs. */
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

/** Who checks, and how: each with its key imported, and with the issuer expected. */
async function checkers(algorithm, { privateKey, publicKey }) {
  const isSecret = algorithm === "HS256";
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: algorithm };
  const text = isSecret ? privateKey.export() : publicKey.export({ type: "spki", format: "pem" });
  const ours = async (cache) => {
    const verifier = await createVerifier({ jwks: { keys: [jwk] } }, { issuer: ISSUER, cache });
    return (token) => verifier.verify(token);
  };
  const fast = (cache) => fastVerifier({ key: text, allowedIss: ISSUER, algorithms: [algorithm], cache });
  const imported = await importJWK(jwk, algorithm);
  const forHono = isSecret
    ? await crypto.subtle.importKey("raw", text, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
    : imported;
  const found = {
    "latchkey, first check": await ours(0),
    "latchkey, repeated": await ours(1000),
    jose: (token) => jwtVerify(token, imported, { issuer: ISSUER, algorithms: [algorithm], typ: "at+jwt" }),
    "fast-jwt, no cache": fast(false),
    "fast-jwt, cached": fast(1000),
    "hono/jwt": (token) => honoVerify(token, forHono, { alg: algorithm, iss: ISSUER, typ: "at+jwt" }),
  };
  if (algorithm !== "EdDSA") {
    found.jsonwebtoken = (token) =>
      jsonwebtoken.verify(token, publicKey, { issuer: ISSUER, algorithms: [algorithm] });
  }
  return found;
}

async function measure(algorithm) {
  const keys = KEYS[algorithm]();
  const tokens = await Promise.all(Array.from({ length: TOKENS }, () => sign(algorithm, keys.privateKey)));
  const forged = tokens.map((token, index) => {
    const other = tokens[(index + 1) % TOKENS];
    return token.slice(0, token.lastIndexOf(".")) + other.slice(other.lastIndexOf("."));
  });
  const found = await checkers(algorithm, keys);
  for (const [name, check] of Object.entries(found)) {
    await mustJudge(name, check, tokens, forged);
    await warmUp(check, tokens);
  }
  const times = Object.fromEntries(Object.keys(found).map((name) => [name, []]));
  for (let index = 0; index < TURNS; index += 1) {
    for (const [name, check] of Object.entries(found)) {
      times[name].push(await turn(check, tokens));
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

/** What refuses a good token, or takes a bad one, would be measured as fast. */
async function mustJudge(name, check, good, bad) {
  for (const token of good) {
    await check(token);
  }
  for (const token of bad) {
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

/** From the module's bytes to the first verdict, on a wall clock, in ms. */
async function start() {
  const { initSync, TokenVerifier } = await import(new URL("wasm/tokens.js", folder));
  const bytes = await readFile(new URL("wasm/tokens_bg.wasm", folder));
  const keys = KEYS.EdDSA();
  const jwk = { ...keys.publicKey.export({ format: "jwk" }), kid: "key-1", alg: "EdDSA" };
  const token = await sign("EdDSA", keys.privateKey);
  const options = { typ: "at+jwt", clockTolerance: 0, requiredClaims: [], maxTokenLength: 16384, allowNoExpiry: false };
  const began = performance.now();
  const module = new WebAssembly.Module(bytes);
  const compiled = performance.now();
  initSync({ module });
  const verifier = new TokenVerifier(JSON.stringify(options));
  verifier.setJwks(JSON.stringify({ keys: [jwk] }), false);
  verifier.verify(token, Date.now() / 1000);
  const judged = performance.now();
  return { size: bytes.length, gzipped: gzipSync(bytes, { level: 9 }).length, compile: compiled - began, verdict: judged - compiled };
}

// First, while nothing is compiled yet.
const { size, gzipped, compile, verdict } = await start();
const results = {};
for (const algorithm of Object.keys(KEYS)) {
  results[algorithm] = await measure(algorithm);
}

const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
console.log(`\nNode ${process.versions.node}, CPU time of one check in µs, and as a multiple of jose's`);
const rows = Object.keys(results.HS256).map((name) => [
  name,
  ...Object.values(results).map((times) =>
    times[name] === undefined ? "" : `${microseconds(times[name])} ${(times[name] / times.jose).toFixed(2)}x`,
  ),
]);
const aims = Object.keys(results).map((algorithm) => `${AIMS[algorithm]}x`);
console.log(table(["", ...Object.keys(results)], [...rows, ["aim, first check", ...aims]]));
const repeated = Object.values(results).map((times) => times["latchkey, repeated"] / times["fast-jwt, cached"]);
console.log(`repeated check, as a multiple of fast-jwt's cache: ${repeated.map((ratio) => ratio.toFixed(2)).join(", ")} (aim 1)`);
console.log(`tokens_bg.wasm: ${kib(size)}, gzipped ${kib(gzipped)} (aim 90 KiB)`);
console.log(`compiled in ${compile.toFixed(1)} ms, and the first verdict ${verdict.toFixed(1)} ms after that`);
