// Where the programs are that the tests start.
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const modules = join(root, "tests/node/node_modules");

/** The `latchkey` binary: `LATCHKEY_TEST_BINARY`, or what `cargo build` left. */
export function latchkey() {
  const binary = process.env.LATCHKEY_TEST_BINARY ?? join(root, "target/debug/latchkey");
  return present(binary, "run `cargo build`, or set LATCHKEY_TEST_BINARY");
}

/** Chromium: `LATCHKEY_TEST_CHROMIUM`, or what is on the PATH. */
export function chromium() {
  const named = process.env.LATCHKEY_TEST_CHROMIUM;
  if (named !== undefined) {
    return present(named, "LATCHKEY_TEST_CHROMIUM names it");
  }
  const folders = process.env.PATH.split(delimiter);
  const places = ["chromium", "chromium-browser", "google-chrome"].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  const found = places.find(isExecutable);
  if (found === undefined) {
    throw new Error("there is no chromium on the PATH: install it, or set LATCHKEY_TEST_CHROMIUM");
  }
  return found;
}

// What npm calls `deno` and `bun` are scripts that copy the programs when they are
// installed, and nothing runs while installing here. The programs lie beside them.
export const deno = () => installed("@deno", "deno");
export const bun = () => installed("@oven", "bin/bun");
export const tsc = () => present(join(modules, ".bin/tsc"), "run `npm ci` in tests/node");

function installed(scope, program) {
  const folder = join(modules, scope);
  const packages = existsSync(folder) ? readdirSync(folder) : [];
  const found = packages.map((name) => join(folder, name, program)).find(isExecutable);
  if (found === undefined) {
    throw new Error(`there is no ${program} in ${folder}: run \`npm ci\` in tests/node`);
  }
  return found;
}

function present(program, otherwise) {
  if (!isExecutable(program)) {
    throw new Error(`there is no program ${program}: ${otherwise}`);
  }
  return program;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
