// What the account's page does with scripts: sessions end without a new page, and say so.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startPages, STRONG } from "./visitor.mjs";

/** Somebody on their account's page, signed in on another device, too. */
async function signedInTwice(t) {
  const { visit } = await startPages(t);
  const here = await visit();
  await here.signUp(STRONG);
  const there = await visit({}, { userAgent: "curl/8.14.1" });
  await there.signIn(STRONG);
  await here.open("/account");
  return { here, there, other: here.otherSessions };
}

test("a session ends without a new page", async (t) => {
  const { here, other } = await signedInTwice(t);
  await here.page.evaluate(() => (globalThis.samePage = true));
  await other.getByRole("button", { name: "End this session: curl" }).click();
  await other.waitFor({ state: "detached" });
  assert.equal(await here.page.evaluate(() => globalThis.samePage), true);
  assert.equal(await here.page.textContent("#sessions-status"), "Signed out: curl.");
  // Whoever uses the keyboard is not thrown back to the top of the page.
  assert.equal(await here.page.evaluate(() => document.activeElement.tagName), "BUTTON");
  here.assertNoProblems();
});

test("a session that could not be ended stays, says why, and can be ended again", async (t) => {
  const { here, other } = await signedInTwice(t);
  await here.page.route("**/api/v1/users/me/sessions/*", (route) => route.abort());
  await other.getByRole("button").click();
  const alert = other.getByRole("alert");
  await alert.waitFor();
  assert.equal(await alert.textContent(), "This session has not ended. The service cannot be reached.");
  assert.equal(await other.getByRole("button").textContent(), "End this session: curl");

  await here.page.unroute("**/api/v1/users/me/sessions/*");
  await other.getByRole("button").click();
  await other.waitFor({ state: "detached" });
});

test("an answer instead of an access token is said in its own words", async (t) => {
  const { here, other } = await signedInTwice(t);
  const problem = { status: 503, contentType: "application/problem+json", body: '{"detail":"Come back later"}' };
  await here.page.route("**/account/token", (route) => route.fulfill(problem));
  await other.getByRole("button").click();
  const alert = other.getByRole("alert");
  await alert.waitFor();
  assert.equal(await alert.textContent(), "This session has not ended. Come back later.");
});

test("whoever is led away to sign in is told of no failure", async (t) => {
  const { here, other } = await signedInTwice(t);
  await here.page.route("**/account/token", (route) => route.fulfill({ status: 401 }));
  // The page stays, since the next one does not come.
  await here.page.route("**/signin", (route) => route.abort());
  const leaving = here.page.waitForEvent("requestfailed", (request) => request.url().endsWith("/signin"));
  await other.getByRole("button").click();
  await leaving;
  assert.equal(await other.getByRole("alert").count(), 0);
});

test("what was done is said once, and the place in the page is kept", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signin?notice=signed_out#email");
  await ada.page.waitForFunction(() => location.search === "");
  assert.equal(new URL(ada.page.url()).hash, "#email");
});

test("a session that has ended meanwhile goes as well", async (t) => {
  const { here, there, other } = await signedInTwice(t);
  await there.send("Sign out");
  await other.getByRole("button").click();
  await other.waitFor({ state: "detached" });
});

test("whose own session has ended is led to sign in", async (t) => {
  const { here, there, other } = await signedInTwice(t);
  await there.open("/account");
  await there.otherSessions.getByRole("button").click();
  await there.otherSessions.waitFor({ state: "detached" });
  await other.getByRole("button").click();
  await here.page.waitForURL(/\/signin/);
});

test("an access token that is no longer taken is replaced, once for all", async (t) => {
  const { here, other } = await signedInTwice(t);
  const tokens = [];
  here.page.on("request", (request) => request.url().endsWith("/account/token") && tokens.push(request.method()));
  await here.page.route("**/api/v1/users/me/sessions/*", (route) => route.fulfill({ status: 401 }), { times: 1 });
  await other.getByRole("button").click();
  await other.waitFor({ state: "detached" });
  assert.deepEqual(tokens, ["POST", "POST"]);
});

test("what is written into a name or a browser's name stays text", async (t) => {
  const { visit } = await startPages(t);
  const script = '<img src=x onerror="document.title=1">';
  const ada = await visit({ name: `"><script>document.title=1</script>` }, { userAgent: script });
  await ada.signUp(STRONG);
  const other = await visit({}, { userAgent: `'"><b>` });
  await other.signIn(STRONG);
  await ada.open("/account");
  await ada.otherSessions.getByRole("button").click();
  await ada.page.locator("#sessions-status", { hasText: "Signed out" }).waitFor();
  assert.equal(await ada.page.locator("main img, main script, main b:not(#password-verdict b)").count(), 0);
  assert.ok((await ada.page.textContent("main")).includes(ada.name));
  assert.match(await ada.page.title(), /^Your account/);
  ada.assertNoProblems();
});

test("times are in the reader's own zone", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit({}, { timezoneId: "Asia/Kathmandu", locale: "en-GB" });
  await ada.signUp(STRONG);
  const time = ada.sessions.locator("time:not([data-ago])");
  const moment = new Date(await time.getAttribute("datetime"));
  const wanted = new Intl.DateTimeFormat("en-GB", { timeStyle: "short", timeZone: "Asia/Kathmandu" }).format(moment);
  assert.ok((await time.textContent()).endsWith(wanted), await time.textContent());
  assert.equal(await ada.sessions.locator("time[data-ago]").textContent(), "just now");
});

test("the modules word ages and devices as people would", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit({}, { timezoneId: "UTC", locale: "en-GB" });
  await ada.open("/signin");
  const words = await ada.page.evaluate(async () => {
    const { describeDevice } = await import("/assets/device.js");
    const { localiseTimes } = await import("/assets/times.js");
    const devices = [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0",
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
      "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
      "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
      "python-requests/2.32",
      " ",
      null,
    ].map(describeDevice);
    const now = new Date("2026-03-10T12:00:00Z");
    const ages = [-60, 59, 60, 3_599, 3_600, 86_400, 6 * 86_400, 7 * 86_400].map((seconds) => {
      const time = document.createElement("time");
      time.dateTime = new Date(now - seconds * 1_000).toISOString();
      time.dataset.ago = "";
      const root = document.createElement("p");
      root.append(time);
      localiseTimes(root, now);
      return time.textContent;
    });
    return { devices, ages };
  });
  assert.deepEqual(words.devices, [
    "Edge on Windows",
    "Chrome on Windows",
    "Firefox on Linux",
    "Safari on Mac",
    "Chrome on iPhone",
    "Samsung Internet on Android",
    "python-requests",
    "An unknown device",
    "An unknown device",
  ]);
  assert.deepEqual(words.ages, [
    "just now",
    "just now",
    "1 minute ago",
    "59 minutes ago",
    "1 hour ago",
    "yesterday",
    "6 days ago",
    "3 March 2026 at 12:00",
  ]);
});
