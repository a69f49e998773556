import { VerifierError } from "latchkey-verifier";

// Not the fault of the token: the keys, or the list of what has been revoked, cannot be had.
const UNAVAILABLE = new Set(["keys_unavailable", "status_unavailable"]);

/**
 * Middleware that lets in who brings a good access token, and puts its claims into
 * `request.auth`. Everybody else is answered as RFC 6750 section 3 says.
 *
 * @param {import("latchkey-verifier").Verifier} verifier
 * @returns {import("express").RequestHandler}
 */
export function authenticate(verifier) {
  return async (request, response, next) => {
    const token = /^Bearer +(.+)$/i.exec(request.get("authorization") ?? "")?.[1];
    if (token === undefined) {
      // Who brings no token has made no error.
      response.set("WWW-Authenticate", "Bearer").sendStatus(401);
      return;
    }
    try {
      const { payload } = await verifier.verifyAsync(token);
      request.auth = payload;
    } catch (error) {
      refuse(error, response);
      return;
    }
    next();
  };
}

function refuse(error, response) {
  if (!(error instanceof VerifierError)) {
    throw error;
  }
  if (UNAVAILABLE.has(error.code)) {
    // Nobody can say yet whether the token is good.
    response.set("Retry-After", "5").sendStatus(503);
    return;
  }
  response
    .set("WWW-Authenticate", `Bearer error="invalid_token", error_description="${error.code}"`)
    .sendStatus(401);
}
