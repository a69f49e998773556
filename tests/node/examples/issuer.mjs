// A Latchkey whose keys include one that the tests hold, so that tokens can be made which are
// wrong in one way only.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";

import { temporaryFolder } from "../support/folder.mjs";
import { startLatchkey } from "../support/latchkey.mjs";
import { serve } from "../support/static.mjs";

export const AUDIENCE = "https://api.example.com";

/**
 * Starts a server that issues tokens for `AUDIENCE`.
 *
 * @param {{ after(work: () => unknown): void }} t see `temporaryFolder`
 * @returns {Promise<Issuer>}
 */
export async function startIssuer(t) {
  const server = await startLatchkey(t, { env: { LATCHKEY_TOKENS__AUDIENCE: AUDIENCE } });
  const { privateKey } = generateKeyPairSync("ed25519");
  const file = join(await temporaryFolder(t), "key.pem");
  await writeFile(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  await server.run("key", "import", file);
  const { x } = privateKey.export({ format: "jwk" });
  return new Issuer(server.origin, privateKey, await publishedKid(server.origin, x));
}

/** The name of a key, once the server has noticed it. */
async function publishedKid(origin, x) {
  for (;;) {
    const response = await fetch(`${origin}/.well-known/jwks.json`);
    const { keys } = await response.json();
    const key = keys.find((key) => key.x === x);
    if (key !== undefined) {
      return key.kid;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

class Issuer {
  #privateKey;
  #kid;

  constructor(origin, privateKey, kid) {
    this.origin = origin;
    this.#privateKey = privateKey;
    this.#kid = kid;
  }

  /** Signs a person up: `{ user, access_token, refresh_token }`. */
  async signUp(name = "Ada Lovelace") {
    const email = `${randomUUID()}@example.com`;
    return this.#post("signup", { name, email, password: "Kestrel-over-27-moors" });
  }

  /** Ends the session of a token. */
  async signOut(token) {
    await this.#post("logout", undefined, { authorization: `Bearer ${token}` });
  }

  async #post(path, body, headers = {}) {
    const response = await fetch(`${this.origin}/api/v1/users/${path}`, {
      method: "POST",
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) {
      throw new Error(`${path} is answered ${response.status}: ${await response.text()}`);
    }
    return response.json();
  }

  /** A good access token but for what is given, signed with a published key or another one. */
  token({ claims = {}, header = {}, key = this.#privateKey } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const usual = {
      iss: this.origin,
      aud: AUDIENCE,
      sub: "0190f3c4-7b5e-7c3a-9d55-6a7f20f4b001",
      iat: now,
      exp: now + 60,
      jti: randomUUID(),
      sid: randomUUID(),
      client_id: "latchkey",
      type: "access",
    };
    return this.#sign({ typ: "at+jwt", ...header }, { ...usual, ...claims }, key);
  }

  /**
   * Publishes a status list until the test is over: what a token's `status` claim says to point
   * at the place of one that is good, of one that was revoked, and at a list that is not there.
   */
  async statusList(t) {
    let uri;
    const list = () => {
      const lst = deflateSync(Buffer.from([0b10])).toString("base64url");
      const claims = { sub: uri, iat: Math.floor(Date.now() / 1000), ttl: 60, status_list: { bits: 1, lst } };
      return this.#sign({ typ: "statuslist+jwt" }, claims, this.#privateKey);
    };
    const { origin } = await serve(t, {
      "/list": (_, response) => response.setHeader("content-type", "application/statuslist+jwt").end(list()),
    });
    uri = `${origin}/list`;
    const status = (idx, uri) => ({ status: { status_list: { idx, uri } } });
    return { good: status(0, uri), revoked: status(1, uri), lost: status(0, `${origin}/none`) };
  }

  #sign(header, claims, key) {
    const signed = [{ alg: "EdDSA", kid: this.#kid, ...header }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
  }
}
