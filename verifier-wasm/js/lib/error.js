/** Why a token is refused: `code` to decide by, `message` for people. */
export class VerifierError extends Error {
  name = "VerifierError";

  /**
   * @param {string} code one of the package's stable words
   * @param {string} message for people; contains nothing from the token
   * @param {string} [claim] the claim that is wrong, where it is a claim
   * @param {ErrorOptions} [options] what caused it
   */
  constructor(code, message, claim, options) {
    super(message, options);
    this.code = code;
    this.claim = claim;
  }
}

/**
 * Runs a call into WebAssembly. A refusal arrives as a string of JSON and leaves
 * as a `VerifierError`.
 */
export function calling(call) {
  try {
    return call();
  } catch (thrown) {
    if (typeof thrown !== "string") {
      throw thrown;
    }
    const { code, message, claim } = JSON.parse(thrown);
    throw new VerifierError(code, message, claim ?? undefined);
  }
}
