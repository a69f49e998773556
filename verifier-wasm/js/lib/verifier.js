import { initSync, TokenVerifier } from "../wasm/tokens.js";
import { VerdictCache } from "./cache.js";
import { calling, VerifierError } from "./error.js";
import { readSource } from "./keys.js";
import { readNow, readOptions } from "./options.js";

/** How long after a fetch an unknown `kid` does not cause another one, in ms. */
const COOL_DOWN = 30_000;

/**
 * Makes `createVerifier` for one runtime, which knows how to load the module.
 * Many verifiers share one instance of it.
 */
export function verifierFactory(loadModule) {
  let loading;
  const ready = () => {
    loading ??= loadModule().then(
      (module) => initSync({ module }),
      (error) => {
        loading = undefined;
        throw error;
      },
    );
    return loading;
  };
  return async function createVerifier(keys, options) {
    const source = readSource(keys);
    const { cache, ...settings } = readOptions(options);
    settings.issuer ??= source.issuer;
    const [putKeys] = await Promise.all([source.load(), ready()]);
    const inner = new TokenVerifier(JSON.stringify(settings));
    calling(() => putKeys(inner));
    return new Verifier(inner, source, new VerdictCache(cache, settings), settings.maxTokenLength);
  };
}

class Verifier {
  #inner;
  #source;
  #cache;
  #maxTokenLength;
  #loadedAt = performance.now();
  #loading;

  constructor(inner, source, cache, maxTokenLength) {
    this.#inner = inner;
    this.#source = source;
    this.#cache = cache;
    this.#maxTokenLength = maxTokenLength;
  }

  verify(token, options) {
    const now = readNow(options);
    this.#checkToken(token);
    const held = this.#cache.find(token, now);
    if (held !== undefined) {
      return JSON.parse(held);
    }
    const json = calling(() => this.#inner.verify(token, now));
    const verdict = JSON.parse(json);
    this.#cache.keep(token, json, verdict.payload);
    return verdict;
  }

  async verifyAsync(token, options) {
    try {
      return this.verify(token, options);
    } catch (error) {
      if (error?.code !== "unknown_key" || !(await this.#loadAgain())) {
        throw error;
      }
      return this.verify(token, options);
    }
  }

  verifySignature(token) {
    this.#checkToken(token);
    const signed = calling(() => this.#inner.verifySignature(token));
    try {
      return { payload: signed.payload, protectedHeader: JSON.parse(signed.protectedHeader) };
    } finally {
      signed.free();
    }
  }

  /** Here rather than inside, so that no oversized text is copied at all. */
  #checkToken(token) {
    if (typeof token !== "string") {
      throw new VerifierError("malformed", "the token is not a string");
    }
    if (token.length > this.#maxTokenLength) {
      throw new VerifierError("too_large", "the token is too long");
    }
  }

  /**
   * Fetches the keys again, once for all who wait; whether that happened. What
   * is held stays when it fails.
   */
  async #loadAgain() {
    if (!this.#source.isRemote) {
      return false;
    }
    if (this.#loading === undefined && performance.now() - this.#loadedAt < COOL_DOWN) {
      return false;
    }
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load() {
    this.#loadedAt = performance.now();
    try {
      const putKeys = await this.#source.load();
      calling(() => putKeys(this.#inner));
      // A verdict dies with its key.
      this.#cache.clear();
      return true;
    } catch {
      return false;
    }
  }
}
