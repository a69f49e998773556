// Writes golden.json: what the native code says about these passwords. Run it by hand
// when a rule or a message has changed, and read the difference:
//
//     node tests/node/package/golden.mjs
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";

const NOBODY = ["", ""];
const ADA = ["ada.byron@example.com", "Ada Lovelace"];
const YEAR = 2027;

const DEFAULT = {};
const NIST = { min_length: 15, require: [], context_words: ["latchkey"] };
const STRICT = { min_length: 10, max_length: 40, require: ["upper", "lower", "digit", "symbol"], min_score: 3 };
const LENIENT = { min_length: 1, require: [], forbid_common: false, forbid_context: false };

const QUESTIONS = [
  // Lengths, in code points after NFC.
  [DEFAULT, ["", "zq7", "Xq7vbn2", "Xq7vbn2k", "🔑🔑🔑🔑🔑🔑🔑aA1", `Aa1${"x".repeat(253)}`, `Aa1${"x".repeat(254)}`]],
  [{ min_length: 4, max_length: 4, require: [] }, ["e\u0301e\u0301e\u0301e\u0301", "🔑🔑🔑🔑", "🔑🔑🔑🔑🔑"]],
  // Requirements.
  [DEFAULT, ["xq7vbn2kw", "XQ7VBN2KW", "Xqzvbnpkw", "Ünglück4x", "ТрубаЖ٣x"]],
  [STRICT, ["Trombone-7-Gletscher", "Trombone7Gletscher", "trombone-7-gletscher", "Aa1!Aa1!Aa1!", "Ab-1".repeat(11)]],
  // Common ones, also in other clothes, and passphrases that only contain one.
  [DEFAULT, ["Password1", "PASSWORD1", "password1", "Iloveyou1", "Qwerty123", "P@ssw0rd", "password is not what I chose 7A"]],
  [NIST, ["123456789012345", "passwordpassword", "correct horse battery staple", "qwertyuiopasdfgh", "aaaaaaaaaaaaaaaa"]],
  // Made of the user's name, address or the service's.
  [DEFAULT, ["Lovelace1815", "L0v3lace!!", "Adabyron99", "Byron1815ada", "Lovelace and Babbage 1843"], ADA],
  [NIST, ["latchkey-latchkey", "l4tchk3y-1234567", "lovelacelovelace", "ada-byron-ada-byron"], ADA],
  // Strength: words, dates, sequences, keyboards, repeats, leet, and the year.
  [LENIENT, ["a", "trombone", "Tr0mb0ne", "enobmort", "1971", "13.5.1997", "31/12/2026", "abcdefgh", "zxcvbnm,", "q1w2e3r4t5"]],
  [LENIENT, ["abcabcabcabc", "7777777", "correcthorsebatterystaple", "D0g..................", "ünïcödé", "пароль", "密码密码"]],
  [LENIENT, ["lovelace", "ada.byron", "example"], ADA],
  [{ min_score: 4, forbid_common: false }, ["Trombone1", "Trombone1-Gletscher-Vexiert"]],
];

const questions = QUESTIONS.flatMap(([policy, passwords, [email, name] = NOBODY]) =>
  passwords.map((password) => ({ policy, password, email, name, year: YEAR })),
);
const lines = questions.map(({ policy, password, email, name, year }) =>
  JSON.stringify([policy, password, email, name, year]),
);
const native = spawnSync(
  process.env.CARGO ?? "cargo",
  ["run", "--quiet", "--locked", "--package", "verifier-wasm", "--example", "verdicts"],
  { cwd: import.meta.dirname, input: lines.join("\n"), encoding: "utf8", stdio: ["pipe", "pipe", "inherit"] },
);
if (native.status !== 0) {
  throw new Error("the native code gave no verdicts");
}
const verdicts = native.stdout.trimEnd().split("\n");
const rows = questions.map((question, at) => JSON.stringify({ ...question, verdict: JSON.parse(verdicts[at]) }));
writeFileSync(new URL("golden.json", import.meta.url), `[\n${rows.join(",\n")}\n]\n`);
