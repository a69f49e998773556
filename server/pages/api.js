// The API in the name of whoever is signed in. The access token lives here, in memory, and
// nowhere else; the refresh token is in a cookie that scripts cannot read.

const TOKEN = "/account/token";

let token;
let fetching;

/** The session is over: there is nothing to do but to sign in. */
export class SignedOut extends Error {}

/** The server's answer to a request that it did not carry out, in its words. */
export class Refused extends Error {
  /** @param {Response} response */
  static async by(response) {
    const problem = await response.json().catch(() => ({}));
    return new Refused(`${problem.detail ?? "Something went wrong"}.`);
  }
}

/**
 * Calls the API. A token that is no longer taken is replaced once.
 *
 * @param {string} method
 * @param {string} path
 * @returns {Promise<Response>} whatever its status
 * @throws {SignedOut} when there are no more tokens
 * @throws {Refused} when there is no token for now
 * @throws {TypeError} when the network fails
 */
export async function call(method, path) {
  token ??= await newToken();
  const response = await send(method, path);
  if (response.status !== 401) {
    return response;
  }
  token = await newToken();
  return send(method, path);
}

function send(method, path) {
  const headers = { accept: "application/json", authorization: `Bearer ${token}` };
  return fetch(path, { method, headers, credentials: "omit", cache: "no-store" });
}

/** A new access token; one request for all that ask at once. */
function newToken() {
  fetching ??= fetchToken().finally(() => (fetching = undefined));
  return fetching;
}

async function fetchToken() {
  const response = await fetch(TOKEN, { method: "POST", body: new URLSearchParams(), redirect: "manual" });
  if (response.status === 401 || response.type === "opaqueredirect") {
    throw new SignedOut("the session is over");
  }
  if (!response.ok) {
    throw await Refused.by(response);
  }
  const { access_token: accessToken } = await response.json();
  return accessToken;
}
