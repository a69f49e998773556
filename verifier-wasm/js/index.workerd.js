// Cloudflare Workers: no compiling at run time, the module is imported. A fetch
// belongs to a request: none is made at module scope, and none is shared.
import { inflate } from "./lib/inflate.js";
import { verifierFactory } from "./lib/verifier.js";
import module from "./wasm/tokens_bg.wasm";

export { VerifierError } from "./lib/error.js";

export const createVerifier = verifierFactory({ module, inflate, isShared: false });
