// A person in front of a browser, with what they do on the pages as verbs.
import assert from "node:assert/strict";

import { openPage, startBrowser } from "../support/browser.mjs";
import { startLatchkey } from "../support/latchkey.mjs";

/** A password that the default policy takes. */
export const STRONG = "correct Horse battery 7";

/** The other one. */
export const STRONGER = "another Staple, 9 lamps";

/**
 * A server with an empty database, and a browser to look at it with.
 *
 * @param {Parameters<typeof startBrowser>[0]} t
 * @param {Parameters<typeof startLatchkey>[1]} [settings]
 */
export async function startPages(t, settings) {
  const [server, browser] = await Promise.all([startLatchkey(t, settings), startBrowser(t)]);
  return {
    server,
    /**
     * Somebody with a browser profile of their own.
     *
     * @param {{ name?: string, email?: string }} [who]
     * @param {import("playwright-core").BrowserContextOptions} [options]
     */
    visit: async (who, options) => new Visitor(server.origin, await openPage(browser, options), who),
  };
}

class Visitor {
  name;
  email;
  page;
  #origin;
  #problems;

  constructor(origin, { page, problems }, { name = "Ada Lovelace", email = "ada@example.com" } = {}) {
    this.name = name;
    this.email = email;
    this.page = page;
    this.#origin = origin;
    this.#problems = problems;
  }

  /** Opens a page: the answer to the last of the requests that it took. */
  open(path) {
    return this.page.goto(this.#origin + path);
  }

  /** The path of the page that is open. */
  get path() {
    return new URL(this.page.url()).pathname;
  }

  async signUp(password) {
    await this.open("/signup");
    await this.page.fill("#name", this.name);
    await this.page.fill("#email", this.email);
    await this.page.fill("#password", password);
    return this.send("Sign up");
  }

  async signIn(password) {
    await this.open("/signin");
    await this.page.fill("#email", this.email);
    await this.page.fill("#password", password);
    return this.send("Sign in");
  }

  async changePassword(from, to) {
    await this.open("/account");
    await this.page.fill("#current_password", from);
    await this.page.fill("#new_password", to);
    return this.send("Change the password");
  }

  /**
   * Presses the button of a form and waits for the page that comes: its status. By the
   * keyboard: a verdict that appears between the two halves of a click moves the button away
   * from the pointer, which on a busy machine it does.
   */
  async send(label) {
    const [answer] = await Promise.all([
      this.page.waitForResponse((answer) => answer.request().isNavigationRequest() && answer.status() !== 303),
      this.page.getByRole("button", { name: label, exact: true }).press("Enter"),
    ]);
    await this.page.waitForLoadState();
    return answer.status();
  }

  /** The items of the list of sessions. */
  get sessions() {
    return this.page.locator("#sessions > li");
  }

  get ownSession() {
    return this.page.locator("#sessions > li[data-current]");
  }

  get otherSessions() {
    return this.page.locator("#sessions > li:not([data-current])");
  }

  /** What is wrong with a field, as the page says beside it. */
  faults(field) {
    return this.page.locator(`#${field}-faults > li`).allTextContents();
  }

  /**
   * Nothing went wrong in the browser that nobody expects: no error on the console, no
   * exception, no violation of the Content Security Policy. (A page that comes with one of
   * these statuses is an error on the console, too.)
   */
  assertNoProblems(...statuses) {
    const expected = new RegExp(`^Failed to load resource: .* status of (${statuses.join("|")}) `);
    const unexpected = this.#problems.filter((problem) => statuses.length === 0 || !expected.test(problem));
    assert.deepEqual(unexpected, []);
  }
}
