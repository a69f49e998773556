// A Cloudflare Worker: the report is the answer to a request.
import { createVerifier, VerifierError } from "latchkey-verifier";
import { PasswordPolicy } from "latchkey-verifier/passwords";

import data from "./data.mjs";
import { run } from "./suite/run.mjs";

export default {
  async fetch() {
    const report = await run({ createVerifier, VerifierError, PasswordPolicy }, data);
    // Eight bytes that are an empty module: whether this runtime compiles anything at all.
    const module = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);
    const compiles = await WebAssembly.compile(module).then(
      () => true,
      () => false,
    );
    return Response.json({ ...report, compiles });
  },
};
