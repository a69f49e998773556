// The npm package as its users get it: packed, and installed from that file.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { temporaryFolder } from "./folder.mjs";

const run = promisify(execFile);

/** What `cargo xtask wasm` built. */
export const built = fileURLToPath(new URL("../../../verifier-wasm/pkg", import.meta.url));

/**
 * An empty project into which the package has been installed, offline; gone when the
 * test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @returns {Promise<{ folder: string, packed: PackedPackage }>} the project, and what
 *   `npm pack` says about the file that it made
 *
 * @typedef {{ filename: string, size: number, files: { path: string }[] }} PackedPackage
 */
export async function projectWithPackage(t) {
  if (!existsSync(join(built, "package.json"))) {
    throw new Error(`there is no package in ${built}: run \`cargo xtask wasm\``);
  }
  const place = await temporaryFolder(t);
  const folder = join(place, "project");
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "name": "user", "private": true, "type": "module" }\n');
  const [packed] = JSON.parse(await npm(built, "pack", "--json", "--pack-destination", place));
  await npm(folder, "install", "--offline", "--no-audit", "--no-fund", join(place, packed.filename));
  return { folder, packed };
}

async function npm(cwd, ...command) {
  const { stdout } = await run("npm", command, { cwd });
  return stdout;
}
