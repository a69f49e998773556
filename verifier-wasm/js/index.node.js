// Node, Deno, Bun: the module is read from the package's own folder.
import { compileFrom, inflate } from "./lib/node.js";
import { verifierFactory } from "./lib/verifier.js";

export { VerifierError } from "./lib/error.js";

export const createVerifier = verifierFactory({
  load: () => compileFrom(new URL("./wasm/tokens_bg.wasm", import.meta.url)),
  inflate,
  isShared: true,
});
