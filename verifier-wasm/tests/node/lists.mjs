// Makes Status List Tokens and what points to them, good ones and others.
import { deflateSync } from "node:zlib";

import { GOOD_CLAIMS, NOW } from "./tokens.mjs";

const SECONDS = NOW.getTime() / 1000;

/** The claims of a token with a place in a list. */
export function pointing(uri, idx, claims = {}) {
  return { ...GOOD_CLAIMS, iat: SECONDS - 60, ...claims, status: { status_list: { idx, uri } } };
}

/** A list as bytes, and the member `lst` of that. */
export function lst(bytes) {
  return deflateSync(Uint8Array.from(bytes)).toString("base64url");
}

/** A Status List Token of `uri`, with some claims changed. */
export function listToken(key, uri, bytes, claims = {}, header = {}) {
  const payload = { sub: uri, iat: SECONDS, exp: SECONDS + 3600, ttl: 300, status_list: { bits: 1, lst: lst(bytes) } };
  return key.sign({ ...payload, ...claims }, { typ: "statuslist+jwt", ...header });
}
