/** A JSON Web Key Set (RFC 7517 section 5). */
export interface JsonWebKeySet {
  keys: readonly object[];
}

/** Where the keys come from. Exactly one of these. */
export type KeySource =
  /** A key set that you have. */
  | { jwks: JsonWebKeySet }
  /** A key set to fetch: https, or http on loopback. */
  | { jwksUri: string }
  /**
   * An issuer whose key set is found through its metadata (RFC 8414, or OpenID
   * discovery). `iss` of the tokens must then be this string.
   */
  | { issuer: string }
  /** A shared secret: bytes, or a string that stands for its UTF-8. */
  | { secret: string | Uint8Array | ArrayBuffer };

export type Algorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "ES256"
  | "EdDSA"
  | "Ed25519";

/** What is expected of a token. Naming an expectation makes its claim required. */
export interface VerifierOptions {
  /**
   * The algorithms accepted. Default: HS256, HS384 and HS512 for a secret, and
   * otherwise each key's `alg`, or what its `kty` and `crv` fit.
   */
  algorithms?: readonly Algorithm[];
  /** `iss` must be this string. */
  issuer?: string;
  /** `aud` must contain this string, or one of these. */
  audience?: string | readonly string[];
  /** The header's `typ`. Default `at+jwt`; `null` turns the check off. */
  typ?: string | null;
  /** How far the clocks may differ, in seconds. Default 0. */
  clockTolerance?: number;
  /** The oldest `iat` accepted, in seconds before now. Default: any. */
  maxTokenAge?: number;
  /** More claims that must be there. */
  requiredClaims?: readonly string[];
  /** The longest token looked at, in characters. Default 16384. */
  maxTokenLength?: number;
  /** Accept a token without `exp`. Default false. */
  allowNoExpiry?: boolean;
  /**
   * How many verified tokens are remembered, so that the next check of one is a
   * look-up: never beyond its times, and not after a change of the keys. Fewer are,
   * when they and their claims exceed 4096 characters on average. Default 1000; 0
   * turns it off.
   */
  cache?: number;
  /**
   * Follow the token's `status` claim (draft-ietf-oauth-status-list): any status but
   * 0 is `revoked`. `verifyAsync` fetches the list and keeps it for its `ttl` (five
   * seconds to one hour); `verify` uses what is held. A token whose list cannot be
   * had, or whose `status` has no `status_list`, is `status_unavailable` with
   * `fail-closed` and passes with `fail-open`. One whose `status_list` is no list of a
   * URL that may be followed and an index is `invalid_claim` with both. One without
   * the claim passes unless `requiredClaims` has `status`. Default: the claim
   * is not looked at.
   */
  statusList?: "fail-closed" | "fail-open";
}

export interface VerifyOptions {
  /** The moment to judge by. Default: now. */
  currentDate?: Date;
}

/** The header of a token, which its signature protects. */
export interface ProtectedHeader {
  alg: string;
  kid?: string;
  typ?: unknown;
  [name: string]: unknown;
}

/** The claims set of a token. */
export interface Payload {
  iss?: string;
  sub?: string;
  aud?: string | string[];
  exp?: number;
  nbf?: number;
  iat?: number;
  jti?: string;
  [name: string]: unknown;
}

export interface Verified {
  payload: Payload;
  protectedHeader: ProtectedHeader;
}

export interface VerifiedSignature {
  payload: Uint8Array;
  protectedHeader: ProtectedHeader;
}

export interface Verifier {
  /**
   * Checks a token with the keys that are held. Throws a `VerifierError` that says
   * why it is refused.
   */
  verify(token: string, options?: VerifyOptions): Verified;
  /**
   * The same, and fetches a remote key set again when it is older than its
   * `max-age` (one minute to one hour; ten minutes if it has none) or lacks the
   * token's `kid` (at most every 30 seconds), and with `statusList` the token's
   * status list. When that fails, what is held stays in use. When it takes longer
   * than one second, and what is held will do for this token, that is used and the
   * fetch goes on.
   */
  verifyAsync(token: string, options?: VerifyOptions): Promise<Verified>;
  /** Checks the signature alone: no claim, no `typ`. The payload need not be JSON. */
  verifySignature(token: string): VerifiedSignature;
}

export type VerifierErrorCode =
  | "malformed"
  | "too_large"
  | "unsupported_algorithm"
  | "algorithm_mismatch"
  | "unknown_key"
  | "bad_key"
  | "keys_unavailable"
  | "bad_signature"
  | "expired"
  | "not_yet_valid"
  | "issued_in_future"
  | "wrong_issuer"
  | "wrong_audience"
  | "wrong_type"
  | "missing_claim"
  | "invalid_claim"
  | "critical_header"
  | "revoked"
  | "status_unavailable";

/** Why a token is refused. */
export class VerifierError extends Error {
  constructor(code: VerifierErrorCode, message: string, claim?: string, options?: { cause?: unknown });
  readonly name: "VerifierError";
  /** What is wrong. Stable: decide by this. */
  readonly code: VerifierErrorCode;
  /** The claim that is wrong, where it is a claim. */
  readonly claim: string | undefined;
}

/**
 * Makes a verifier: loads the WebAssembly module and the keys. Rejects with a
 * `VerifierError` (`keys_unavailable`, `bad_key`) when the keys cannot be had,
 * and with a `TypeError` that names an option which is wrong.
 *
 * In Cloudflare Workers it fetches nothing, so that it can be called at module
 * scope: the first `verifyAsync` does, and `verify` throws `keys_unavailable`
 * before that.
 */
export function createVerifier(keys: KeySource, options?: VerifierOptions): Promise<Verifier>;
