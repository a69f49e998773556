// Passwords of every kind that a rule looks for: real ones, odd ones, and what is neither.
import { readFileSync } from "node:fs";

const data = new URL("../../data/", import.meta.url);
const lines = (file) => readFileSync(new URL(file, data), "utf8").split("\n").slice(0, -1);
const common = lines("common-passwords.txt");
const words = lines("zxcvbn-words.txt").filter((line) => !line.startsWith("# "));

/** Mulberry32: the same numbers at every run. */
let state = 0x6c6b;
export function below(bound) {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
}
export const oneOf = (list) => list[below(list.length)];
const text = (make, most) => Array.from({ length: below(most + 1) }, make).join("");
const between = (low, high) => String.fromCodePoint(low + below(high - low));
const ascii = () => between(0x20, 0x7f);
const anything = () =>
  oneOf([ascii, () => between(0, 0x250), () => between(0x300, 0x370), () => between(0x370, 0x3000), () => between(0xac00, 0xd7a4),
    () => between(0xf900, 0xfb50), () => between(0xe000, 0x20000), () => between(0x1f300, 0x1f700)])();
const leet = (word) => word.replace(/[aeiost]/g, (letter) => oneOf([letter, { a: "@", e: "3", i: "1", o: "0", s: "$", t: "7" }[letter]]));
const inCase = (word) => oneOf([word, word.toUpperCase(), word.slice(0, 1).toUpperCase() + word.slice(1)]);

export const kinds = [
  () => inCase(oneOf(common)),
  () => inCase(oneOf(words)) + below(10000),
  () => leet(oneOf(words)) + oneOf(["", " ", "-", "!"]) + inCase(oneOf(words)),
  () => leet(oneOf(common)),
  () => [...oneOf(words)].reverse().join("") + oneOf(common),
  () => `${1 + below(31)}${oneOf(["", ".", "/", "-"])}${1 + below(12)}${oneOf(["", ".", "/", "-"])}${1900 + below(160)}`,
  () => text(ascii, 30),
  () => text(ascii, 300),
  () => text(anything, 12),
  () => text(anything, 270),
  () => text(ascii, 6).repeat(1 + below(9)),
  () => `ada${text(ascii, 4)}lovelace${below(2000)}`,
  () => text(() => oneOf([..."4@8({[<369!|105$%+72aeiost"]), 256),
];
