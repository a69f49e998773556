// What runs in workerd: as many checks as it is told to. Its clocks stand still while it
// computes, so whoever asks measures.
import { importJWK, jwtVerify } from "jose";
import { createVerifier } from "latchkey-verifier";

const makers = {
  nothing: () => () => {},
  "nothing, awaited": () => async () => {},
  "latchkey, first check": (question) => ours(question, 0),
  "latchkey, repeated": (question) => ours(question, 1000),
  jose: async ({ jwk, algorithm, issuer }) => {
    const key = await importKey(jwk, algorithm);
    return (token) => jwtVerify(token, key, { issuer, algorithms: [algorithm], typ: "at+jwt" });
  },
};

async function ours({ jwk, issuer }, cache) {
  const verifier = await createVerifier({ jwks: { keys: [jwk] } }, { issuer, cache });
  return (token) => verifier.verify(token);
}

/** A secret as bytes would be imported anew at each check. */
async function importKey(jwk, algorithm) {
  const key = await importJWK(jwk, algorithm);
  return key instanceof Uint8Array
    ? crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
    : key;
}

const made = new Map();

export default {
  async fetch(request) {
    const question = await request.json();
    const { name, algorithm, tokens, count } = question;
    const key = `${name} ${algorithm}`;
    if (!made.has(key)) {
      made.set(key, await makers[name](question));
    }
    const check = made.get(key);
    for (let index = 0; index < count; index += 1) {
      const outcome = check(tokens[index % tokens.length]);
      if (outcome instanceof Promise) {
        await outcome;
      }
    }
    return new Response(null, { status: 204 });
  },
};
