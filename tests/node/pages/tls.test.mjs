// The pages behind a proxy that ends TLS, in a browser that has its own opinion of cookies.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage, startBrowser } from "../support/browser.mjs";
import { startLatchkey } from "../support/latchkey.mjs";
import { startTlsProxy } from "../support/tls.mjs";
import { STRONG } from "./visitor.mjs";

test("over https the cookie is __Host-latchkey, and the browser takes it", async (t) => {
  const { browser, proxy } = await startSecurely(t);
  const { page, problems } = await openPage(browser, { ignoreHTTPSErrors: true });
  await signUp(page, proxy.origin);

  const cookies = await page.context().cookies();
  assert.equal(cookies.length, 1);
  const [{ name, domain, path, secure, httpOnly, sameSite, expires }] = cookies;
  assert.equal(name, "__Host-latchkey");
  assert.deepEqual({ domain, path }, { domain: "localhost", path: "/" });
  assert.deepEqual({ secure, httpOnly, sameSite }, { secure: true, httpOnly: true, sameSite: "Lax" });
  assert.ok(expires > Date.now() / 1000);
  assert.equal(await page.evaluate("document.cookie"), "");

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.waitForURL("**/signin?notice=signed_out");
  assert.deepEqual(await page.context().cookies(), []);
  assert.deepEqual(problems, []);
});

test("a form of another site cannot act, whatever the browser sends with it", async (t) => {
  const { browser, proxy, server } = await startSecurely(t);
  const { page } = await openPage(browser, { ignoreHTTPSErrors: true });
  await signUp(page, proxy.origin);

  // A page of somebody else's, of the same host over http, and one without an origin.
  const foreign = [server.origin, server.origin.replace("127.0.0.1", "localhost"), "about:blank"];
  for (const origin of foreign) {
    const form = `<form method="post" action="${proxy.origin}/signout"><button>Win a prize</button></form>`;
    await page.route(`${origin}/prize`, (route) => route.fulfill({ contentType: "text/html", body: form }));
    if (origin === "about:blank") {
      await page.goto(origin);
      await page.setContent(form);
    } else {
      await page.goto(`${origin}/prize`);
    }
    const [answer] = await Promise.all([
      page.waitForResponse(`${proxy.origin}/signout`),
      page.getByRole("button", { name: "Win a prize" }).click(),
    ]);
    assert.equal(answer.status(), 403, origin);
    await page.getByText("This form was sent from another site.").waitFor();
  }

  const answer = await page.goto(`${proxy.origin}/account`);
  assert.equal(new URL(answer.url()).pathname, "/account", "still signed in");
});

/** A server that is reached over https, and a browser. */
async function startSecurely(t) {
  const proxy = await startTlsProxy(t);
  const env = { LATCHKEY_SERVER__PUBLIC_URL: proxy.origin };
  const [server, browser] = await Promise.all([startLatchkey(t, { env }), startBrowser(t)]);
  proxy.leadTo(server.origin);
  return { server, browser, proxy };
}

async function signUp(page, origin) {
  await page.goto(`${origin}/signup`);
  await page.fill("#name", "Ada Lovelace");
  await page.fill("#email", "ada@example.com");
  await page.fill("#password", STRONG);
  await page.getByRole("button", { name: "Sign up", exact: true }).click();
  await page.waitForURL("**/account");
}
