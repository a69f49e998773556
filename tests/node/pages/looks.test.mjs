// How the pages look, and to whom they are of use: axe's rules in light and dark, narrow
// and enlarged windows, the keyboard alone. Leaves a picture of each in target/screenshots.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { startPages, STRONG } from "./visitor.mjs";

const PICTURES = fileURLToPath(new URL("../../../target/screenshots", import.meta.url));

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
await mkdir(PICTURES, { recursive: true });

/** A name, an address and a browser that find no place to break a line. */
const LONG = {
  name: `Ada${"Lovelace".repeat(12)}`,
  email: `${"a".repeat(60)}@${"long-label-of-a-domain.".repeat(6)}example.com`,
};

/** Every page in every state that has a look of its own, and how one gets there. */
const STATES = {
  home: (ada) => ada.open("/"),
  "sign-up": (ada) => ada.open("/signup"),
  "sign-up-verdict": async (ada) => {
    await ada.open("/signup");
    await ada.page.fill("#password", "monkey");
    await ada.page.locator("#password-verdict .rules li").first().waitFor();
  },
  "sign-up-accepted": async (ada) => {
    await ada.open("/signup");
    await ada.page.fill("#password", "Weather99");
    await ada.page.getByText("This password can be used.").first().waitFor();
  },
  "sign-up-refused": async (ada) => {
    await ada.open("/signup");
    await ada.page.fill("#name", "Ada");
    await ada.page.fill("#email", "not an address");
    await ada.page.fill("#age", "old");
    await ada.page.fill("#password", "monkey");
    assert.equal(await ada.send("Sign up"), 422);
  },
  "sign-in": (ada) => ada.open("/signin"),
  "sign-in-refused": (ada) => ada.signIn("not it"),
  account: async (ada) => {
    await ada.signUp(STRONG);
    await ada.open("/account");
    await ada.page.locator("#sessions time[data-ago]", { hasText: "just now" }).first().waitFor();
  },
  "account-refused": async (ada) => {
    await ada.page.fill("#current_password", "not it");
    await ada.page.fill("#new_password", "Another-1");
    assert.equal(await ada.send("Change the password"), 403);
  },
  "account-dialog": async (ada) => {
    await ada.open("/account");
    await ada.page.getByRole("button", { name: "End every session" }).click();
    await ada.page.getByRole("dialog").waitFor();
  },
  "home-signed-in": (ada) => ada.open("/"),
  problem: (ada) => ada.open("/problems/email_taken"),
  nowhere: (ada) => ada.open("/nowhere"),
  docs: (ada) => ada.open("/docs"),
};

/** Shows each state, looks at it, and takes its picture. */
async function lookAt(t, { who, options, named }, look) {
  const { visit } = await startPages(t);
  // What moves is looked at when it has come to rest.
  const ada = await visit(who, { reducedMotion: "reduce", ...options });
  for (const [state, reach] of Object.entries(STATES)) {
    await reach(ada);
    await t.test(state, () => look(ada.page));
    const fullPage = state !== "docs" && state !== "account-dialog";
    await ada.page.screenshot({ path: join(PICTURES, `${state}-${named}.png`), fullPage });
  }
  ada.assertNoProblems(401, 403, 404, 422);
}

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing, ${colorScheme}`, async (t) => {
    const options = { colorScheme, viewport: { width: 1000, height: 800 } };
    await lookAt(t, { options, named: colorScheme }, async (page) => {
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => axe.run());
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      assert.deepEqual(found, []);
      assert.ok(passes.some(({ id }) => id === "color-contrast"), "the contrast was looked at");
    });
  });
}

const overflow = (page) =>
  page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = [...document.querySelectorAll("body *")].filter(
      (element) => element.getBoundingClientRect().right > clientWidth + 0.5 && element.closest(".table, .skip") === null,
    );
    return { beyond: scrollWidth - clientWidth, wide: wide.map(({ outerHTML }) => outerHTML.slice(0, 80)) };
  });

test("at 320 pixels, which is 1280 at 400 %, nothing needs scrolling sideways", async (t) => {
  const options = { viewport: { width: 320, height: 640 }, userAgent: "Unbroken".repeat(20) };
  await lookAt(t, { who: LONG, options, named: "320px" }, async (page) => {
    assert.deepEqual(await overflow(page), { beyond: 0, wide: [] });
  });
});

test("with letters of twice the size nothing is cut off", async (t) => {
  const options = { viewport: { width: 640, height: 800 }, colorScheme: "dark" };
  await lookAt(t, { who: LONG, options, named: "large-text" }, async (page) => {
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    assert.deepEqual(await overflow(page), { beyond: 0, wide: [] });
  });
});

test("with colours forced by the system everything can be told apart", async (t) => {
  await lookAt(t, { options: { forcedColors: "active" }, named: "forced-colours" }, async (page) => {
    // What is drawn by a background alone would vanish.
    for (const button of await page.locator("button:visible, .button:visible").all()) {
      const border = await button.evaluate((element) => getComputedStyle(element).borderTopWidth);
      assert.notEqual(border, "0px");
    }
  });
});

test("the keyboard is enough", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  const { page } = ada;
  const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
  /** Goes on until something has the focus; it must be seen that it has. */
  async function tabTo(wanted) {
    const way = [];
    while (way.length < 40) {
      await press("Tab");
      way.push(await focused());
      if (way.at(-1) === wanted) {
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, "none", `${wanted} does not show that it has the focus`);
        return;
      }
    }
    assert.fail(`no way to ${wanted}: ${way.join(", ")}`);
  }

  await ada.open("/signup");
  await press("Tab");
  assert.equal(await focused(), "Skip to the content");
  for (const [field, text] of [
    ["name", ada.name],
    ["email", ada.email],
    ["password", "weak"],
  ]) {
    await tabTo(field);
    await page.keyboard.type(text);
  }
  await Promise.all([page.waitForNavigation(), press("Enter")]);
  // What is wrong has the focus, and leads to the fields.
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "alert");
  await tabTo("Password");
  await press("Enter");
  assert.equal(await focused(), "password");
  await page.keyboard.type(STRONG);
  await Promise.all([page.waitForURL(/account/), press("Enter")]);

  const other = await visit({}, { userAgent: "curl/8.14.1" });
  await other.signIn(STRONG);
  await ada.open("/account");
  await tabTo("End this session: curl");
  await press("Enter");
  await ada.otherSessions.waitFor({ state: "detached" });
  await tabTo("End every session");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  assert.equal(await focused(), "keep-sessions");
  await press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.equal(await focused(), "End every session");
  await press("Enter");
  await tabTo("End every session");
  await Promise.all([page.waitForURL(/signin/), press("Enter")]);
  ada.assertNoProblems(422);
});

test("a form that was sent is not sent again while the answer is under way", async (t) => {
  const { visit } = await startPages(t);
  const ada = await visit();
  await ada.open("/signin");
  await ada.page.evaluate(() => {
    globalThis.sent = 0;
    // The last to hear of it; and there never is an answer.
    addEventListener("submit", (event) => {
      globalThis.sent += event.defaultPrevented ? 0 : 1;
      event.preventDefault();
    });
  });
  const button = ada.page.locator("form .primary");
  await button.click();
  assert.equal(await button.textContent(), "Signing in…");
  assert.equal(await button.getAttribute("aria-busy"), "true");
  await button.click();
  await ada.page.locator("#password").press("Enter");
  assert.equal(await ada.page.evaluate(() => globalThis.sent), 1);
});
