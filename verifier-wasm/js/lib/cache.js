/**
 * Tokens that were found good, so that the next check of one takes a look-up.
 *
 * A token is found by its whole text, so nothing else can be taken for it. Each
 * verdict is bound to the times in its token: beyond them, or before, it is not
 * given and the token is checked anew, which names what is wrong. What was
 * unused for longest makes room, and the owner clears everything when the keys
 * change. Only good tokens get in: a forger can neither fill it nor learn from it.
 */
export class VerdictCache {
  #verdicts = new Map();
  #limit;
  #tolerance;
  #maxAge;

  /**
   * @param {number} limit how many tokens are held; 0 holds none
   * @param {{ clockTolerance: number, maxTokenAge?: number }} options in seconds
   */
  constructor(limit, { clockTolerance, maxTokenAge }) {
    this.#limit = limit;
    this.#tolerance = clockTolerance;
    this.#maxAge = maxTokenAge;
  }

  /** What was kept for a token that is good at `now` too. */
  find(token, now) {
    const verdict = this.#verdicts.get(token);
    if (verdict === undefined) {
      return undefined;
    }
    // The last in the map is the one used last.
    this.#verdicts.delete(token);
    if (!this.#isTimely(verdict, now)) {
      return undefined;
    }
    this.#verdicts.set(token, verdict);
    return verdict.json;
  }

  /** Keeps the JSON of a verdict. It is text, so that no caller can change it. */
  keep(token, json, { exp, nbf, iat }) {
    if (this.#limit === 0) {
      return;
    }
    if (this.#verdicts.size >= this.#limit) {
      this.#verdicts.delete(this.#verdicts.keys().next().value);
    }
    this.#verdicts.set(token, { json, exp, nbf, iat });
  }

  clear() {
    this.#verdicts.clear();
  }

  /** The checks of src/claims.rs; a comparison with what is absent is false. */
  #isTimely({ exp, nbf, iat }, now) {
    const isEarly = nbf > now + this.#tolerance || iat > now + this.#tolerance;
    const isLate = exp + this.#tolerance <= now || iat + this.#maxAge + this.#tolerance < now;
    return !isEarly && !isLate;
  }
}
