// A logout at our own server, seen by a verifier that never asks about a token: in Node
// and in workerd.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { createVerifier, verdictOf } from "../../../verifier-wasm/tests/node/package.mjs";
import { startLatchkey } from "../support/latchkey.mjs";
import { projectWithPackage } from "../support/package.mjs";
import { bundleWorker, startWorker } from "../support/worker.mjs";

/** The `ttl` of the server's lists. */
const TTL = 60_000;

/** Asks a new verifier, or one that is as old as its Worker, some seconds later. */
const WORKER = `
  import { createVerifier } from "latchkey-verifier";
  const make = (issuer) => createVerifier({ issuer }, { statusList: "fail-closed" });
  const held = new Map();
  const { now } = Date;
  export default {
    async fetch(request) {
      const { issuer, token, later = 0, fresh = false } = await request.json();
      Date.now = () => now() + later;
      if (fresh || !held.has(issuer)) {
        held.set(issuer, await make(issuer));
      }
      try {
        await held.get(issuer).verifyAsync(token);
        return new Response("good");
      } catch (error) {
        return new Response(error.code ?? error.stack);
      }
    },
  };`;

async function post(server, path, { token, ...body }) {
  const response = await fetch(`${server.origin}/api/v1/users/${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

/** The tokens of somebody who has just signed up. */
function signUp(server, name) {
  const person = { name: `${name} Example`, email: `${name}@example.com`, password: "Correct-Horse-7" };
  return post(server, "signup", person);
}

/** What each way to end a session comes to for a verifier, which `ask` stands for. */
async function endingsAreSeen(server, ask, name) {
  const stays = await signUp(server, `${name}stays`);
  const leaves = await signUp(server, `${name}leaves`);
  assert.equal(await ask(leaves.access_token), "good");
  await post(server, "logout", { token: leaves.access_token });

  // What is held is good for its ttl, and no longer.
  assert.equal(await ask(leaves.access_token), "good");
  assert.equal(await ask(leaves.access_token, { later: TTL + 1000 }), "revoked");
  assert.equal(await ask(leaves.access_token, { fresh: true }), "revoked");
  assert.equal(await ask(stays.access_token), "good");

  const next = await post(server, "refresh", { token: stays.refresh_token });
  assert.equal(await ask(next.access_token), "good");
  await server.run("user", "disable", `${name}stays@example.com`);
  for (const token of [stays.access_token, next.access_token]) {
    assert.equal(await ask(token, { fresh: true }), "revoked");
  }
}

test("item 45: in Node, under a key pair and under a shared secret", async (t) => {
  const secret = "3f6c0a9d5e7b4821964dc0ffb1a27e85";
  for (const [name, env, keys] of [
    ["pair", {}, ({ origin }) => ({ issuer: origin })],
    ["shared", { JWT_SECRET_KEY: secret }, () => ({ secret })],
  ]) {
    const server = await startLatchkey(t, { env });
    const make = () => createVerifier(keys(server), { statusList: "fail-closed" });
    let verifier = await make();
    const { now } = Date;
    t.after(() => (Date.now = now));
    const ask = async (token, { later = 0, fresh = false } = {}) => {
      if (fresh) {
        verifier = await make();
      }
      Date.now = () => now() + later;
      const verdict = await verdictOf(verifier.verifyAsync(token));
      Date.now = now;
      return verdict;
    };
    await endingsAreSeen(server, ask, name);
  }
});

test("item 45: in workerd", async (t) => {
  const server = await startLatchkey(t);
  const { folder } = await projectWithPackage(t);
  await writeFile(join(folder, "logout.mjs"), WORKER);
  const worker = await startWorker(t, await bundleWorker(folder, "logout.mjs"));
  const ask = async (token, how) => {
    const body = JSON.stringify({ issuer: server.origin, token, ...how });
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
    return response.text();
  };
  await endingsAreSeen(server, ask, "edge");
});
