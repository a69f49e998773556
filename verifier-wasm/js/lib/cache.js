import { isTimely } from "./times.js";

/** How much text is held for each token that may be, on average, in characters. */
const TEXT_EACH = 4096;

/**
 * Tokens that were found good, so that the next check of one takes a look-up.
 *
 * A token is found by its whole text, so nothing else can be taken for it. Each
 * verdict is bound to the times in its token: beyond them, or before, it is not
 * given and the token is checked anew, which names what is wrong. What was
 * unused for longest makes room, for one token more or for longer ones, and the
 * owner clears everything when the keys change. Only good tokens get in: a
 * forger can neither fill it nor learn from it.
 */
export class VerdictCache {
  #verdicts = new Map();
  #limit;
  #times;
  #length = 0;

  /**
   * @param {number} limit how many tokens are held; 0 holds none
   * @param {{ clockTolerance: number, maxTokenAge?: number }} options in seconds
   */
  constructor(limit, { clockTolerance, maxTokenAge }) {
    this.#limit = limit;
    this.#times = { clockTolerance, maxTokenAge };
  }

  /** What was kept for a token that is good at `now` too. */
  find(token, now) {
    const verdict = this.#verdicts.get(token);
    if (verdict === undefined) {
      return undefined;
    }
    if (!isTimely(verdict, now, this.#times)) {
      this.#remove(token, verdict);
      return undefined;
    }
    // The last in the map is the one used last.
    this.#verdicts.delete(token);
    this.#verdicts.set(token, verdict);
    return verdict.json;
  }

  /** Keeps the JSON of a verdict. It is text, so that no caller can change it. */
  keep(token, json, { exp, nbf, iat }) {
    const length = token.length + json.length;
    const room = this.#limit * TEXT_EACH - length;
    if (room < 0) {
      return;
    }
    while (this.#verdicts.size >= this.#limit || this.#length > room) {
      const [oldest, verdict] = this.#verdicts.entries().next().value;
      this.#remove(oldest, verdict);
    }
    this.#verdicts.set(token, { json, length, exp, nbf, iat });
    this.#length += length;
  }

  clear() {
    this.#verdicts.clear();
    this.#length = 0;
  }

  #remove(token, { length }) {
    this.#verdicts.delete(token);
    this.#length -= length;
  }
}
