// What a browser or a worker loads: minified by esbuild, gzipped.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { buildSync } from "esbuild";

import { kib, print } from "./report.mjs";

/** In bytes, gzipped. */
const AIMS = { "tokens_bg.wasm": 90 * 1024, "passwords_bg.wasm": 450 * 1024 };

const PEERS = {
  jose: { code: 'export { createRemoteJWKSet, jwtVerify } from "jose"' },
  "hono/jwt": { code: 'export { verify } from "hono/jwt"' },
  "fast-jwt": { code: 'export { createVerifier } from "fast-jwt"', platform: "node" },
  jsonwebtoken: { code: 'export { default } from "jsonwebtoken"', platform: "node" },
  zxcvbn: { code: 'export { default } from "zxcvbn"' },
  "@zxcvbn-ts/core": {
    code: `export { ZxcvbnFactory } from "@zxcvbn-ts/core";
      export * as common from "@zxcvbn-ts/language-common";
      export * as english from "@zxcvbn-ts/language-en";`,
  },
};

/** Prints the table; the aims with what was measured. */
export function sizes(folder) {
  const modules = Object.fromEntries(
    Object.keys(AIMS).map((file) => [file, gzipped(readFileSync(new URL(`wasm/${file}`, folder)))]),
  );
  const entry = (file) => ({ code: `export * from ${JSON.stringify(fileURLToPath(new URL(file, folder)))}` });
  const rows = [
    ["latchkey-verifier", bundled(entry("index.js")), modules["tokens_bg.wasm"]],
    ...["jose", "hono/jwt", "fast-jwt", "jsonwebtoken"].map((name) => [name, bundled(PEERS[name]), 0]),
    ["latchkey-verifier/passwords", bundled(entry("passwords.js")), modules["passwords_bg.wasm"]],
    ...["zxcvbn", "@zxcvbn-ts/core"].map((name) => [name, bundled(PEERS[name]), 0]),
  ];
  print(
    "Sizes",
    "Minified and gzipped, with no more than what verifies a token, or judges a password. `fast-jwt` and `jsonwebtoken` need Node's own modules besides; `@zxcvbn-ts/core` has its common and English dictionaries.",
    ["", "script", ".wasm", "together"],
    rows.map(([name, script, wasm]) => [name, kib(script), wasm === 0 ? "" : kib(wasm), kib(script + wasm)]),
  );
  return Object.entries(AIMS).map(([file, aim]) => {
    const size = modules[file] / 1024;
    return { what: `${file}, gzipped, in KiB`, aim: aim / 1024, measured: { median: size, low: size, high: size } };
  });
}

const gzipped = (bytes) => gzipSync(bytes, { level: 9 }).length;

function bundled({ code, platform = "browser" }) {
  const { outputFiles } = buildSync({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform,
  });
  return gzipped(outputFiles[0].contents);
}
