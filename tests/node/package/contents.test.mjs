// What is in the package: everything that it needs, and nothing else.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, posix } from "node:path";
import { test } from "node:test";
import * as runner from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { projectWithPackage } from "../support/package.mjs";

const { folder: project, packed } = await projectWithPackage(runner);
const folder = join(project, "node_modules/latchkey-verifier");
const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const files = packed.files.map(({ path }) => path);

/** The conditions that a runtime or a bundler brings, and the file that it then gets. */
const CONDITIONS = [
  [["types", "import"], "d.ts"],
  [["types", "node", "import"], "d.ts"],
  [["node", "import", "module-sync"], "node.js"],
  [["deno", "node", "import"], "node.js"],
  [["bun", "node", "import"], "node.js"],
  // Wrangler's, and Node compatibility in a Worker must not change it.
  [["workerd", "worker", "browser", "import"], "workerd.js"],
  [["workerd", "node", "import"], "workerd.js"],
  [["browser", "import", "module"], "js"],
  [["import", "module", "production"], "js"],
];

test("each condition gets the file that was made for it, types first", () => {
  const subpaths = ["./wasm/tokens_bg.wasm", "./wasm/passwords_bg.wasm", "./package.json"];
  assert.deepEqual(Object.keys(manifest.exports), [".", "./passwords", ...subpaths]);
  for (const [subpath, name] of [
    [".", "index"],
    ["./passwords", "passwords"],
  ]) {
    const target = manifest.exports[subpath];
    assert.equal(Object.keys(target)[0], "types");
    assert.equal(Object.keys(target).at(-1), "default");
    for (const [conditions, kind] of CONDITIONS) {
      // The first that is met, in the order of the manifest: so says Node's documentation.
      const met = Object.keys(target).find((key) => key === "default" || conditions.includes(key));
      assert.equal(target[met], `./${name}.${kind}`, `${subpath} with ${conditions}`);
    }
  }
});

test("all that is exported is there, what it imports too, and no file besides", () => {
  const needed = new Set(["package.json", "README.md", "LICENSE"]);
  const need = (path) => {
    if (needed.has(path)) {
      return;
    }
    assert.ok(existsSync(join(folder, path)), path);
    needed.add(path);
    if (path.endsWith(".js")) {
      const text = readFileSync(join(folder, path), "utf8");
      const named = text.matchAll(/(?:from|import|new URL\()\s*"(\.[^"]+)"/g);
      [...named].forEach(([, relative]) => need(posix.join(posix.dirname(path), relative)));
    }
  };
  const targets = (value) => (typeof value === "string" ? [value] : Object.values(value).flatMap(targets));
  targets(manifest.exports).forEach((target) => need(posix.normalize(target)));
  assert.deepEqual(files.toSorted(), [...needed].sort());
});

test("no dependencies, no script at installation, no version left open", () => {
  const members = ["name", "version", "description", "license", "type", "sideEffects", "engines", "exports"];
  assert.deepEqual(Object.keys(manifest), members);
  assert.deepEqual(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")), [manifest.name]);
  const workspace = readFileSync(new URL("../../../Cargo.toml", import.meta.url), "utf8");
  assert.equal(manifest.version, workspace.match(/\[workspace\.package\]\nversion = "(.+)"/)[1]);
  assert.match(readFileSync(join(folder, "LICENSE"), "utf8"), new RegExp(manifest.license));
  for (const file of manifest.sideEffects) {
    assert.ok(files.includes(posix.normalize(file)), file);
  }
});

test("the modules are small enough to wait for", (t) => {
  for (const [half, aim] of [
    ["tokens", 90],
    ["passwords", 450],
  ]) {
    const module = readFileSync(join(folder, `wasm/${half}_bg.wasm`));
    const size = gzipSync(module, { level: 9 }).length / 1024;
    t.diagnostic(`${half}: ${size.toFixed(1)} KiB gzipped, the aim is ${aim}`);
    assert.ok(size <= aim, `${half}: ${size} KiB`);
  }
});

test("no file tells where it was built", () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  for (const file of files) {
    const text = readFileSync(join(folder, file), "latin1");
    for (const place of [root, join(homedir(), "/"), join(tmpdir(), "/")]) {
      assert.ok(!text.includes(place), `${file} contains ${place}`);
    }
  }
});
