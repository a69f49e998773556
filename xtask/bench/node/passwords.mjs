// Passwords, judged in Node by the package and by the other meters.
import { readFileSync } from "node:fs";

import { ZxcvbnFactory } from "@zxcvbn-ts/core";
import * as common from "@zxcvbn-ts/language-common";
import * as english from "@zxcvbn-ts/language-en";
import zxcvbn from "zxcvbn";

import { takeTurns } from "./measure.mjs";
import { multiple, print, time } from "./report.mjs";
import { median, ratio } from "./statistics.mjs";

const PERSON = { email: "ada.byron@example.com", name: "Ada Lovelace" };

/** Prints the table. */
export async function passwords(folder, data) {
  const { PasswordPolicy } = await import(new URL("passwords.node.js", folder));
  const policy = new PasswordPolicy();
  const factory = new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    translations: english.translations,
  });
  const meters = {
    latchkey: (password) => policy.check(password, PERSON),
    zxcvbn: (password) => zxcvbn(password, Object.values(PERSON)),
    "@zxcvbn-ts/core": (password) => factory.check(password, Object.values(PERSON)),
  };
  for (const [name, meter] of Object.entries(meters)) {
    if (meter("password1").score > 1 || meter("tB8#kq!Zr2vW9_xL").score !== 4) {
      throw new Error(`${name} does not judge`);
    }
  }

  const kinds = samples(data);
  const times = {};
  for (const [kind, inputs] of Object.entries(kinds)) {
    times[kind] = await takeTurns(meters, inputs);
  }
  const rows = Object.keys(meters).map((name) => [
    name,
    ...Object.values(times).map(
      (turns) => `${time(median(turns[name]))}, ${multiple(ratio(turns[name], turns.zxcvbn).median)}`,
    ),
  ]);
  print(
    `Passwords in Node ${process.versions.node}`,
    "CPU time of one verdict in µs, and as a multiple of `zxcvbn`'s. Ours holds the password against the policy and the list of common passwords besides.",
    ["", ...Object.keys(kinds)],
    rows,
  );
}

/** The same passwords for all, and at every run. */
function samples(data) {
  const lines = (file) => readFileSync(new URL(file, data), "utf8").split("\n").slice(0, -1);
  const popular = lines("common-passwords.txt");
  const words = lines("zxcvbn-words.txt").filter((line) => !line.startsWith("# "));
  const below = numbers(0x6c6b);
  const oneOf = (list) => list[below(list.length)];
  const list = (length, make) => Array.from({ length }, make);
  const ascii = (length) => list(length, () => String.fromCharCode(0x21 + below(94))).join("");
  const makers = [
    () => oneOf(popular),
    () => `${oneOf(words)}${1900 + below(130)}`,
    () => `${oneOf(words)}-${oneOf(words)}!`,
    () => ascii(8 + below(9)),
  ];
  const passphrase = () => list(4, () => oneOf(words)).join(" ").slice(0, 30);
  return {
    "8 to 20 characters": list(40, () => oneOf(makers)().slice(0, 20).padEnd(8, "1")),
    "a passphrase as it is typed": list(2, passphrase).flatMap((text) => list(text.length, (_, end) => text.slice(0, end + 1))),
    "100 characters": list(3, () => list(20, passphrase).join(ascii(3)).slice(0, 100)),
  };
}

/** Mulberry32. */
function numbers(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}
