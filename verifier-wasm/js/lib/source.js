// Where the keys come from. A source is `{ load, isRemote }`: `load` resolves to
// a key set, `{ put, text?, maxAge? }`, whose `put` puts it into a `TokenVerifier`.
// A remote one may be loaded again; its `text` tells whether anything changed, and
// `maxAge` how long it may be kept.
import { VerifierError } from "./error.js";
import { readMembers, tagOf } from "./options.js";
import { fetchText, readUrl } from "./remote.js";

const KINDS = ["jwks", "jwksUri", "issuer", "secret"];

/** Reads the first argument of `createVerifier`. */
export function readSource(source, runtime) {
  const members = Object.entries(readMembers(source, "keys", KINDS));
  if (members.length !== 1) {
    throw new TypeError(`the keys must be given as exactly one of ${KINDS.join(", ")}`);
  }
  const [[kind, value]] = members;
  return sources[kind](value, runtime);
}

const sources = {
  jwks(value) {
    if (value === null || typeof value !== "object") {
      throw new TypeError("`jwks` must be a JWK Set: an object with `keys`");
    }
    const text = jsonOf(value);
    return { isRemote: false, load: async () => ({ put: (inner) => inner.setJwks(text, false) }) };
  },

  secret(value) {
    const bytes = readSecret(value);
    return { isRemote: false, load: async () => ({ put: (inner) => inner.setSecret(bytes) }) };
  },

  jwksUri(value, runtime) {
    const url = readUrl(value, "jwksUri");
    return { isRemote: true, load: () => fetchKeys(url, runtime) };
  },

  issuer(value, runtime) {
    const issuer = readUrl(value, "issuer");
    if (issuer.search !== "" || issuer.hash !== "") {
      throw new TypeError("`issuer` must be a URL without query and fragment");
    }
    return {
      isRemote: true,
      issuer: value,
      load: async () => fetchKeys(await discover(value, issuer, runtime), runtime),
    };
  },
};

function jsonOf(jwks) {
  try {
    return JSON.stringify(jwks);
  } catch (cause) {
    throw new TypeError("`jwks` must be a JWK Set that can be written as JSON", { cause });
  }
}

function readSecret(value) {
  if (typeof value === "string") {
    return new TextEncoder().encode(value);
  }
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  }
  if (tagOf(value) === "ArrayBuffer") {
    return new Uint8Array(value).slice();
  }
  throw new TypeError("`secret` must be a string or bytes");
}

async function fetchKeys(url, runtime) {
  const { text, maxAge } = await fetchJson(url, runtime);
  return { put: (inner) => inner.setJwks(text, true), text, maxAge };
}

/** The URL of the keys, from RFC 8414 metadata or, failing that, OpenID's. */
async function discover(issuer, url, runtime) {
  const path = url.pathname.replace(/\/$/, "");
  const places = [
    new URL(`/.well-known/oauth-authorization-server${path}`, url),
    new URL(`${path}/.well-known/openid-configuration`, url),
  ];
  let failure;
  for (const place of places) {
    try {
      return await readMetadata(issuer, place, runtime);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

async function readMetadata(issuer, place, runtime) {
  const { value } = await fetchJson(place, runtime);
  // RFC 8414 section 3.3: identical, or someone else's keys would be trusted.
  if (value?.issuer !== issuer) {
    throw new VerifierError("keys_unavailable", `${place} is the metadata of another issuer`);
  }
  try {
    return readUrl(value.jwks_uri, "jwks_uri");
  } catch (cause) {
    throw new VerifierError("keys_unavailable", `${place} has no usable \`jwks_uri\``, undefined, { cause });
  }
}

async function fetchJson(url, runtime) {
  try {
    const { text, maxAge } = await fetchText(url, "application/json", runtime);
    return { text, maxAge, value: JSON.parse(text) };
  } catch (cause) {
    throw new VerifierError("keys_unavailable", `${url} is not to be had, or not JSON`, undefined, { cause });
  }
}
