import { initSync, TokenVerifier } from "../wasm/tokens.js";
import { bytesOf } from "./bytes.js";
import { VerdictCache } from "./cache.js";
import { calling, VerifierError } from "./error.js";
import { Keys } from "./keys.js";
import { readNow, readOptions } from "./options.js";
import { SIZE_LIMIT } from "./remote.js";
import { readSource } from "./source.js";
import { StatusLists } from "./status.js";

/**
 * Makes `createVerifier` for one runtime. Many verifiers share one instance of
 * the WebAssembly module.
 *
 * @param {object} runtime
 * @param {() => Promise<WebAssembly.Module>} [runtime.load]
 * @param {WebAssembly.Module} [runtime.module] instead, where it need not be loaded
 * @param {(bytes: Uint8Array, limit: number) => Promise<Uint8Array>} runtime.inflate
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
    const { cache, statusList, ...settings } = readOptions(options);
    if (source.issuer !== undefined && settings.issuer !== undefined && settings.issuer !== source.issuer) {
      throw new TypeError("`issuer` must be the issuer that the keys come from, or be left out");
    }
    settings.issuer ??= source.issuer;
    const held = new Keys(source, runtime.isShared);
    await Promise.all([held.start(), ready()]);
    return new Verifier(held, settings, { cache, statusList }, runtime);
  };
}

class Verifier {
  #inner;
  #keys;
  #cache;
  #statuses;
  #maxTokenLength;

  constructor(keys, settings, { cache, statusList }, runtime) {
    this.#inner = new TokenVerifier(JSON.stringify(settings));
    this.#keys = keys;
    this.#cache = new VerdictCache(cache, settings);
    this.#maxTokenLength = settings.maxTokenLength;
    const inners = [this.#inner];
    if (statusList !== undefined) {
      const inner = new TokenVerifier(JSON.stringify(ofStatusLists(settings)));
      inners.push(inner);
      const how = {
        mode: statusList,
        clockTolerance: settings.clockTolerance,
        verifyList: (token) => JSON.parse(calling(() => inner.verify(bytesOf(token), 0))).payload,
        bringNewerKeys: () => keys.bringNewer(),
      };
      this.#statuses = new StatusLists(how, runtime);
    }
    keys.connect((set) => {
      for (const inner of inners) {
        calling(() => set.put(inner));
      }
      // A verdict dies with its key.
      this.#cache.clear();
      this.#statuses?.checkAgain();
    });
  }

  verify(token, options) {
    const now = readNow(options);
    this.#checkToken(token);
    const verdict = this.#verify(token, now);
    this.#statuses?.check(verdict.payload, now);
    return verdict;
  }

  async verifyAsync(token, options) {
    readNow(options);
    this.#checkToken(token);
    await this.#keys.bring();
    let verdict;
    let now = readNow(options);
    try {
      verdict = this.#verify(token, now);
    } catch (error) {
      if (error?.code !== "unknown_key" || !(await this.#keys.bringNewer())) {
        throw error;
      }
      now = readNow(options);
      verdict = this.#verify(token, now);
    }
    if (this.#statuses?.isDue(verdict.payload, now)) {
      await this.#statuses.bring(verdict.payload, now);
      // Meanwhile anything may have changed.
      return this.verify(token, options);
    }
    this.#statuses?.check(verdict.payload, now);
    return verdict;
  }

  verifySignature(token) {
    this.#checkToken(token);
    this.#checkKeys();
    const signed = calling(() => this.#inner.verifySignature(bytesOf(token)));
    try {
      return { payload: signed.payload, protectedHeader: JSON.parse(signed.protectedHeader) };
    } finally {
      signed.free();
    }
  }

  /** All but the status. */
  #verify(token, now) {
    const held = this.#cache.find(token, now);
    if (held !== undefined) {
      return JSON.parse(held);
    }
    this.#checkKeys();
    const json = calling(() => this.#inner.verify(bytesOf(token), now));
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

/**
 * What is expected of a Status List Token (draft-ietf-oauth-status-list section
 * 5.1). Its times are left to those who use the list: it is loaded once for
 * callers who may judge by different moments.
 */
function ofStatusLists({ algorithms }) {
  return {
    algorithms,
    typ: "statuslist+jwt",
    clockTolerance: Number.MAX_SAFE_INTEGER,
    requiredClaims: ["sub", "iat", "status_list"],
    maxTokenLength: SIZE_LIMIT,
    allowNoExpiry: true,
  };
}
