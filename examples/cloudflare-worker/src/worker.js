// Guards a route of a Cloudflare Worker with the access tokens of a Latchkey server.
import { createVerifier, VerifierError } from "latchkey-verifier";

// One for all requests, made by the first: at module scope a Worker may not fetch. What is
// kept is the verifier and not the promise of it, because a promise belongs to the request
// that made it and is never kept when that one is given up.
let verifier;

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname !== "/me") {
      return new Response("Not found\n", { status: 404 });
    }
    const token = bearerToken(request);
    if (token === undefined) {
      // Who brings no token has made no error (RFC 6750 section 3.1).
      return challenge("Bearer");
    }
    try {
      const { payload } = await verify(token, env);
      return Response.json({ user_id: payload.sub });
    } catch (error) {
      return refusal(error);
    }
  },
};

/** What `Authorization: Bearer` brings (RFC 6750 section 2.1). */
function bearerToken(request) {
  return /^Bearer +(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

async function verify(token, { ISSUER, AUDIENCE }) {
  verifier ??= await createVerifier({ issuer: ISSUER }, { algorithms: ["EdDSA"], audience: AUDIENCE });
  return verifier.verifyAsync(token);
}

function refusal(error) {
  if (!(error instanceof VerifierError)) {
    throw error;
  }
  if (error.code === "keys_unavailable") {
    // Nobody can say yet whether the token is good.
    return new Response(null, { status: 503, headers: { "retry-after": "5" } });
  }
  return challenge(`Bearer error="invalid_token", error_description="${error.code}"`);
}

function challenge(value) {
  return new Response(null, { status: 401, headers: { "www-authenticate": value } });
}
