// An edge worker that checks tokens and nothing else.
import { createVerifier } from "latchkey-verifier";

export default {
  async fetch(request) {
    const verifier = await createVerifier({ secret: "a secret of the tests, 32 bytes." });
    const token = request.headers.get("authorization")?.slice("Bearer ".length);
    return Response.json(verifier.verify(token ?? "").payload);
  },
};
