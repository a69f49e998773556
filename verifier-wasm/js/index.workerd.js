// Cloudflare Workers: no compiling at run time, the module is imported.
import { verifierFactory } from "./lib/verifier.js";
import module from "./wasm/tokens_bg.wasm";

export { VerifierError } from "./lib/error.js";

export const createVerifier = verifierFactory(async () => module);
