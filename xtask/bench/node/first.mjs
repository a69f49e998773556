// node first.mjs WHAT PACKAGE: loads one thing in a process that has done nothing else, asks it
// for one verdict, and prints how long that took, in ms: on the wall, and the CPU time of all
// threads; for a module alone, the CPU time of this thread for compiling it and for the rest.
import { generateKeyPairSync, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

const [what, folder] = process.argv.slice(2);
const of = (path) => new URL(path, folder);

const loaders = {
  /** The module of tokens, from its bytes on. */
  "tokens_bg.wasm": async ({ jwk, token }) => {
    const { initSync, TokenVerifier } = await import(of("wasm/tokens.js"));
    const bytes = await readFile(of("wasm/tokens_bg.wasm"));
    const options = { typ: "at+jwt", clockTolerance: 0, requiredClaims: [], maxTokenLength: 16384, allowNoExpiry: false };
    const jwks = JSON.stringify({ keys: [jwk] });
    const text = new TextEncoder().encode(token);
    return timed(bytes, (module) => {
      initSync({ module });
      const verifier = new TokenVerifier(JSON.stringify(options));
      verifier.setJwks(jwks, false);
      verifier.verify(text, Date.now() / 1000);
    });
  },
  /** The module of passwords, from its bytes on. */
  "passwords_bg.wasm": async () => {
    const { initSync, PasswordPolicy } = await import(of("wasm/passwords.js"));
    const bytes = await readFile(of("wasm/passwords_bg.wasm"));
    return timed(bytes, (module) => {
      initSync({ module });
      new PasswordPolicy("{}").check(PASSWORD, "", "", 2026);
    });
  },
  "latchkey-verifier": async ({ jwk, token }) => {
    const { createVerifier } = await import(of("index.node.js"));
    (await createVerifier({ jwks: { keys: [jwk] } })).verify(token);
  },
  jose: async ({ jwk, token }) => {
    const { importJWK, jwtVerify } = await import("jose");
    await jwtVerify(token, await importJWK(jwk, "EdDSA"));
  },
  "latchkey-verifier/passwords": async () => {
    const { PasswordPolicy } = await import(of("passwords.node.js"));
    new PasswordPolicy().check(PASSWORD);
  },
  zxcvbn: async () => {
    const { default: zxcvbn } = await import("zxcvbn");
    zxcvbn(PASSWORD);
  },
  "@zxcvbn-ts/core": async () => {
    const [{ ZxcvbnFactory }, common, english] = await Promise.all([
      import("@zxcvbn-ts/core"),
      import("@zxcvbn-ts/language-common"),
      import("@zxcvbn-ts/language-en"),
    ]);
    const options = {
      dictionary: { ...common.dictionary, ...english.dictionary },
      graphs: common.adjacencyGraphs,
      translations: english.translations,
    };
    new ZxcvbnFactory(options).check(PASSWORD);
  },
};

const PASSWORD = "Kestrel-over-27-moors";

function timed(bytes, judge) {
  const began = computed();
  const module = new WebAssembly.Module(bytes);
  const compiled = computed();
  judge(module);
  return { compile: compiled - began, verdict: computed() - compiled };
}

/** The CPU time of this thread, in ms; where the system does not tell, the clock on the wall. */
function computed() {
  // The figure is brought up to date when the thread sleeps.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

function signed() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: "EdDSA", typ: "at+jwt", kid: "key-1" },
    { iss: "https://auth.example.com", sub: "s", iat: now, exp: now + 60 },
  ];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return {
    jwk: { ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: "EdDSA" },
    token: `${text}.${sign(null, Buffer.from(text), privateKey).toString("base64url")}`,
  };
}

const question = signed();
const before = process.cpuUsage();
const began = performance.now();
const steps = await loaders[what](question);
const wall = performance.now() - began;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ ...steps, wall, cpu: (user + system) / 1000 }));
