import { initSync, TokenVerifier } from "../wasm/tokens.js";
import { VerdictCache } from "./cache.js";
import { calling, VerifierError } from "./error.js";
import { Keys } from "./keys.js";
import { readNow, readOptions } from "./options.js";
import { readSource } from "./source.js";

/**
 * Makes `createVerifier` for one runtime. Many verifiers share one instance of
 * the WebAssembly module.
 *
 * @param {object} runtime
 * @param {() => Promise<WebAssembly.Module>} [runtime.load]
 * @param {WebAssembly.Module} [runtime.module] instead, where it need not be loaded
 * @param {boolean} runtime.isShared whether a fetch may start at any time and be waited for by
 *   all; false in workerd, where it belongs to one request
 * @param {RequestInit} [runtime.fetchOptions]
 */
export function verifierFactory(runtime) {
  let loading;
  const ready = () => {
    if (runtime.module !== undefined) {
      return initSync({ module: runtime.module });
    }
    loading ??= runtime.load().then(
      (module) => initSync({ module }),
      (error) => {
        loading = undefined;
        throw error;
      },
    );
    return loading;
  };
  return async function createVerifier(keys, options) {
    const source = readSource(keys, runtime);
    const { cache, ...settings } = readOptions(options);
    settings.issuer ??= source.issuer;
    const held = new Keys(source, runtime.isShared);
    await Promise.all([held.start(), ready()]);
    return new Verifier(held, settings, cache);
  };
}

class Verifier {
  #inner;
  #keys;
  #cache;
  #maxTokenLength;

  constructor(keys, settings, cache) {
    this.#inner = new TokenVerifier(JSON.stringify(settings));
    this.#keys = keys;
    this.#cache = new VerdictCache(cache, settings);
    this.#maxTokenLength = settings.maxTokenLength;
    keys.connect((set) => {
      calling(() => set.put(this.#inner));
      // A verdict dies with its key.
      this.#cache.clear();
    });
  }

  verify(token, options) {
    const now = readNow(options);
    this.#checkToken(token);
    return this.#verify(token, now);
  }

  async verifyAsync(token, options) {
    readNow(options);
    this.#checkToken(token);
    await this.#keys.bring();
    try {
      return this.#verify(token, readNow(options));
    } catch (error) {
      if (error?.code !== "unknown_key" || !(await this.#keys.bringNewer())) {
        throw error;
      }
      return this.#verify(token, readNow(options));
    }
  }

  verifySignature(token) {
    this.#checkToken(token);
    this.#checkKeys();
    const signed = calling(() => this.#inner.verifySignature(token));
    try {
      return { payload: signed.payload, protectedHeader: JSON.parse(signed.protectedHeader) };
    } finally {
      signed.free();
    }
  }

  #verify(token, now) {
    const held = this.#cache.find(token, now);
    if (held !== undefined) {
      return JSON.parse(held);
    }
    this.#checkKeys();
    const json = calling(() => this.#inner.verify(token, now));
    const verdict = JSON.parse(json);
    this.#cache.keep(token, json, verdict.payload);
    return verdict;
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

  #checkKeys() {
    if (!this.#keys.areThere) {
      throw new VerifierError("keys_unavailable", "the keys have not been fetched yet; `verifyAsync` fetches them");
    }
  }
}
