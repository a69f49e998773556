// Node, Deno, Bun, and what a bundler makes for Node: the report goes to stdout.
import { createVerifier, VerifierError } from "latchkey-verifier";
import { PasswordPolicy } from "latchkey-verifier/passwords";

import data from "./data.mjs";
import { run } from "./suite/run.mjs";

console.log(JSON.stringify(await run({ createVerifier, VerifierError, PasswordPolicy }, data)));
