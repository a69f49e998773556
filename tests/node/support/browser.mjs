// Chromium without a window, driven by playwright-core.
import { chromium as driver } from "playwright-core";

import { chromium } from "./programs.mjs";

// Only what a page asks for goes over the network; and the sandbox refuses root.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Starts a browser; it ends when the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @returns {Promise<import("playwright-core").Browser>}
 */
export async function startBrowser(t) {
  const browser = await driver.launch({ executablePath: chromium(), args: FLAGS });
  t.after(() => browser.close());
  return browser;
}

/**
 * A new page in a profile of its own, and all that went wrong in it so far: errors
 * on the console, exceptions that nobody caught, violations of the Content Security
 * Policy. (An answer with status 400 or more is an error on the console, too.)
 *
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 * @returns {Promise<{ page: import("playwright-core").Page, problems: string[] }>}
 */
export async function openPage(browser, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => {
    if (message.type() === "error") {
      problems.push(`${message.text()} (${message.location().url})`);
    }
  });
  page.on("pageerror", (error) => problems.push(`${error}`));
  return { page, problems };
}
