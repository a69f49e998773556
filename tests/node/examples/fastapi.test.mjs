import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { exampleFolder, startExample } from "./example.mjs";
import { mustGuard } from "./guard.mjs";
import { AUDIENCE, startIssuer } from "./issuer.mjs";

const run = promisify(execFile);
const target = fileURLToPath(new URL("../../../target/", import.meta.url));

test("the FastAPI service lets in who has a good token", async (t) => {
  const issuer = await startIssuer(t);
  const origin = await startService(t, { ISSUER: issuer.origin, AUDIENCE });
  await mustGuard(issuer, (headers) => fetch(`${origin}/me`, { headers }));
});

test("while the keys cannot be had it asks to come again", async (t) => {
  const origin = await startService(t, { ISSUER: "http://127.0.0.1:1", AUDIENCE });
  const token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.e30.AAAA";
  const answer = await fetch(`${origin}/me`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 503);
  assert.equal(answer.headers.get("retry-after"), "5");
});

async function startService(t, env) {
  const cwd = exampleFolder("fastapi");
  const python = join(await virtualEnvironment(join(cwd, "requirements.txt")), "bin/python");
  return startExample(t, [python, "-B", "-m", "uvicorn", "main:app", "--port", "0"], { cwd, env });
}

/**
 * A Python with what the file names, in `target/`; made beside its place and then moved
 * there, so that a half-made one is never used. The tests of one file run one by one.
 */
async function virtualEnvironment(requirements) {
  const wanted = createHash("sha256").update(await readFile(requirements)).digest("hex").slice(0, 16);
  const folder = join(target, `python-fastapi-${wanted}`);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`;
    await rm(unfinished, { recursive: true, force: true });
    await run("python3", ["-m", "venv", unfinished]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements];
    await run(join(unfinished, "bin/python"), pip);
    await rename(unfinished, folder);
  }
  return folder;
}
