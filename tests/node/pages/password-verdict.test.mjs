// The verdict on a password while it is typed.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startPages, STRONG, STRONGER } from "./visitor.mjs";

const shown = "#password-verdict .rules";
const said = "#password-verdict > .visually-hidden";

/** What the server says of a password: its messages, in its order; none if it takes it. */
async function serverVerdict(origin, user) {
  const answer = await fetch(`${origin}/api/v1/users/signup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(user),
  });
  const { errors = [] } = await answer.json();
  assert.equal(answer.status, errors.length === 0 ? 201 : 422);
  return errors.filter(({ field }) => field === "password").map(({ message }) => message);
}

/** Waits until the verdict is exactly this, advice aside. */
async function shows(page, lines) {
  await page.waitForFunction(
    ([selector, wanted]) => {
      const items = document.querySelectorAll(`${selector} > :not(.tip)`);
      return JSON.stringify([...items].map((item) => item.textContent)) === wanted;
    },
    [shown, JSON.stringify(lines)],
  );
}

test("it is the server's, word for word", async (t) => {
  const { server, visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signup");
  await ada.page.fill("#name", ada.name);
  const passwords = [
    "a",
    "Password1",
    "Lovelace1815",
    "l0vel@ce@2026",
    "Tr0ub4dor&3",
    "ÄÖÜäöü12",
    "Ångström 1e\u0301",
    "🔑🔑🔑🔑Aa1",
    `Aa1${"x".repeat(300)}`,
    STRONG,
  ];
  for (const [index, password] of passwords.entries()) {
    const email = `ada${index}@example.com`;
    await ada.page.fill("#email", email);
    await ada.page.fill("#password", password);
    const expected = await serverVerdict(server.origin, { name: ada.name, email, password });
    const lines = expected.length === 0 ? ["This password can be used."] : expected;
    await shows(ada.page, lines);
  }
  ada.assertNoProblems();
});

test("it follows the keys, the name and the address, and goes with the password", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signup");
  const rules = ada.page.locator(shown);
  const meter = ada.page.getByRole("meter", { name: "Strength" });
  await ada.page.locator("#password").pressSequentially("correc");
  await shows(ada.page, ["Use at least 8 characters, not 6.", "Add an upper-case letter.", "Add a digit."]);
  const weak = Number(await meter.getAttribute("value"));
  await ada.page.locator("#password").pressSequentially("t Horse battery");
  await shows(ada.page, ["Add a digit."]);
  await ada.page.locator("#password").pressSequentially(" 7");
  await shows(ada.page, ["This password can be used."]);
  assert.ok(Number(await meter.getAttribute("value")) > weak);

  await ada.page.fill("#password", "Lovelace1815");
  await rules.getByText("This password can be used.").waitFor();
  await ada.page.fill("#name", "Ada Lovelace");
  await rules.getByText("little more than your name").waitFor();
  await ada.page.fill("#password", "");
  await rules.waitFor({ state: "hidden" });
  ada.assertNoProblems();
});

test("it is read out in pauses, and only when it is another", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signup");
  await ada.page.evaluate((selector) => {
    globalThis.heard = [];
    const region = document.querySelector("#password-verdict");
    new MutationObserver(() => heard.push(document.querySelector(selector).textContent)).observe(
      region.querySelector(selector),
      { childList: true, characterData: true, subtree: true },
    );
  }, said);
  assert.equal(await ada.page.getAttribute("#password-verdict", "aria-live"), "polite");
  assert.equal(await ada.page.getAttribute("#password-verdict > .verdict", "aria-live"), "off");
  const hears = (count) => ada.page.waitForFunction((wanted) => heard.length === wanted, count);
  await ada.page.fill("#password", "zwk");
  await hears(1);
  // Longer, and too short as before: nothing new.
  await ada.page.fill("#password", "zwkqv");
  await ada.page.locator(shown).getByText("not 5.").waitFor();
  await ada.page.fill("#password", "zwkqv Horse battery 7");
  await hears(2);
  const [first, last] = await ada.page.evaluate(() => heard);
  assert.match(first, /^Use at least 8 characters\. Add an upper-case letter\. Add a digit\./);
  assert.match(last, /^This password can be used\. Strength: \w+\.$/);
});

test("it stands under the new password of an account, and knows whose it is", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.signUp(STRONG);
  await ada.page.fill("#new_password", "Lovelace1815");
  const rules = ada.page.locator(shown);
  await rules.getByText("little more than your name").waitFor();
  await ada.page.fill("#new_password", STRONGER);
  await rules.getByText("This password can be used.").waitFor();
  ada.assertNoProblems();
});

test("it takes the place of what the server said of another password", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  assert.equal(await ada.signUp("weak"), 422);
  assert.ok((await ada.faults("password")).includes("Add a digit."));
  await ada.page.fill("#password", "weak, with 2 digits 2");
  await shows(ada.page, ["Add an upper-case letter."]);
  assert.deepEqual(await ada.faults("password"), []);
  assert.equal(await ada.page.getAttribute("#password", "aria-invalid"), null);
  ada.assertNoProblems(422);
});

test("it comes late: the rules are loaded when the field is entered", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  const loaded = [];
  ada.page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  await ada.open("/signup");
  await ada.page.fill("#name", ada.name);
  assert.deepEqual(loaded.filter((path) => path.endsWith(".wasm")), []);
  await Promise.all([ada.page.waitForResponse(/passwords_bg\.wasm$/), ada.page.focus("#password")]);
});

test("where the rules cannot be loaded, the hint and the server do without it", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.page.route("**/*.wasm", (route) => route.abort());
  await ada.open("/signup");
  await Promise.all([ada.page.waitForEvent("requestfailed"), ada.page.focus("#password")]);
  const hint = await ada.page.locator("#password-hint").textContent();
  assert.match(hint, /At least 8 characters/);
  assert.equal(await ada.signUp("weak"), 422);
  assert.ok((await ada.faults("password")).includes("Add a digit."));
  assert.equal(await ada.signUp(STRONG), 200);
  assert.equal(ada.path, "/account");
});
