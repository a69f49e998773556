// Node, Deno, Bun: the module is read from the package's own folder.
import { compileFrom } from "./lib/node.js";
import { verifierFactory } from "./lib/verifier.js";

export { VerifierError } from "./lib/error.js";

export const createVerifier = verifierFactory({
  load: () => compileFrom(new URL("./wasm/tokens_bg.wasm", import.meta.url)),
  isShared: true,
});
