import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

import { installExample } from "./example.mjs";
import { mustFollowStatus, mustGuard, mustRefuseSignedOut } from "./guard.mjs";
import { AUDIENCE, startIssuer } from "./issuer.mjs";

test("the Worker lets in who has a good token", async (t) => {
  const issuer = await startIssuer(t);
  const worker = await startWorker(t, { ISSUER: issuer.origin, AUDIENCE });
  const get = (headers) => worker.dispatchFetch("https://worker.example/me", { headers });
  await mustRefuseSignedOut(issuer, get);
  await mustGuard(issuer, get);
  await mustFollowStatus(t, issuer, get);

  const { access_token } = await issuer.signUp();
  const authorization = `Bearer ${access_token}`;
  const answers = await Promise.all(Array.from({ length: 20 }, () => get({ authorization })));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]), "many requests at once");
  assert.equal((await worker.dispatchFetch("https://worker.example/")).status, 404);
});

test("while the keys cannot be had it asks to come again", async (t) => {
  const worker = await startWorker(t, { ISSUER: "http://127.0.0.1:1", AUDIENCE });
  for (let round = 0; round < 2; round += 1) {
    const answer = await worker.dispatchFetch("https://worker.example/me", { headers: { authorization: "Bearer a.b.c" } });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers.get("retry-after"), "5");
  }
});

/** Bundles it as wrangler does, the `.wasm` beside the script as a module, and runs it in workerd. */
async function startWorker(t, bindings) {
  const folder = await installExample(t, "cloudflare-worker");
  const wrangler = await readFile(join(folder, "wrangler.toml"), "utf8");
  const setting = (name) => new RegExp(`^${name} = "(.*)"$`, "m").exec(wrangler)[1];
  const { outputFiles } = await build({
    entryPoints: [join(folder, setting("main"))],
    outdir: join(folder, "dist"),
    bundle: true,
    write: false,
    format: "esm",
    external: ["cloudflare:workers"],
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
  });
  // The script first: it is the one that runs.
  const modules = outputFiles
    .map(({ path, text, contents }) =>
      path.endsWith(".wasm")
        ? { type: "CompiledWasm", path: basename(path), contents }
        : { type: "ESModule", path: basename(path), contents: text },
    )
    .sort((one, other) => other.type.localeCompare(one.type));
  const worker = new Miniflare({ modules, compatibilityDate: setting("compatibility_date"), bindings });
  t.after(() => worker.dispose());
  await worker.ready;
  return worker;
}
