// A running `latchkey`, with a database of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { temporaryFolder } from "./folder.mjs";
import { latchkey } from "./programs.mjs";

/**
 * Starts a server on a free port and waits until it accepts connections. It ends,
 * and its database goes, when the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {{ listen?: string, env?: Record<string, string> }} [settings] where to
 *   listen, and the environment beside the defaults of tests: passwords are hashed
 *   at the lowest cost
 * @returns {Promise<Latchkey>}
 */
export async function startLatchkey(t, { listen = "127.0.0.1:0", env = {} } = {}) {
  const folder = await temporaryFolder(t);
  const server = new Latchkey(folder, listen, {
    // Nothing of the developer's own environment reaches the program.
    PATH: process.env.PATH,
    LATCHKEY_DATABASE__URL: `sqlite:${join(folder, "latchkey.db")}`,
    LATCHKEY_PASSWORDS__ARGON2__M: "8",
    LATCHKEY_PASSWORDS__ARGON2__T: "1",
    ...env,
  });
  t.after(() => server.stop());
  await server.start();
  return server;
}

class Latchkey {
  /** `http://127.0.0.1:PORT`, from the moment it runs. */
  origin;
  /** All that it has logged. */
  log = "";
  #folder;
  #listen;
  #environment;
  #child;

  constructor(folder, listen, environment) {
    this.#folder = folder;
    this.#listen = listen;
    this.#environment = environment;
  }

  /** Starts it again after `stop`, with the same database; the port may be another. */
  async start() {
    this.#child = this.#spawn(["serve", "--listen", this.#listen]);
    this.#child.stderr.on("data", (text) => (this.log += text));
    process.on("exit", this.#kill);
    // Ends without a line when the server does.
    for await (const line of createInterface(this.#child.stdout)) {
      this.origin = line.match(/^listening on (http:.*)$/)?.[1];
      break;
    }
    if (this.origin === undefined) {
      throw new Error(`the server did not start:\n${this.log}`);
    }
    this.#child.stdout.resume();
  }

  /** Asks it to finish and waits until it has. */
  async stop() {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    process.off("exit", this.#kill);
  }

  /** Runs a subcommand on its database: what it wrote to stdout. */
  async run(...subcommand) {
    const child = this.#spawn(subcommand);
    const [out, error] = [[], []];
    child.stdout.on("data", (text) => out.push(text));
    child.stderr.on("data", (text) => error.push(text));
    const [code] = await once(child, "close");
    if (code !== 0) {
      throw new Error(`\`latchkey ${subcommand.join(" ")}\` ended with ${code}:\n${error.join("")}`);
    }
    return out.join("");
  }

  #spawn(subcommand) {
    const child = spawn(latchkey(), subcommand, {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.setEncoding("utf8");
    child.stderr.setEncoding("utf8");
    return child;
  }

  #kill = () => this.#child.kill("SIGKILL");
}
