// What a script, ours or somebody else's, can get hold of in a page.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startPages, STRONG, STRONGER } from "./visitor.mjs";

test("item 50: the refresh token is in a cookie that no script can read, and nowhere else", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  const bodies = [];
  const refreshTokens = new Set();
  const accessTokens = new Set();
  ada.page.on("response", (response) => bodies.push(read(response)));
  async function read(response) {
    for (const { name, value } of await response.headersArray()) {
      if (name.toLowerCase() === "set-cookie" && !/^latchkey=;/.test(value)) {
        refreshTokens.add(value.match(/^latchkey=([^;]+)/)[1]);
        assert.match(value, /; HttpOnly/i);
        assert.match(value, /; SameSite=Lax/i);
      }
    }
    // A redirect has no body, and one that was left behind cannot be read any more.
    const text = await response.text().catch(() => "");
    if (new URL(response.url()).pathname === "/account/token") {
      accessTokens.add(JSON.parse(text).access_token);
    }
    return { url: response.url(), text };
  }

  await ada.signUp(STRONG);
  const other = await visit();
  await other.signIn(STRONG);
  await ada.open("/account");
  await ada.otherSessions.getByRole("button").click();
  await ada.page.locator("#sessions-status", { hasText: "Signed out" }).waitFor();
  await ada.changePassword(STRONG, STRONGER);

  const answers = await Promise.all(bodies);
  assert.ok(refreshTokens.size >= 3, "signed up, got an access token, changed the password");
  assert.ok(accessTokens.size >= 1);
  const within = await ada.page.evaluate(async () => ({
    cookie: document.cookie,
    document: document.documentElement.outerHTML,
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    databases: (await indexedDB.databases()).length,
    caches: (await caches.keys()).length,
    address: location.href,
    name: window.name,
  }));
  assert.equal(within.cookie, "");
  assert.equal(within.local, "{}");
  assert.equal(within.session, "{}");
  assert.equal(within.databases + within.caches, 0);
  for (const token of refreshTokens) {
    for (const { url, text } of answers) {
      assert.ok(!text.includes(token), `the refresh token is in the body of ${url}`);
    }
  }
  for (const token of [...refreshTokens, ...accessTokens]) {
    assert.ok(!JSON.stringify(within).includes(token));
  }
});

test("a password that was shown leaves as a password", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signin");
  const field = ada.page.locator("#password");
  await field.fill("something");
  await ada.page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await field.getAttribute("type"), "text");
  await ada.page.getByRole("button", { name: "Hide password" }).click();
  assert.equal(await field.getAttribute("type"), "password");
  await ada.page.getByRole("button", { name: "Show password" }).click();
  await ada.page.evaluate(() => {
    document.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      globalThis.sentAs = document.querySelector("#password").type;
    });
  });
  await ada.page.getByRole("button", { name: "Sign in" }).click();
  assert.equal(await ada.page.evaluate(() => globalThis.sentAs), "password");
});

test("item 77: nothing inline runs, and no other site frames a page or gets a form", async (t) => {
  const { server } = await startPages(t);
  for (const path of ["/signup", "/signin", "/problems/not_found", "/docs"]) {
    const answer = await fetch(server.origin + path);
    const policy = answer.headers.get("content-security-policy");
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"]) {
      assert.ok(policy.includes(part), `${path}: ${policy}`);
    }
    assert.ok(!policy.includes("unsafe-inline"), policy);
    assert.doesNotMatch(await answer.text(), /<style|\sstyle=|\son\w+=|<script(?![^>]* src=)/, path);
  }
});
