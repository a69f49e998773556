// The server's status list, read by the package and by another party.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { getListFromStatusListJWT, getStatusListFromJWT } from "@owf/token-status-list";

import { createVerifier, verdictOf } from "../../../verifier-wasm/tests/node/package.mjs";
import { startLatchkey } from "../support/latchkey.mjs";

const WITH_SECRET = { JWT_SECRET_KEY: "a secret of the tests that is long enough" };

async function call(server, method, path, { body, token } = {}) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(`${server.origin}/api/v1/users/${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status} ${server.log}`);
  return response.json();
}

/** What the other party finds at a token's place. */
async function status(token) {
  const { idx, uri } = getStatusListFromJWT(token);
  const response = await fetch(uri);
  assert.equal(response.headers.get("content-type"), "application/statuslist+jwt");
  return getListFromStatusListJWT(await response.text()).getStatus(idx);
}

for (const [name, env] of Object.entries({ EdDSA: {}, HS256: WITH_SECRET })) {
  test(`who has signed out is out everywhere within the list's ttl: ${name}`, async (t) => {
    const server = await startLatchkey(t, { env });
    const keys = name === "HS256" ? { secret: env.JWT_SECRET_KEY } : { issuer: server.origin };
    const options = { issuer: server.origin, statusList: "fail-closed", requiredClaims: ["status"] };
    const verifier = await createVerifier(keys, options);
    const user = { email: "ada@example.com", password: "Analytical-Engine-1" };
    const { access_token: first } = await call(server, "POST", "signup", { body: { name: "Ada Lovelace", ...user } });
    const { access_token: second } = await call(server, "POST", "signin", { body: user });
    for (const token of [first, second]) {
      assert.equal(await verdictOf(verifier.verifyAsync(token)), "good");
      assert.equal(await status(token), 0);
    }

    await call(server, "POST", "logout", { token: first });
    assert.deepEqual([await status(first), await status(second)], [1, 0]);
    const { uri } = verifier.verify(first).payload.status.status_list;
    const { ttl } = JSON.parse(Buffer.from((await (await fetch(uri)).text()).split(".")[1], "base64url"));
    const now = performance.now();
    const clock = mock.method(performance, "now", () => now + 1000 * ttl);
    try {
      assert.equal(await verdictOf(verifier.verifyAsync(first)), "revoked");
      assert.equal(await verdictOf(verifier.verifyAsync(second)), "good");
      assert.throws(() => verifier.verify(first), { code: "revoked" });
      verifier.verify(second);
    } finally {
      clock.mock.restore();
    }
  });
}
