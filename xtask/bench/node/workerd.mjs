// Tokens, checked in a Cloudflare Worker: workerd with the package and jose in one Worker.
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

import { ALGORITHMS, ISSUER, material } from "./keys.mjs";
import { isQuick, TURNS } from "./measure.mjs";
import { multiple, print, time } from "./report.mjs";
import { median, ratio } from "./statistics.mjs";
import { AIMS } from "./tokens.mjs";

/** How much CPU time a turn takes at least, in µs. */
const TURN = isQuick ? 20_000 : 100_000;

const NAMES = ["latchkey, first check", "latchkey, repeated", "jose"];

/**
 * Prints the table; the aims with what was measured. Needs Linux, whose `/proc` tells what
 * workerd has computed.
 *
 * @param {URL} folder the package's
 */
export async function workerd(folder) {
  const worker = new Miniflare({ modules: await bundle(folder), compatibilityDate: "2026-04-01" });
  try {
    await worker.ready;
    const times = {};
    for (const algorithm of ALGORITHMS) {
      times[algorithm] = await measure(worker, await material(algorithm));
    }
    const rows = NAMES.map((name) => [
      name,
      ...ALGORITHMS.map(
        (algorithm) =>
          `${time(median(times[algorithm][name]))}, ${multiple(ratio(times[algorithm][name], times[algorithm].jose).median)}`,
      ),
    ]);
    print(
      "Tokens in workerd",
      "CPU time of one check in µs, and as a multiple of `jose`'s; WebCrypto stays on the thread there.",
      ["", ...ALGORITHMS],
      rows,
    );
    return ALGORITHMS.map((algorithm) => ({
      what: `${algorithm} in workerd, first check, to \`jose\``,
      aim: AIMS[algorithm],
      measured: ratio(times[algorithm]["latchkey, first check"], times[algorithm].jose),
    }));
  } finally {
    await worker.dispose();
  }
}

async function bundle(folder) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("worker.mjs", import.meta.url))],
    outdir: "out",
    bundle: true,
    write: false,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    alias: { "latchkey-verifier": fileURLToPath(new URL("index.workerd.js", folder)) },
    loader: { ".wasm": "copy" },
  });
  const modules = outputFiles.map(({ path, text, contents }) =>
    path.endsWith(".wasm")
      ? { type: "CompiledWasm", path: basename(path), contents }
      : { type: "ESModule", path: basename(path), contents: text },
  );
  // The script first: it is the one that runs.
  return modules.sort((one, other) => other.type.localeCompare(one.type));
}

async function measure(worker, { algorithm, jwk, tokens, forged }) {
  const ask = async (name, count, asked = tokens) => {
    const body = JSON.stringify({ name, algorithm, jwk, tokens: asked, issuer: ISSUER, count });
    const before = computed();
    const { status } = await worker.dispatchFetch("http://worker.example/", { method: "POST", body });
    return { isGood: status === 204, took: computed() - before };
  };
  /** Of `count` checks alone: the same without any is taken off. */
  const check = async (name, count) => {
    const { isGood, took } = await ask(name, count);
    if (!isGood) {
      throw new Error(`${name} refuses ${algorithm} in workerd`);
    }
    const { took: overhead } = await ask(name === "jose" ? "nothing, awaited" : "nothing", count);
    return took - overhead;
  };

  const counts = {};
  for (const name of NAMES) {
    if ((await ask(name, 1, forged).catch(() => ({ isGood: false }))).isGood) {
      throw new Error(`${name} accepts a forged token in workerd`);
    }
    // This warms up, too.
    for (counts[name] = tokens.length; (await check(name, counts[name])) < TURN; counts[name] *= 2);
  }
  const times = Object.fromEntries(NAMES.map((name) => [name, []]));
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const name of NAMES) {
      times[name].push((await check(name, counts[name])) / counts[name]);
    }
  }
  return times;
}

/** The CPU time that the threads of workerd have had so far, in µs. */
function computed() {
  return children()
    .flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`))
    .reduce((sum, file) => sum + Number(readFileSync(file, "utf8").split(" ")[0]) / 1000, 0);
}

/** The ids of the workerd that this process has started. */
function children() {
  const all = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ");
  return all.filter((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "workerd");
}
