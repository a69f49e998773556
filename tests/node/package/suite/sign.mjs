// Signs tokens with the runtime's own WebCrypto: the other party of each check.
const { subtle } = globalThis.crypto;

export const SECRET = "a secret of the tests, 32 bytes.";

/** The moment at which the tests' tokens are judged. */
export const NOW = new Date(1_800_000_000_000);
export const AT_NOW = { currentDate: NOW };
export const GOOD_CLAIMS = { sub: "s", exp: 1_800_000_060 };

const RSA = { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };

/** How WebCrypto names what an `alg` stands for. */
const ALGORITHMS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  HS384: { name: "HMAC", hash: "SHA-384" },
  HS512: { name: "HMAC", hash: "SHA-512" },
  RS256: { ...RSA, hash: "SHA-256" },
  RS384: { ...RSA, hash: "SHA-384" },
  RS512: { ...RSA, hash: "SHA-512" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
  Ed25519: { name: "Ed25519" },
};
export const NAMES = Object.keys(ALGORITHMS);

/** A new key for one `alg`, and the JWK that a verifier takes. */
export class TestKey {
  static async generate(alg, kid) {
    const pair = await subtle.generateKey(ALGORITHMS[alg], true, ["sign", "verify"]);
    const { kty, crv, k, n, e, x, y } = await subtle.exportKey("jwk", pair.publicKey ?? pair);
    return new TestKey(alg, { kty, crv, k, n, e, x, y, kid, alg, use: "sig" }, pair.privateKey ?? pair);
  }

  constructor(alg, jwk, key) {
    this.alg = alg;
    this.jwk = jwk;
    this.key = key;
  }

  /** A token; claims that are a string are signed as they stand. */
  async sign(claims, header = {}) {
    return signed(this.alg, this.key, { alg: this.alg, typ: "at+jwt", kid: this.jwk.kid, ...header }, claims);
  }
}

/** A token under the tests' secret. */
export async function hs256(claims, header = {}) {
  const bytes = new TextEncoder().encode(SECRET);
  const key = await subtle.importKey("raw", bytes, ALGORITHMS.HS256, false, ["sign"]);
  return signed("HS256", key, { alg: "HS256", typ: "at+jwt", ...header }, claims);
}

async function signed(alg, key, header, claims) {
  const payload = typeof claims === "string" ? claims : JSON.stringify(claims);
  const text = `${encode(JSON.stringify(header))}.${encode(payload)}`;
  const signature = await subtle.sign(ALGORITHMS[alg], key, new TextEncoder().encode(text));
  return `${text}.${base64url(new Uint8Array(signature))}`;
}

function encode(text) {
  return base64url(new TextEncoder().encode(text));
}

function base64url(bytes) {
  let binary = "";
  for (const byte of bytes) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
