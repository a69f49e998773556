// An example as somebody has it who has followed its README.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { projectWithPackage } from "../support/package.mjs";

const examples = fileURLToPath(new URL("../../../examples/", import.meta.url));
const modules = fileURLToPath(new URL("../node_modules/", import.meta.url));

/** The folder of an example in the repository. */
export const exampleFolder = (name) => join(examples, name);

/**
 * A copy of an example with the package as packed, gone when the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {string} name of the example's folder
 * @param {string[]} [dependencies] what else it depends on; the releases are the tests'
 * @returns {Promise<string>} the folder
 */
export async function installExample(t, name, dependencies = []) {
  const { folder } = await projectWithPackage(t);
  await cp(exampleFolder(name), folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
  for (const dependency of dependencies) {
    await symlink(join(modules, dependency), join(folder, "node_modules", dependency));
  }
  return folder;
}

/**
 * Starts a server and waits for the line that says where it listens; it ends when the test
 * is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {string[]} command the program and its arguments
 * @param {{ cwd: string, env: Record<string, string> }} options
 * @returns {Promise<string>} its origin
 */
export async function startExample(t, [program, ...options], { cwd, env }) {
  const child = spawn(program, options, {
    cwd,
    // Nothing of the developer's own environment reaches the program.
    env: { PATH: process.env.PATH, HOME: cwd, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  t.after(async () => {
    process.off("exit", kill);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill();
      await once(child, "exit");
    }
  });
  return listening(child);
}

/** Where it listens, which it says on stdout or stderr. */
function listening(child) {
  return new Promise((resolve, reject) => {
    const lines = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        const origin = /(?:listening|running) on (http:\/\/[\w.:]+)/i.exec(line)?.[1];
        if (origin !== undefined) {
          resolve(origin);
        }
      });
    }
    child.on("error", reject);
    child.on("close", () => reject(new Error(`the example did not start:\n${lines.join("\n")}`)));
  });
}
