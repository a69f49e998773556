// The examples of the package's README, copied from it and run against a server.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import * as runner from "node:test";
import { promisify } from "node:util";

import { lst } from "../../../verifier-wasm/tests/node/lists.mjs";
import { Origin } from "../../../verifier-wasm/tests/node/origin.mjs";
import { TestKey } from "../../../verifier-wasm/tests/node/tokens.mjs";
import { openPage, startBrowser } from "../support/browser.mjs";
import { startLatchkey } from "../support/latchkey.mjs";
import { projectWithPackage } from "../support/package.mjs";
import { serve } from "../support/static.mjs";
import { bundleWorker, startWorker } from "../support/worker.mjs";

/** Who the examples trust, and for whom the tokens are. */
const ISSUER = "https://auth.example.com";
const AUDIENCE = "https://api.example.com";

const execute = promisify(execFile);
const { folder: project } = await projectWithPackage(runner);
const examples = readExamples(await readFile(join(project, "node_modules/latchkey-verifier/README.md"), "utf8"));
const server = await startLatchkey(runner, {
  env: { LATCHKEY_SERVER__PUBLIC_URL: ISSUER, LATCHKEY_TOKENS__AUDIENCE: AUDIENCE },
});
const { user, access_token: token } = await signUp();

/** What is between fences, by the heading above and the language: `In Node js`. */
function readExamples(text) {
  const examples = {};
  let heading = "";
  for (const [, title, language, code] of text.matchAll(/^#+ (.+)$|^```(\w+)\n([^]*?)^```$/gm)) {
    heading = title ?? heading;
    if (code !== undefined) {
      examples[`${heading} ${language}`] = code;
    }
  }
  return examples;
}

async function signUp() {
  const response = await fetch(`${server.origin}/api/v1/users/signup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "Ada Lovelace", email: "ada@example.com", password: "Analytical-Engine-1" }),
  });
  assert.equal(response.status, 201);
  return response.json();
}

/**
 * Writes an example into the project, and what it takes for granted beside it: that
 * its issuer can be reached, a token at hand, and a port that is free.
 */
async function write(name, code, { issuer = server.origin, token = "" } = {}) {
  const prelude = `
    import { Server } from "node:net";
    const { fetch } = globalThis;
    globalThis.fetch = (url, options) => fetch(String(url).replace("${ISSUER}", "${issuer}"), options);
    globalThis.token = "${token}";
    const { listen } = Server.prototype;
    Server.prototype.listen = function () {
      return listen.call(this, 0, "127.0.0.1", () => console.log(this.address().port));
    };`;
  await writeFile(join(project, "prelude.mjs"), prelude);
  await writeFile(join(project, name), code);
  return ["--import", "./prelude.mjs", name];
}

async function printed(name, code, world) {
  const { stdout } = await execute(process.execPath, await write(name, code, world), { cwd: project });
  return stdout.trimEnd();
}

test("every example has its test here", () => {
  const tokens = ["Tokens", "Tokens that were revoked", "In Node", "In a Cloudflare Worker"];
  const scripts = [...tokens, "Passwords", "In a form", "Bundlers"];
  const tested = [...scripts.map((name) => `${name} js`), "In a form html"];
  assert.deepEqual(Object.keys(examples).toSorted(), tested.sort());
});

test("a token is checked", async () => {
  const code = examples["Tokens js"];
  assert.equal(await printed("tokens.mjs", code, { token }), `hello ${user.user_id}`);
  const forged = `${token.slice(0, -4)}AAAA`;
  assert.equal(await printed("tokens.mjs", code, { token: forged }), "401, because bad_signature");
});

test("a token that was revoked is refused", async (t) => {
  const [key, origin] = [new TestKey("one", 1), await Origin.start()];
  t.after(() => origin.stop());
  const uri = `${origin.base}/lists/1`;
  const now = Math.floor(Date.now() / 1000);
  const list = { sub: uri, iat: now, status_list: { bits: 1, lst: lst([0b10]) } };
  origin.reset({
    "/.well-known/oauth-authorization-server": { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks.json` },
    "/jwks.json": { keys: [key.jwk] },
    "/lists/1": (response) => response.end(key.sign(list, { typ: "statuslist+jwt" })),
  });
  const verdict = (idx) => {
    const token = key.sign({ iss: ISSUER, sub: "ada", exp: now + 600, status: { status_list: { idx, uri } } });
    return printed("revoked.mjs", examples["Tokens that were revoked js"], { issuer: origin.base, token });
  };
  assert.equal(await verdict(0), "ada is still signed in");
  await assert.rejects(verdict(1), /code: 'revoked'/);
});

test("a server in Node", async (t) => {
  const child = spawn(process.execPath, await write("server.mjs", examples["In Node js"]), {
    cwd: project,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill());
  const [port] = await once(createInterface(child.stdout), "line");
  await mustGuard((headers) => fetch(`http://127.0.0.1:${port}/`, { headers }));
});

test("a Cloudflare Worker", async (t) => {
  await writeFile(join(project, "worker.mjs"), examples["In a Cloudflare Worker js"]);
  const worker = await startWorker(t, await bundleWorker(project, "worker.mjs"), {
    outboundService: ({ url }) => fetch(url.replace(ISSUER, server.origin)),
  });
  await mustGuard((headers) => worker.dispatchFetch("https://worker.example/", { headers }));
});

/** Lets in who has a good token, and nobody else. */
async function mustGuard(request) {
  const good = await request({ authorization: `Bearer ${token}` });
  assert.deepEqual([good.status, await good.text()], [200, `hello ${user.user_id}`]);
  for (const headers of [{}, { authorization: "Bearer x" }, { authorization: `Bearer ${token.slice(0, -4)}AAAA` }]) {
    assert.equal((await request(headers)).status, 401);
  }
}

test("a password is judged", async () => {
  const output = await printed("passwords.mjs", examples["Passwords js"]);
  assert.match(output, /^false \[.+your name.+\]$/s);
});

test("a form tells while one types, bundled by esbuild as the README says", async (t) => {
  const form = join(project, "form");
  await mkdir(join(form, "node_modules"), { recursive: true });
  const installed = (name) => join(import.meta.dirname, "../node_modules", name);
  await symlink(installed("esbuild"), join(form, "node_modules/esbuild"));
  await symlink(join(project, "node_modules/latchkey-verifier"), join(form, "node_modules/latchkey-verifier"));
  await writeFile(join(form, "app.js"), examples["In a form js"]);
  await writeFile(join(form, "build.mjs"), examples["Bundlers js"]);
  await execute(process.execPath, ["build.mjs"], { cwd: form });

  const page = `<!doctype html><html lang="en"><title>Sign up</title><link rel="icon" href="data:,">
    ${examples["In a form html"]}<script type="module" src="/app.js"></script></html>`;
  const csp = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src data:";
  const policy = async (_, response) => response.end(await (await fetch(server.origin + POLICY)).text());
  const html = (_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(page);
  const { origin, requests } = await serve(t, { "/": join(form, "dist"), "/form": html, [POLICY]: policy }, { csp });

  const { page: tab, problems } = await openPage(await startBrowser(t));
  await tab.goto(`${origin}/form`);
  const module = "GET /wasm/passwords_bg.wasm";
  assert.ok(!requests.includes(module), "not before it is needed");
  const verdict = tab.locator("#verdict");
  await tab.getByLabel("New password").pressSequentially("ada");
  await verdict.filter({ hasText: "at least 8 characters" }).waitFor();
  assert.equal(requests.filter((request) => request === module).length, 1);
  await tab.getByLabel("New password").fill("Tr0mbone-Gletscher-Vexiert");
  await verdict.filter({ hasText: /^$/ }).waitFor({ state: "attached" });
  assert.deepEqual(problems, []);
});

const POLICY = "/api/v1/password-policy";
