// How long it takes to the first verdict, each in a fresh process.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { isQuick } from "./measure.mjs";
import { print, time } from "./report.mjs";
import { median, spread } from "./statistics.mjs";

/** Odd, so that the median is one of them. */
const PROCESSES = isQuick ? 3 : 15;

/** "Within a few milliseconds." */
const AIM = 5;

const MODULES = ["tokens_bg.wasm", "passwords_bg.wasm"];
const WHOLES = ["latchkey-verifier", "jose", "latchkey-verifier/passwords", "zxcvbn", "@zxcvbn-ts/core"];

/** Prints the tables; the aims with what was measured. */
export function starts(folder) {
  const runs = Object.fromEntries([...MODULES, ...WHOLES].map((what) => [what, []]));
  for (let index = 0; index < PROCESSES; index += 1) {
    for (const what of Object.keys(runs)) {
      runs[what].push(first(what, folder));
    }
  }
  const of = (what, step) => time(median(runs[what].map((run) => run[step])));
  print(
    "From instantiation to the first verdict",
    `CPU time of the thread in ms, which is what an idle machine takes; medians of ${PROCESSES} fresh processes. V8 compiles each function when it is first called.`,
    ["", "compile", "instantiate and judge"],
    MODULES.map((what) => [what, of(what, "compile"), of(what, "verdict")]),
  );
  print(
    "From `import` to the first verdict",
    `ms, medians of ${PROCESSES} fresh processes, files from the disk's cache. The CPU time is that of all threads.`,
    ["", "wall", "CPU"],
    WHOLES.map((what) => [what, of(what, "wall"), of(what, "cpu")]),
  );
  return MODULES.map((what) => ({
    what: `${what}, from instantiation to the first verdict, in ms`,
    aim: AIM,
    measured: spread(runs[what].map(({ verdict }) => verdict)),
  }));
}

function first(what, folder) {
  const script = fileURLToPath(new URL("first.mjs", import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [script, what, folder.href], { encoding: "utf8" }));
}
