import { VerifierError } from "./error.js";
import { Held } from "./held.js";
import { fetchText, readUrl } from "./remote.js";
import { readStatusList } from "./statuslist.js";

/** How long a list is kept, in seconds, whatever its `ttl` or `Cache-Control` says. */
const KEPT = { least: 5, unsaid: 300, most: 3600 };

/** How many lists are held, and how many bytes of them. */
const MAX_LISTS = 256;
const MAX_SIZE = 32 << 20;

/**
 * The status lists that tokens point to (draft-ietf-oauth-status-list).
 *
 * A token's claim is looked at after everything else of it has been found good:
 * only an issuer that is trusted chooses what is fetched. The list that was
 * unused for longest makes room.
 */
export class StatusLists {
  /** By `uri`. The last one is the one used last. */
  #lists = new Map();
  #isOpen;
  #clockTolerance;
  #verifyList;
  #bringNewerKeys;
  #runtime;

  /**
   * @param {object} how
   * @param {"fail-closed" | "fail-open"} how.mode
   * @param {number} how.clockTolerance in seconds
   * @param {(token: string) => object} how.verifyList the payload of a Status List Token of
   *   which everything but the times is good
   * @param {() => Promise<boolean>} how.bringNewerKeys for a list whose key is unknown
   * @param {object} runtime
   */
  constructor({ mode, clockTolerance, verifyList, bringNewerKeys }, runtime) {
    this.#isOpen = mode === "fail-open";
    this.#clockTolerance = clockTolerance;
    this.#verifyList = verifyList;
    this.#bringNewerKeys = bringNewerKeys;
    this.#runtime = runtime;
  }

  /** Throws unless the status of a token that is otherwise good is good by what is held. */
  check(payload, now) {
    const entry = this.#entryOf(payload);
    if (entry === undefined) {
      return;
    }
    this.#touch(entry.uri);
    const standing = this.#standing(entry, payload, now);
    if (standing === "revoked") {
      throw new VerifierError("revoked", "the status list says that the token is no longer good");
    }
    if (standing === "beyond") {
      throw invalid("points beyond the end of its status list");
    }
    if (standing === "unknown" && !this.#isOpen) {
      const cause = this.#lists.get(entry.uri)?.failure;
      throw new VerifierError("status_unavailable", "the token's status list is not held", undefined, { cause });
    }
  }

  /** Whether the list of a token should be loaded before it is checked. */
  isDue(payload, now) {
    const entry = this.#entryOf(payload);
    const held = this.#lists.get(entry?.uri);
    if (held === undefined) {
      return entry?.url !== undefined;
    }
    return held.isDue || this.#standing(entry, payload, now) === "unknown";
  }

  /** Loads the list of a token, as far as the cool-down allows. One that will do is not waited for long. */
  async bring(payload, now) {
    const entry = this.#entryOf(payload);
    if (!this.#lists.has(entry.uri)) {
      this.#lists.set(entry.uri, this.#newList(entry));
    }
    const held = this.#touch(entry.uri);
    await (this.#standing(entry, payload, now) === "unknown" ? held.refresh() : held.renew());
    this.#makeRoom();
  }

  /** To be called when the keys have changed: a list dies with its key. */
  checkAgain() {
    for (const held of this.#lists.values()) {
      try {
        if (held.value !== undefined) {
          this.#verifyList(held.value.token);
        }
      } catch {
        held.drop();
      }
    }
  }

  /**
   * Where a token's status is: undefined for a token without the claim. `url` is
   * undefined for another mechanism, and for a list that is held.
   */
  #entryOf(payload) {
    const entry = readEntry(payload);
    if (entry?.uri === undefined || this.#lists.has(entry.uri)) {
      return entry;
    }
    return { ...entry, url: urlToFollow(entry.uri) };
  }

  #standing({ uri, idx }, { iat }, now) {
    const held = this.#lists.get(uri);
    const list = held?.value;
    if (!list?.isUsable(now, held.age, this.#clockTolerance)) {
      return "unknown";
    }
    const status = list.statusAt(idx);
    if (status === undefined) {
      // A list may have grown for a token that is younger than it.
      return list.isNewerThan(iat) ? "beyond" : "unknown";
    }
    return status === 0 ? "good" : "revoked";
  }

  /** What is held of a list, if anything is, and from now on as the one used last. */
  #touch(uri) {
    const held = this.#lists.get(uri);
    if (held !== undefined) {
      this.#lists.delete(uri);
      this.#lists.set(uri, held);
    }
    return held;
  }

  #newList(entry) {
    return new Held({
      load: () => this.#load(entry),
      // Again, because the keys may have changed while it was inflated.
      accept: ({ token }) => this.#verifyList(token),
      coolDown: 1000 * KEPT.least,
      isShared: this.#runtime.isShared,
    });
  }

  async #load({ uri, url }) {
    const { text, maxAge } = await fetchText(url, "application/statuslist+jwt", this.#runtime);
    const payload = await this.#verified(text);
    const list = await readStatusList(text, payload, uri, this.#runtime.inflate);
    const kept = list.ttl ?? maxAge ?? KEPT.unsaid;
    return { value: list, freshFor: 1000 * Math.min(Math.max(kept, KEPT.least), KEPT.most) };
  }

  async #verified(token) {
    try {
      return this.#verifyList(token);
    } catch (error) {
      if (error?.code !== "unknown_key" || !(await this.#bringNewerKeys())) {
        throw error;
      }
      return this.#verifyList(token);
    }
  }

  #makeRoom() {
    let size = 0;
    for (const { value } of this.#lists.values()) {
      size += value?.size ?? 0;
    }
    for (const [uri, { value }] of this.#lists) {
      if (size <= MAX_SIZE && this.#lists.size <= MAX_LISTS) {
        return;
      }
      this.#lists.delete(uri);
      size -= value?.size ?? 0;
    }
  }
}

/** Reads the claim (section 6.2); `uri` is undefined where some other mechanism is used. */
function readEntry({ status }) {
  if (status === undefined) {
    return undefined;
  }
  if (!isObject(status)) {
    throw invalid("is not an object");
  }
  if (status.status_list === undefined) {
    return {};
  }
  if (!isObject(status.status_list)) {
    throw invalid("has a `status_list` that is not an object");
  }
  const { idx, uri } = status.status_list;
  if (!Number.isSafeInteger(idx) || idx < 0) {
    throw invalid("has an `idx` that is not an index");
  }
  if (typeof uri !== "string") {
    throw invalid("has a `uri` that is not a string");
  }
  return { idx, uri };
}

function urlToFollow(uri) {
  if (!URL.canParse(uri)) {
    throw invalid("has a `uri` that is not a URL");
  }
  // A list's `sub` is where it was fetched from, and nothing is fetched by a fragment.
  if (uri.includes("#")) {
    throw invalid("has a `uri` with a fragment");
  }
  try {
    return readUrl(uri, "uri");
  } catch {
    throw invalid("has a `uri` that must not be fetched");
  }
}

function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function invalid(what) {
  return new VerifierError("invalid_claim", `the token's \`status\` ${what}`, "status");
}
