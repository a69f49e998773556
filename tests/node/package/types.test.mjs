// The typings, as a user's compiler takes them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as runner from "node:test";

import { projectWithPackage } from "../support/package.mjs";
import { tsc } from "../support/programs.mjs";

const { folder: project } = await projectWithPackage(runner);
await cp(join(import.meta.dirname, "types"), project, { recursive: true });

const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noUnusedLocals: true,
  isolatedModules: true,
  // Our typings are checked as well, and by themselves: without those of a DOM or of Node.
  skipLibCheck: false,
  target: "es2022",
  lib: ["es2022"],
  types: [],
};

for (const resolution of [
  { module: "esnext", moduleResolution: "bundler" },
  { module: "nodenext", moduleResolution: "nodenext" },
  { module: "esnext", moduleResolution: "bundler", customConditions: ["workerd", "browser"] },
  { module: "esnext", moduleResolution: "bundler", exactOptionalPropertyTypes: false, lib: ["es2022", "dom"] },
]) {
  test(`every member and every mistake, with ${JSON.stringify(resolution)}`, async () => {
    const compilerOptions = { ...STRICT, ...resolution };
    const files = ["tokens.ts", "passwords.ts"];
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const { status, stdout, stderr } = spawnSync(tsc(), ["--project", "."], { cwd: project, encoding: "utf8" });
    assert.equal(stdout + stderr, "");
    assert.equal(status, 0);
  });
}
