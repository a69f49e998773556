// A Deno server that trusts the access tokens of a Latchkey server.
import { createVerifier, VerifierError } from "latchkey-verifier";

const issuer = Deno.env.get("ISSUER") ?? "http://127.0.0.1:8000";
const audience = Deno.env.get("AUDIENCE") ?? "https://api.example.com";
const port = Number(Deno.env.get("PORT") ?? 3000);

// Ready before the first request: a wrong issuer is noticed at start.
const verifier = await createVerifier(
  { issuer },
  {
    // Named, so that a token for another service, or signed in another way, is refused.
    algorithms: ["EdDSA"],
    audience,
    // Who has signed out is out here as well.
    statusList: "fail-closed",
  },
);

// Not the fault of the token: the keys, or the list of what has been revoked, cannot be had.
const UNAVAILABLE = new Set(["keys_unavailable", "status_unavailable"]);

Deno.serve({ hostname: "127.0.0.1", port, onListen }, async (request) => {
  if (new URL(request.url).pathname !== "/me") {
    return new Response("Not found\n", { status: 404 });
  }
  const token = bearerToken(request);
  if (token === undefined) {
    // Who brings no token has made no error (RFC 6750 section 3.1).
    return challenge("Bearer");
  }
  try {
    const { payload } = await verifier.verifyAsync(token);
    return Response.json({ user_id: payload.sub });
  } catch (error) {
    return refusal(error);
  }
});

function onListen({ hostname, port }) {
  console.log(`listening on http://${hostname}:${port}`);
}

/** What `Authorization: Bearer` brings (RFC 6750 section 2.1). */
function bearerToken(request) {
  return /^Bearer +(.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

function refusal(error) {
  if (!(error instanceof VerifierError)) {
    throw error;
  }
  if (UNAVAILABLE.has(error.code)) {
    // Nobody can say yet whether the token is good.
    return new Response(null, { status: 503, headers: { "retry-after": "5" } });
  }
  return challenge(`Bearer error="invalid_token", error_description="${error.code}"`);
}

function challenge(value) {
  return new Response(null, { status: 401, headers: { "www-authenticate": value } });
}
