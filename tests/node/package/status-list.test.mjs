// Status lists made by another party, @owf/token-status-list, and read by ours.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createHeaderAndPayload, getListFromStatusListJWT, StatusList } from "@owf/token-status-list";

import { lst } from "../../../verifier-wasm/tests/node/lists.mjs";
import { Origin } from "../../../verifier-wasm/tests/node/origin.mjs";
import { createVerifier, verdictOf } from "../../../verifier-wasm/tests/node/package.mjs";
import { TestKey } from "../../../verifier-wasm/tests/node/tokens.mjs";

const key = new TestKey("one", 1);
const seconds = Math.floor(Date.now() / 1000);

let origin;
before(async () => {
  origin = await Origin.start();
});
after(() => origin.stop());

/** The verdicts on tokens at these places of a list that the other party made. */
async function verdicts(list, places, claims = {}) {
  const uri = `${origin.base}/lists/1`;
  const made = createHeaderAndPayload(list, { iss: "us", sub: uri, iat: seconds, ...claims }, { alg: "EdDSA", typ: "" });
  origin.reset({ "/lists/1": (response) => response.end(key.sign(made.payload, made.header)) });
  const verifier = await createVerifier({ jwks: { keys: [key.jwk] } }, { statusList: "fail-closed" });
  const token = (idx) => key.sign({ iat: seconds - 60, exp: seconds + 600, status: { status_list: { idx, uri } } });
  return Promise.all(places.map((idx) => verdictOf(verifier.verifyAsync(token(idx)))));
}

test("every place of lists of 1, 2, 4 and 8 bits", async () => {
  for (const bits of [1, 2, 4, 8]) {
    // The same at every run, and about half of them 0.
    const statuses = Array.from({ length: 240 }, (_, at) => ((at * at * 7) % 11 < 5 ? 0 : 1 + ((at * 13) % (2 ** bits - 1))));
    const expected = statuses.map((status) => (status === 0 ? "good" : "revoked"));
    assert.deepEqual(await verdicts(new StatusList(statuses, bits), [...statuses.keys()]), expected, `${bits} bits`);
  }
});

test("a list of a hundred thousand, with a few that are set", async () => {
  const list = new StatusList(Array(100_000).fill(0), 1);
  const set = [0, 7, 8, 41_234, 99_999];
  for (const idx of set) {
    list.setStatus(idx, 1);
  }
  const clear = set.map((idx) => (idx + 1) % 100_000 || 5).filter((idx) => !set.includes(idx));
  const claims = { exp: seconds + 3600, ttl: 60 };
  assert.deepEqual(new Set(await verdicts(list, set, claims)), new Set(["revoked"]));
  assert.deepEqual(new Set(await verdicts(list, clear, claims)), new Set(["good"]));
  assert.deepEqual(await verdicts(list, [100_000, 2 ** 40], claims), ["invalid_claim", "invalid_claim"]);
});

test("the lists of our tests are read by the other party as they are meant", () => {
  const token = key.sign({ sub: "x", iat: seconds, status_list: { bits: 2, lst: lst([0xc9, 0x44, 0xf9]) } }, { typ: "statuslist+jwt" });
  const list = getListFromStatusListJWT(token);
  assert.deepEqual(
    Array.from({ length: 12 }, (_, idx) => list.getStatus(idx)),
    [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3],
  );
});
