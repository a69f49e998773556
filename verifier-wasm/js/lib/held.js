import { mark, since } from "./clock.js";
import { TIME_LIMIT } from "./remote.js";

/** A load is at most three fetches: two places for metadata, and the keys. */
const LONGEST_LOAD = 3 * TIME_LIMIT;

/** How long one that has something to use waits for something newer, in ms, from when its load began. */
const PATIENCE = 1000;

/** How often one that waits for another request's load looks, in ms. */
const LOOK_EVERY = 20;

/**
 * Something remote that is held: loaded once for all who wait, and again when it
 * has become old. What is held stays when a load fails. Two loads are never
 * closer than the cool-down, and failures double it.
 *
 * Where fetches may not be shared (workerd: a promise belongs to the request
 * that made it), who has nothing yet loads for itself, and who has something
 * waits for another's load by a timer of its own.
 */
export class Held {
  /** What is held; undefined before the first success. */
  value;
  /** Why the last load failed; undefined when it did not. */
  failure;
  #load;
  #accept;
  #coolDown;
  #isShared;
  #freshFor = 0;
  #loadedAt;
  #startedAt;
  #endedAt;
  #started = 0;
  #ended = 0;
  #newest = 0;
  #loads = 0;
  #failures = 0;
  #loading;

  /**
   * @param {object} how
   * @param {() => Promise<{ value: unknown, freshFor: number }>} how.load in ms
   * @param {(value: unknown) => void} how.accept puts a value to use; throws when it is of no use
   * @param {number} how.coolDown in ms
   * @param {boolean} how.isShared whether callers may wait for one another's load
   */
  constructor({ load, accept, coolDown, isShared }) {
    this.#load = load;
    this.#accept = accept;
    this.#coolDown = coolDown;
    this.#isShared = isShared;
  }

  /** Whether there is nothing, or something that has become old. */
  get isDue() {
    return this.value === undefined || since(this.#loadedAt) >= this.#freshFor;
  }

  /** How long ago what is held was loaded, in ms. */
  get age() {
    return since(this.#loadedAt);
  }

  /** Loads, unless it is too early. Whether there is a newer value then; never rejects. */
  async refresh() {
    const before = this.#loads;
    if (this.#isShared) {
      if (this.#loading === undefined && this.#mayLoad()) {
        this.#loading = this.#loadOnce().finally(() => {
          this.#loading = undefined;
        });
      }
      await this.#loading;
    } else if (this.value !== undefined && this.#isLoading()) {
      await this.#loadedElsewhere();
    } else if (this.#mayLoad()) {
      await this.#loadOnce();
    }
    return this.#loads !== before;
  }

  /**
   * The same for one that can do with what is held: a load that takes longer than
   * `PATIENCE` goes on without it, and what it brings is for those who come later.
   */
  async renew() {
    const refreshing = this.refresh();
    const left = PATIENCE - since(this.#startedAt);
    if (left <= 0) {
      return;
    }
    let timer;
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, left);
    });
    await Promise.race([refreshing, enough]);
    clearTimeout(timer);
  }

  /** Forgets what is held; it is loaded again when somebody wants it. */
  drop() {
    this.value = undefined;
  }

  async #loadOnce() {
    this.#started += 1;
    const mine = this.#started;
    const ended = this.#ended;
    this.#startedAt = mark();
    try {
      const { value, freshFor } = await this.#load();
      // Unless one that started later has brought something newer.
      if (mine > this.#newest) {
        this.#accept(value);
        this.#newest = mine;
        this.value = value;
        this.#freshFor = freshFor;
        this.#loadedAt = mark();
      }
      this.#loads += 1;
      this.#failures = 0;
      this.failure = undefined;
    } catch (error) {
      // Many at the same time count as one.
      this.#failures += this.#ended === ended ? 1 : 0;
      this.failure = error;
    }
    this.#endedAt = mark();
    this.#ended = Math.max(this.#ended, mine);
  }

  #mayLoad() {
    return this.#endedAt === undefined || since(this.#endedAt) >= this.#pause();
  }

  #pause() {
    if (this.value === undefined) {
      // Who has nothing can do nothing: try sooner.
      return this.#failures === 0 ? 0 : Math.min(1000 * 2 ** (this.#failures - 1), this.#coolDown);
    }
    return this.#coolDown * 2 ** Math.min(Math.max(this.#failures - 1, 0), 4);
  }

  /** Bounded, since a request that is cancelled never ends its load. */
  #isLoading() {
    return this.#started > this.#ended && since(this.#startedAt) < LONGEST_LOAD;
  }

  async #loadedElsewhere() {
    const awaited = this.#started;
    while (this.#ended < awaited && this.#isLoading()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }
}
