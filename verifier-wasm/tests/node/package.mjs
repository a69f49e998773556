// The built package, found by its name and its `exports`, as a user's Node would.
import { createRequire } from "node:module";

const root = new URL("../../pkg/", import.meta.url);
// A package may import itself by name; so may what claims to be a file in it.
const inside = createRequire(new URL("inside.js", root));

export const { createVerifier, VerifierError } = await import(inside.resolve("latchkey-verifier"));
export const { PasswordPolicy } = await import(inside.resolve("latchkey-verifier/passwords"));

/** The code of a refusal, or `good`. */
export function verdict(call) {
  try {
    call();
    return "good";
  } catch (error) {
    return codeOf(error);
  }
}

/** The same for something asynchronous. */
export async function verdictOf(promise) {
  try {
    await promise;
    return "good";
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error) {
  if (!(error instanceof VerifierError)) {
    throw error;
  }
  return error.code;
}
