// A Cloudflare Worker in workerd, Cloudflare's own runtime.
import { basename, extname, join } from "node:path";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

/**
 * Bundles a Worker as Wrangler does: with workerd's conditions, and modules of
 * WebAssembly stay files to import. (workerd compiles nothing at run time.)
 *
 * @param {string} project the folder with `node_modules`
 * @param {string} entry the Worker's file in it
 * @returns {Promise<string>} the folder of the bundle
 */
export async function bundleWorker(project, entry) {
  const outdir = join(project, "workers", basename(entry, extname(entry)));
  await build({
    absWorkingDir: project,
    entryPoints: { worker: entry },
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    outdir,
  });
  return outdir;
}

/**
 * Runs a bundled Worker until the test is over.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @param {string} bundle what `bundleWorker` gave
 * @param {import("miniflare").WorkerOptions} [options] bindings and the like
 */
export async function startWorker(t, bundle, options) {
  const worker = new Miniflare({
    modules: true,
    modulesRoot: bundle,
    scriptPath: join(bundle, "worker.js"),
    modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
    compatibilityDate: "2026-01-01",
    ...options,
  });
  t.after(() => worker.dispose());
  await worker.ready;
  return worker;
}
