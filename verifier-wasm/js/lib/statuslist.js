import { isTimely } from "./times.js";

/** How large a list may be, in bytes: some sixteen million sessions of one bit each. */
const INFLATED_LIMIT = 2 << 20;

/**
 * How far a list's times may lie ahead, in seconds. It is fetched the moment it is
 * made; a clock that is a second behind must not have every token refused.
 */
const AHEAD = 60;

/** How long a list that does not expire is relied on when no newer one can be had, in ms. */
const LONGEST_USE = 86_400_000;

/**
 * Reads the claims of a Status List Token (draft-ietf-oauth-status-list section
 * 5.1), whose signature, `typ` and registered claims have been found good.
 * Rejects when it is not the list of `uri`.
 */
export async function readStatusList(token, payload, uri, inflate) {
  const { sub, iat, exp, nbf, ttl, status_list: list } = payload;
  if (sub !== uri) {
    throw new Error("the `sub` of the status list is not where it was fetched from");
  }
  if (ttl !== undefined && !(typeof ttl === "number" && ttl > 0)) {
    throw new Error("the `ttl` of the status list is not a positive number");
  }
  if (![1, 2, 4, 8].includes(list?.bits)) {
    throw new Error("the status list has no `bits` of 1, 2, 4 or 8");
  }
  const statuses = await inflate(decode(list.lst), INFLATED_LIMIT);
  return new StatusList(token, { iat, exp, nbf }, ttl, list.bits, statuses);
}

class StatusList {
  /** The token, to check its signature again when the keys have changed. */
  token;
  /** How long to keep it before a newer one is looked for, in seconds, if it says so. */
  ttl;
  #times;
  #bits;
  #statuses;
  #perByte;

  constructor(token, times, ttl, bits, statuses) {
    this.token = token;
    this.ttl = ttl;
    this.#times = times;
    this.#bits = bits;
    this.#statuses = statuses;
    this.#perByte = 8 / bits;
  }

  /** Roughly what it takes to hold this, in bytes. */
  get size() {
    return this.token.length + this.#statuses.length;
  }

  /** Whether it may be relied on at `now`, held for `age` ms. */
  isUsable(now, age, clockTolerance) {
    const ahead = Math.max(AHEAD, clockTolerance);
    const isInUse = this.#times.exp !== undefined || age < LONGEST_USE;
    return isInUse && isTimely(this.#times, now, { clockTolerance, ahead });
  }

  /** Whether it was made after that moment, in seconds; so it was when there is none. */
  isNewerThan(moment = Number.NEGATIVE_INFINITY) {
    return this.#times.iat > moment;
  }

  /** The status at an index (section 4.1: lowest bits first), or undefined beyond the end. */
  statusAt(index) {
    const byte = this.#statuses[Math.floor(index / this.#perByte)];
    const shift = (index % this.#perByte) * this.#bits;
    return byte === undefined ? undefined : (byte >> shift) & (2 ** this.#bits - 1);
  }
}

/** Base64url without padding. */
function decode(text) {
  if (typeof text !== "string" || !/^[\w-]*$/.test(text)) {
    throw new Error("the status list's `lst` is not base64url");
  }
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = binary.charCodeAt(at);
  }
  return bytes;
}
