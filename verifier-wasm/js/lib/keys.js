import { VerifierError } from "./error.js";
import { Held } from "./held.js";

/** How long after a load an unknown `kid` does not cause another one, in ms. */
const COOL_DOWN = 30_000;

/** How long a key set is kept, in seconds, whatever its `Cache-Control` says. */
const KEPT = { least: 60, unsaid: 600, most: 3600 };

/** The keys of one verifier, from one source. */
export class Keys {
  #source;
  #held;
  #put = () => {};
  #isLazy;

  /** `isShared` is false in workerd, where no fetch may start at module scope. */
  constructor(source, isShared) {
    this.#source = source;
    this.#isLazy = source.isRemote && !isShared;
    this.#held = new Held({
      load: () => this.#load(),
      accept: (set) => this.#accept(set),
      coolDown: COOL_DOWN,
      isShared,
    });
  }

  get areThere() {
    return this.#held.value !== undefined;
  }

  /** Loads what a new verifier needs: the keys, or nothing yet. */
  async start() {
    if (!this.#isLazy) {
      await this.bring();
    }
  }

  /** Has the keys put into use by `put`: those that are there now, and each later set. */
  connect(put) {
    if (this.areThere) {
      put(this.#held.value);
    }
    this.#put = put;
  }

  /** Loads the keys if there are none, or they are old. Throws when there are none then. */
  async bring() {
    if (this.areThere) {
      if (this.#held.isDue) {
        await this.#held.renew();
      }
      return;
    }
    await this.#held.refresh();
    if (!this.areThere) {
      throw this.#unavailable();
    }
  }

  /** Loads the keys again for one that is not among them; whether that happened. */
  async bringNewer() {
    return this.#source.isRemote && this.#held.refresh();
  }

  async #load() {
    const { maxAge = KEPT.unsaid, ...set } = await this.#source.load();
    const kept = Math.min(Math.max(maxAge, KEPT.least), KEPT.most);
    return { value: set, freshFor: this.#source.isRemote ? 1000 * kept : Number.POSITIVE_INFINITY };
  }

  #accept(set) {
    // The same text again is the same keys, with all that is computed for them.
    if (set.text === undefined || set.text !== this.#held.value?.text) {
      this.#put(set);
    }
  }

  #unavailable() {
    const { failure } = this.#held;
    if (failure instanceof VerifierError) {
      return failure;
    }
    return new VerifierError("keys_unavailable", failure.message, undefined, { cause: failure });
  }
}
