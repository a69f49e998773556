// What a person does with an account, with scripts and without.
import assert from "node:assert/strict";
import { test } from "node:test";

import { startPages, STRONG, STRONGER } from "./visitor.mjs";

for (const javaScriptEnabled of [true, false]) {
  const scripts = javaScriptEnabled ? "with scripts" : "without scripts";

  test(`a weak password is refused beside its field, a strong one opens the account, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const ada = await visit({}, { javaScriptEnabled });
    assert.equal(await ada.signUp("lovelace-ada"), 422);
    assert.equal(ada.path, "/signup");
    assert.equal(await ada.page.inputValue("#name"), ada.name);
    assert.equal(await ada.page.inputValue("#email"), ada.email);
    assert.equal(await ada.page.inputValue("#password"), "");
    assert.deepEqual(await ada.faults("password"), [
      "Add an upper-case letter.",
      "Add a digit.",
      "Add words of your own. This is little more than your name, your e-mail address or the name of this service.",
    ]);
    const field = ada.page.getByLabel("Password", { exact: true });
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.match(await field.getAttribute("aria-describedby"), /password-faults/);
    assert.match(await ada.page.getByRole("alert").textContent(), /Password: Add a digit\./);

    await ada.page.fill("#password", STRONG);
    assert.equal(await ada.send("Sign up"), 200);
    assert.equal(ada.path, "/account");
    assert.match(await ada.page.textContent("main"), /ada@example\.com/);
    assert.equal(await ada.sessions.count(), 1);
    ada.assertNoProblems(422);
  });

  test(`an address that is taken, and a password that is wrong, are said so, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const ada = await visit({}, { javaScriptEnabled });
    await ada.signUp(STRONG);
    const other = await visit({}, { javaScriptEnabled });
    assert.equal(await other.signUp(STRONG), 400);
    assert.deepEqual(await other.faults("email"), ["Email already registered."]);
    assert.equal(await other.signIn("not it"), 401);
    assert.match(await other.page.getByRole("alert").textContent(), /Invalid email or password/);
    assert.equal(await other.page.inputValue("#email"), other.email);
    other.assertNoProblems(400, 401);
  });

  test(`a session on another device is ended from the account, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const here = await visit({}, { javaScriptEnabled });
    await here.signUp(STRONG);
    const there = await visit({}, { javaScriptEnabled, userAgent: "Mozilla/5.0 (iPhone) Version/18.0 Safari/605" });
    assert.equal(await there.signIn(STRONG), 200);

    await here.open("/account");
    assert.equal(await here.sessions.count(), 2);
    assert.equal(await here.ownSession.locator(".badge").textContent(), "This session");
    const other = here.otherSessions;
    assert.match(await other.textContent(), javaScriptEnabled ? /Safari on iPhone/ : /iPhone/);
    await other.getByRole("button").click();
    await other.waitFor({ state: "detached" });
    assert.equal(await here.sessions.count(), 1);
    assert.match((await here.page.getByRole("status").allTextContents()).join(), /ended|Signed out: Safari on iPhone/);

    await there.open("/account");
    assert.equal(there.path, "/signin");
    await here.open("/account");
    assert.equal(here.path, "/account");
    here.assertNoProblems();
    there.assertNoProblems();
  });

  test(`a changed password ends the other sessions, and the old one is refused, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const here = await visit({}, { javaScriptEnabled });
    const there = await visit({}, { javaScriptEnabled });
    await here.signUp(STRONG);
    await there.signIn(STRONG);

    assert.equal(await here.changePassword("not it", STRONGER), 403);
    assert.deepEqual(await here.faults("current_password"), ["The current password is wrong."]);
    assert.equal(await here.changePassword(STRONG, "short"), 422);
    assert.ok((await here.faults("new_password")).includes("Use at least 8 characters, not 5."));
    assert.equal(await here.changePassword(STRONG, STRONGER), 200);
    assert.equal(here.path, "/account");
    assert.match(await here.page.locator(".notice").textContent(), /password is changed/);
    assert.equal(await here.sessions.count(), 1);

    await there.open("/account");
    assert.equal(there.path, "/signin");
    assert.equal(await there.signIn(STRONG), 401);
    assert.equal(await there.signIn(STRONGER), 200);
    here.assertNoProblems(403, 422);
    there.assertNoProblems(401);
  });

  test(`signing out is for good, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const ada = await visit({}, { javaScriptEnabled });
    await ada.signUp(STRONG);
    const before = await ada.page.context().cookies();
    assert.equal(await ada.send("Sign out"), 200);
    assert.equal(ada.path, "/signin");
    assert.deepEqual(await ada.page.context().cookies(), []);
    // Also for whoever has kept the cookie.
    await ada.page.context().addCookies(before);
    await ada.open("/account");
    assert.equal(ada.path, "/signin");
    await ada.page.goBack();
    assert.equal(await ada.page.getByText(ada.email).count(), 0);
    ada.assertNoProblems();
  });

  test(`every session is ended, this one too, ${scripts}`, async (t) => {
    const { visit } = await startPages(t);
    const here = await visit({}, { javaScriptEnabled });
    const there = await visit({}, { javaScriptEnabled });
    await here.signUp(STRONG);
    await there.signIn(STRONG);
    await here.open("/account");
    if (javaScriptEnabled) {
      await here.page.getByRole("button", { name: "End every session" }).click();
      const dialog = here.page.getByRole("dialog", { name: "End every session?" });
      await dialog.getByRole("button", { name: "Cancel" }).click();
      await dialog.waitFor({ state: "hidden" });
      await here.page.getByRole("button", { name: "End every session" }).click();
      await dialog.waitFor();
    }
    // A dialog hides from everything what is behind it.
    const button = here.page.locator(javaScriptEnabled ? "dialog .danger" : "#ask-end-all button");
    await Promise.all([here.page.waitForURL(/signin/), button.click()]);
    for (const visitor of [here, there]) {
      await visitor.open("/account");
      assert.equal(visitor.path, "/signin");
      visitor.assertNoProblems();
    }
  });
}
