import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage, startBrowser } from "../support/browser.mjs";
import { startLatchkey } from "../support/latchkey.mjs";
import { installExample, startExample } from "./example.mjs";

test("the page judges a password while it is typed, under its policy", async (t) => {
  const latchkey = await startLatchkey(t);
  const cwd = await installExample(t, "browser");
  const env = { LATCHKEY: latchkey.origin, PORT: "0" };
  const origin = await startExample(t, [process.execPath, "serve.js"], { cwd, env });

  const { page, problems } = await openPage(await startBrowser(t));
  const fetched = [];
  page.on("request", (request) => fetched.push(new URL(request.url())));
  const answer = await page.goto(origin);
  assert.match(answer.headers()["content-security-policy"], /script-src 'self' 'wasm-unsafe-eval';/);
  const isWasm = ({ pathname }) => pathname.endsWith(".wasm");
  assert.ok(!fetched.some(isWasm), "nobody has thought of a password yet");

  const summary = page.locator("#summary");
  const advice = page.locator("#advice");
  const strength = () => page.getByLabel("Strength").evaluate((meter) => meter.value);
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("E-mail").fill("ada@example.com");
  await page.getByLabel("Password").pressSequentially("Love");
  await summary.getByText("This password will not do yet.").waitFor();
  await advice.getByText("8").waitFor();
  await page.getByLabel("Password").pressSequentially("lace1815");
  await advice.getByText("name").first().waitFor();
  assert.ok((await strength()) < 3);

  await page.getByLabel("Password").fill("Kestrel-over-27-moors");
  await summary.getByText("This password will do.").waitFor();
  assert.equal(await advice.locator("li").count(), 0);
  assert.equal(await strength(), 4);

  await page.getByLabel("Password").fill("");
  await page.waitForFunction(() => document.getElementById("summary").textContent === "");

  assert.equal(fetched.filter(isWasm).length, 1, "the module is fetched once");
  const policies = fetched.filter(({ pathname }) => pathname === "/api/v1/password-policy");
  assert.deepEqual(policies.map((url) => url.origin), [latchkey.origin], "and so is the policy, from the server");
  assert.deepEqual(problems, []);
});

test("without the policy the page says who will judge", async (t) => {
  const cwd = await installExample(t, "browser");
  const env = { LATCHKEY: "http://127.0.0.1:1", PORT: "0" };
  const origin = await startExample(t, [process.execPath, "serve.js"], { cwd, env });
  const { page } = await openPage(await startBrowser(t));
  await page.goto(origin);
  await page.getByLabel("Password").fill("Kestrel-over-27-moors");
  await page.getByText("The password is checked when you sign up.").waitFor();
});

test("its server gives away nothing but the page and the package", async (t) => {
  const cwd = await installExample(t, "browser");
  const origin = await startExample(t, [process.execPath, "serve.js"], { cwd, env: { PORT: "0" } });
  for (const path of ["/serve.js", "/%2e%2e/serve.js", "/..%2fserve.js", "/latchkey-verifier/..%2f..%2fserve.js", "/none.js"]) {
    assert.equal((await fetch(origin + path)).status, 404, path);
  }
  assert.equal((await fetch(`${origin}/latchkey-verifier/passwords.js`)).status, 200);
});
