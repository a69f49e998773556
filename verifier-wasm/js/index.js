// Browsers: the module is fetched when the first verifier is created.
import { compileFrom } from "./lib/browser.js";
import { inflate } from "./lib/inflate.js";
import { verifierFactory } from "./lib/verifier.js";

export { VerifierError } from "./lib/error.js";

export const createVerifier = verifierFactory({
  load: () => compileFrom(new URL("./wasm/tokens_bg.wasm", import.meta.url)),
  inflate,
  isShared: true,
  // Who fetches again wants to know, and not what the browser has kept.
  fetchOptions: { cache: "no-cache" },
});
