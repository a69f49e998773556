// The package as packed, in every runtime that it is made for: one suite, and as many
// checks everywhere as in Node.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as runner from "node:test";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";

import { build as esbuild } from "esbuild";
import { build as vite, createServer as viteServer } from "vite";

import { openPage, startBrowser } from "../support/browser.mjs";
import { projectWithPackage } from "../support/package.mjs";
import { bun, deno } from "../support/programs.mjs";
import { serve } from "../support/static.mjs";
import { bundleWorker, startWorker } from "../support/worker.mjs";
import { answers } from "./answers.mjs";

/** What the README tells a page to allow, and nothing else. */
const CSP = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:";

const execute = promisify(execFile);
const here = (path) => join(import.meta.dirname, path);

/** The user's project: the package, the suite, its entries and its data. */
const { folder: project } = await projectWithPackage(runner);
const browser = await startBrowser(runner);
const mounts = {
  "/plain/": join(project, "plain"),
  "/esbuild/": join(project, "esbuild"),
  "/vite/": join(project, "vite"),
  "/latchkey-verifier/": join(project, "node_modules/latchkey-verifier"),
};
const { origin, requests } = await serve(runner, { ...answers(), ...mounts }, { csp: CSP });
await cp(here("suite"), join(project, "suite"), { recursive: true });
await cp(here("entries"), project, { recursive: true });
await writeFile(join(project, "data.mjs"), `export default ${JSON.stringify(await data())};\n`);

async function data() {
  const vector = (name) => readFile(here(`../../../verifier-wasm/tests/vectors/${name}`), "utf8");
  const attacks = (await vector("jwt_attacks.jsonl")).trimEnd().split("\n");
  return {
    origin,
    lists: {
      second: deflateSync(Uint8Array.of(2)).toString("base64url"),
      large: deflateSync(Buffer.alloc((2 << 20) + 1)).toString("base64url"),
      bomb: deflateSync(Buffer.alloc(64 << 20)).toString("base64url"),
    },
    passwords: JSON.parse(await readFile(here("golden.json"), "utf8")),
    vectors: {
      rfcs: JSON.parse(await vector("rfc7515_8037.json")),
      keys: JSON.parse(await vector("jwt_attacks_keys.json")),
      verdicts: JSON.parse(await vector("jwt_attacks_verdicts.json")),
      attacks: attacks.map((line) => JSON.parse(line)),
    },
  };
}

/** Nothing failed, and no less was checked than in Node, group by group. */
async function complete({ counts, failures }) {
  assert.deepEqual(failures, []);
  assert.deepEqual(counts, (await inNode()).counts);
}

let nodes;
function inNode() {
  nodes ??= printed(process.execPath, "console.mjs");
  return nodes;
}

/** The report that a program prints, in an environment without anything of ours. */
async function printed(program, ...args) {
  const env = { PATH: process.env.PATH, HOME: project, DENO_NO_UPDATE_CHECK: "1" };
  const { stdout } = await execute(program, args, { cwd: project, env, maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** The report of a page, under the policy; nothing but what the suite provokes goes wrong. */
async function opened(path, base = origin) {
  const { page, problems } = await openPage(browser);
  await page.goto(base + path);
  // Until the modules before it have been evaluated there is no promise to wait for.
  const finished = page.evaluate(async () => {
    while (globalThis.report === undefined) {
      await new Promise((again) => setTimeout(again, 20));
    }
    return globalThis.report;
  });
  const broken = page.waitForEvent("pageerror", { timeout: 0 }).then((error) => Promise.reject(error));
  const result = await Promise.race([finished, broken]).finally(() => page.context().close());
  broken.catch(() => {});
  assert.deepEqual(problems.filter((problem) => !isProvoked(problem)), [], path);
  return result;
}

/** A key set that answers 404 or 500, as the suite told the server to. */
function isProvoked(problem) {
  return /^Failed to load resource.* status of (404|500) .*\/(answers|\.well-known)\//.test(problem);
}

test("Node: a suite worth its name", async (t) => {
  const { counts, failures } = await inNode();
  assert.deepEqual(failures, []);
  const total = Object.values(counts).reduce((sum, count) => sum + count);
  t.diagnostic(`${total} checks in each runtime`);
  assert.ok(total > 700, `${total} checks`);
  assert.ok(Object.values(counts).every((count) => count > 5), JSON.stringify(counts));
});

test("Deno, with no more permissions than to read the project and reach the server", async () => {
  const permissions = ["--no-prompt", "--cached-only", `--allow-read=${project}`, `--allow-net=${new URL(origin).host}`];
  await complete(await printed(deno(), "run", ...permissions, "console.mjs"));
});

test("Bun", async () => {
  await complete(await printed(bun(), "--no-install", "console.mjs"));
});

test("workerd: the module is imported, and nothing is compiled at run time", async (t) => {
  const worker = await startWorker(t, await bundleWorker(project, "worker.mjs"));
  const answer = await (await worker.dispatchFetch("http://worker/")).json();
  await complete(answer);
  assert.equal(answer.compiles, false, "this runtime would have compiled, too");
});

test("an edge worker that checks tokens never loads a dictionary", async (t) => {
  const bundle = await bundleWorker(project, "tokens-only.mjs");
  const worker = await startWorker(t, bundle);
  const answer = await worker.dispatchFetch("http://worker/", { headers: { authorization: "Bearer x" } });
  assert.match(await answer.text(), /VerifierError/);
  const modules = (await readdir(bundle)).filter((name) => name.endsWith(".wasm"));
  assert.equal(modules.length, 1);
  const [one, two] = await Promise.all([
    readFile(join(bundle, modules[0])),
    readFile(join(project, "node_modules/latchkey-verifier/wasm/tokens_bg.wasm")),
  ]);
  assert.ok(one.equals(two));
});

test("Chromium without a bundler, under a strict policy", async () => {
  const plain = join(project, "plain");
  await mkdir(plain);
  await cp(join(project, "suite"), join(plain, "suite"), { recursive: true });
  await cp(join(project, "data.mjs"), join(plain, "data.mjs"));
  await cp(join(project, "index.html"), join(plain, "index.html"));
  const page = await readFile(join(project, "page.mjs"), "utf8");
  const urls = page
    .replace('"latchkey-verifier"', '"/latchkey-verifier/index.js"')
    .replace('"latchkey-verifier/passwords"', '"/latchkey-verifier/passwords.js"');
  await writeFile(join(plain, "page.mjs"), urls);
  await complete(await opened("/plain/"));
  assert.ok(requests.includes("GET /latchkey-verifier/wasm/tokens_bg.wasm"));
});

test("bundled by esbuild for a browser, the modules as files", async () => {
  const outdir = join(project, "esbuild");
  await esbuild({
    absWorkingDir: project,
    entryPoints: { page: "page.mjs", ...MODULES },
    bundle: true,
    minify: true,
    format: "esm",
    loader: { ".wasm": "copy" },
    outdir,
    outExtension: { ".js": ".mjs" },
  });
  await cp(join(project, "index.html"), join(outdir, "index.html"));
  await complete(await opened("/esbuild/"));
});

test("bundled by esbuild for Node", async () => {
  await esbuild({
    absWorkingDir: project,
    entryPoints: { console: "console.mjs", ...MODULES },
    bundle: true,
    platform: "node",
    format: "esm",
    loader: { ".wasm": "copy" },
    outdir: "esbuild-node",
  });
  await complete(await printed(process.execPath, "esbuild-node/console.js"));
});

/** The modules as entry points: they land where `new URL` looks for them. */
const MODULES = {
  "wasm/tokens_bg": "latchkey-verifier/wasm/tokens_bg.wasm",
  "wasm/passwords_bg": "latchkey-verifier/wasm/passwords_bg.wasm",
};

test("bundled by Vite for production, without configuration", async () => {
  await vite({ root: project, base: "/vite/", logLevel: "error", build: { outDir: "vite" }, configFile: false });
  await complete(await opened("/vite/"));
});

test("Vite's development server, without configuration", async (t) => {
  const server = await viteServer({
    root: project,
    logLevel: "error",
    configFile: false,
    // So that the page's own server answers what the suite tells it to.
    server: { proxy: { "/answers": origin, "/.well-known": origin } },
  });
  t.after(() => server.close());
  await server.listen();
  await complete(await opened("/", server.resolvedUrls.local[0].slice(0, -1)));
});
