// Signs tokens for the tests with Node's own cryptography.
import { createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto";

export const SECRET = "a secret of the tests, 32 bytes.";

/** The moment at which the tests' tokens are judged. */
export const NOW = new Date(1_800_000_000_000);

export const GOOD_CLAIMS = { sub: "s", exp: 1_800_000_060 };

export function hs256(claims, header = {}) {
  const signed = signedPart({ alg: "HS256", typ: "at+jwt", ...header }, claims);
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** An Ed25519 key pair that depends on the seed alone. */
export class TestKey {
  constructor(kid, seed) {
    this.kid = kid;
    const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
    const der = Buffer.concat([prefix, Buffer.alloc(32, seed)]);
    this.privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    const { kty, crv, x } = createPublicKey(this.privateKey).export({ format: "jwk" });
    this.jwk = { kty, crv, x, kid, alg: "EdDSA", use: "sig" };
  }

  sign(claims, header = {}) {
    const signed = signedPart({ alg: "EdDSA", typ: "at+jwt", kid: this.kid, ...header }, claims);
    return `${signed}.${sign(null, Buffer.from(signed), this.privateKey).toString("base64url")}`;
  }
}

/** Claims that are a string are signed as they stand. */
function signedPart(header, claims) {
  const payload = typeof claims === "string" ? claims : JSON.stringify(claims);
  return `${encode(JSON.stringify(header))}.${encode(payload)}`;
}

function encode(text) {
  return Buffer.from(text).toString("base64url");
}
