// What the other tests stand on: a server, a browser, and a policy that is in force.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage, startBrowser } from "./browser.mjs";
import { startLatchkey } from "./latchkey.mjs";
import { serve } from "./static.mjs";

test("a server of its own answers a browser, and starts again with what it had", async (t) => {
  const server = await startLatchkey(t);
  const { page } = await openPage(await startBrowser(t));
  const answer = await page.goto(`${server.origin}/health`);
  assert.equal((await answer.json()).status, "healthy");

  const signUp = await fetch(`${server.origin}/api/v1/users/signup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "Ada Lovelace", email: "ada@example.com", password: "Correct-Horse-7" }),
  });
  assert.equal(signUp.status, 201);
  await server.stop();
  await assert.rejects(fetch(server.origin));
  await server.start();
  const users = JSON.parse(await server.run("user", "list", "--json"));
  assert.equal(users[0].email, "ada@example.com");
});

test("a program that refuses to start says why", async (t) => {
  await assert.rejects(startLatchkey(t, { env: { LATCHKEY_SERVER__LISTEM: "x" } }), /listem/i);
});

test("files are served under a policy, and what breaks it is seen", async (t) => {
  const html = (text) => (_, response) => response.setHeader("content-type", "text/html").end(text);
  const csp = "default-src 'none'; script-src 'self'; img-src data:";
  const { origin, requests } = await serve(
    t,
    {
      "/": import.meta.dirname,
      "/good": html('<link rel="icon" href="data:,"><script type="module" src="/ok.js"></script>'),
      "/bad": html('<link rel="icon" href="data:,"><script>document.title = "ran"</script>'),
      "/ok.js": (_, response) => response.setHeader("content-type", "text/javascript").end('document.title = "ran"'),
    },
    { csp },
  );
  const browser = await startBrowser(t);
  const good = await openPage(browser);
  await good.page.goto(`${origin}/good`);
  assert.equal(await good.page.title(), "ran");
  assert.deepEqual(good.problems, []);

  const bad = await openPage(browser);
  await bad.page.goto(`${origin}/bad`);
  assert.equal(await bad.page.title(), "");
  assert.match(bad.problems.join(), /Content Security Policy/);

  assert.ok(requests.includes("GET /ok.js"));
  const file = await fetch(`${origin}/static.mjs`);
  assert.equal(file.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(file.headers.get("content-security-policy"), csp);
  assert.equal((await fetch(`${origin}/%2e%2e%2fpackage.json`)).status, 404);
});
