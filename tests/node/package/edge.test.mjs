// A Worker whose verifiers are made at module scope, as one would write it: there
// is no fetch before a request, and none is shared between two.
import assert from "node:assert/strict";
import { join } from "node:path";
import * as runner from "node:test";
import { test } from "node:test";

import { build } from "esbuild";
import { Miniflare } from "miniflare";

import { lst } from "../../../verifier-wasm/tests/node/lists.mjs";
import { Origin } from "../../../verifier-wasm/tests/node/origin.mjs";
import { TestKey } from "../../../verifier-wasm/tests/node/tokens.mjs";
import { temporaryFolder } from "../support/folder.mjs";

const JWKS = "/jwks.json";
const METADATA = "/.well-known/oauth-authorization-server";
const root = join(import.meta.dirname, "../../..");

const one = new TestKey("one", 1);
const two = new TestKey("two", 2);
const expiry = Math.floor(Date.now() / 1000) + 3600;

const origin = await Origin.start();
runner.after(() => origin.stop());
const outdir = await temporaryFolder(runner);
await build({
  stdin: { contents: worker(), resolveDir: join(root, "verifier-wasm/pkg") },
  bundle: true,
  format: "esm",
  conditions: ["workerd"],
  loader: { ".wasm": "copy" },
  outdir,
});

/**
 * What answers `/NAME/CALL/SECONDS`: what a verifier that was made at module scope says to
 * a token, so many seconds later.
 */
function worker() {
  const source = (path) => JSON.stringify(origin.base + path);
  return `
    import { createVerifier } from "latchkey-verifier";
    const verifiers = {
      awaited: await createVerifier({ jwksUri: ${source(JWKS)} }),
      promised: createVerifier({ jwksUri: ${source(JWKS)} }),
      issuer: await createVerifier({ issuer: ${source("")} }),
      status: await createVerifier({ jwksUri: ${source(JWKS)} }, { statusList: "fail-closed" }),
    };
    const { now } = Date;
    export default {
      async fetch(request) {
        const [, name, call, seconds = "0"] = new URL(request.url).pathname.split("/");
        Date.now = () => now() + 1000 * Number(seconds);
        const verifier = await verifiers[name];
        try {
          await verifier[call](request.headers.get("token"));
          return new Response("good");
        } catch (error) {
          return new Response(error.code ?? error.stack);
        }
      },
    };`;
}

/** A Worker of its own; the function asks it about a token. */
function start(t) {
  const worker = new Miniflare({
    modules: true,
    modulesRoot: outdir,
    modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
    scriptPath: join(outdir, "stdin.js"),
    compatibilityDate: "2025-01-01",
  });
  t.after(() => worker.dispose());
  return async (path, token) => {
    const response = await worker.dispatchFetch(`http://worker/${path}`, { headers: { token } });
    return response.text();
  };
}

const token = (key, claims = {}) => key.sign({ exp: expiry, ...claims });
const many = (count, make) => Promise.all(Array.from({ length: count }, make));
const slow = (keys) => (response) => setTimeout(() => response.end(JSON.stringify({ keys })), 200);

test("no fetch before a request that needs one; then what was fetched is for all", async (t) => {
  for (const name of ["awaited", "promised"]) {
    origin.reset({ [JWKS]: { keys: [one.jwk] } });
    const ask = start(t);
    assert.equal(await ask(`${name}/verify`, token(one)), "keys_unavailable");
    assert.equal(await ask(`${name}/verifySignature`, token(one)), "keys_unavailable");
    assert.deepEqual(origin.requests, []);
    assert.equal(await ask(`${name}/verifyAsync`, token(one)), "good");
    assert.deepEqual(origin.requests, [JWKS]);
    assert.equal(await ask(`${name}/verify`, token(one)), "good");
    assert.equal(await ask(`${name}/verifyAsync`, token(two)), "unknown_key");
    assert.deepEqual(origin.requests, [JWKS], "the cool-down holds");
  }
});

test("an issuer is asked within the first request", async (t) => {
  origin.reset({ [METADATA]: { issuer: origin.base, jwks_uri: origin.base + JWKS }, [JWKS]: { keys: [one.jwk] } });
  const ask = start(t);
  assert.equal(await ask("issuer/verifyAsync", token(one, { iss: origin.base })), "good");
  assert.equal(await ask("issuer/verify", token(one, { iss: "https://example.com" })), "wrong_issuer");
  assert.deepEqual(origin.requests, [METADATA, JWKS]);
});

test("requests at the same time fetch each for itself while there is nothing", async (t) => {
  origin.reset({ [JWKS]: slow([one.jwk]) });
  const ask = start(t);
  const verdicts = await many(10, () => ask("awaited/verifyAsync", token(one)));
  assert.deepEqual(new Set(verdicts), new Set(["good"]));
  assert.ok(origin.requests.length > 1, "a fetch is not shared");
  const { length } = origin.requests;
  await many(10, () => ask("awaited/verifyAsync", token(one)));
  assert.equal(origin.requests.length, length);
});

test("one request fetches for an unknown kid, and the others wait for it", async (t) => {
  origin.reset({ [JWKS]: { keys: [one.jwk] } });
  const ask = start(t);
  assert.equal(await ask("awaited/verifyAsync", token(one)), "good");
  origin.answers[JWKS] = slow([one.jwk, two.jwk]);
  const verdicts = await many(10, () => ask("awaited/verifyAsync/31", token(two)));
  assert.deepEqual(new Set(verdicts), new Set(["good"]));
  assert.equal(origin.requests.length, 2);
  const stale = await many(10, () => ask("awaited/verifyAsync/700", token(one)));
  assert.deepEqual(new Set(stale), new Set(["good"]));
  assert.equal(origin.requests.length, 3);
});

test("a request that is gone takes no other one with it", async (t) => {
  let answerFirst;
  origin.reset({
    [JWKS]: (response) => {
      answerFirst = () => response.end(JSON.stringify({ keys: [one.jwk] }));
      origin.answers[JWKS] = { keys: [one.jwk] };
    },
  });
  const ask = start(t);
  const first = ask("awaited/verifyAsync", token(one));
  while (answerFirst === undefined) {
    await new Promise((again) => setTimeout(again, 5));
  }
  assert.equal(await ask("awaited/verifyAsync", token(one)), "good", "does not wait for the first");
  answerFirst();
  assert.equal(await first, "good");
});

test("a status list is fetched within a request, and then is for all", async (t) => {
  const list = "/lists/1";
  const uri = origin.base + list;
  const publish = (bytes) => (response) => {
    const claims = { sub: uri, iat: expiry - 3600, ttl: 60, status_list: { bits: 1, lst: lst(bytes) } };
    setTimeout(() => response.end(one.sign(claims, { typ: "statuslist+jwt" })), 200);
  };
  const at = (idx) => token(one, { status: { status_list: { idx, uri } } });
  origin.reset({ [JWKS]: { keys: [one.jwk] }, [list]: publish([0b10]) });
  const ask = start(t);
  const verdicts = await many(10, (_, index) => ask("status/verifyAsync", at(index % 2)));
  assert.deepEqual(verdicts, Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? "good" : "revoked")));
  assert.equal(await ask("status/verify", at(0)), "good");
  assert.equal(await ask("status/verify", at(1)), "revoked");
  const { length } = origin.requests;
  origin.answers[list] = publish([0b01]);
  const later = await many(10, () => ask("status/verifyAsync/60", at(0)));
  assert.deepEqual(new Set(later), new Set(["revoked"]));
  assert.equal(origin.requests.length, length + 1, "once the list is held, one fetches for the others");
});

test("a server that takes too long is given up", async (t) => {
  const silent = () => {};
  const halfway = (response) => response.write('{"keys":[');
  origin.reset({ [JWKS]: (response) => [silent, halfway][origin.count(JWKS) % 2](response) });
  const ask = start(t);
  const verdicts = await many(4, () => ask("awaited/verifyAsync", token(one)));
  assert.deepEqual(new Set(verdicts), new Set(["keys_unavailable"]));
  assert.equal(origin.requests.length, 4);
});

test("a server that is down is not asked by every request", async (t) => {
  origin.reset({ [JWKS]: (response) => response.writeHead(503).end() });
  const ask = start(t);
  for (let round = 0; round < 5; round += 1) {
    assert.equal(await ask("awaited/verifyAsync", token(one)), "keys_unavailable");
  }
  assert.ok(origin.requests.length < 3, `${origin.requests.length} fetches`);
});
