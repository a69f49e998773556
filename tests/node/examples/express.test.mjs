import assert from "node:assert/strict";
import { test } from "node:test";

import { installExample, startExample } from "./example.mjs";
import { mustFollowStatus, mustGuard, mustRefuseSignedOut } from "./guard.mjs";
import { AUDIENCE, startIssuer } from "./issuer.mjs";

test("the Express middleware lets in who has a good token", async (t) => {
  const issuer = await startIssuer(t);
  const cwd = await installExample(t, "express", ["express"]);
  const env = { ISSUER: issuer.origin, AUDIENCE, PORT: "0" };
  const origin = await startExample(t, [process.execPath, "server.js"], { cwd, env });
  const get = (headers) => fetch(`${origin}/me`, { headers });
  await mustRefuseSignedOut(issuer, get);
  await mustGuard(issuer, get);
  await mustFollowStatus(t, issuer, get);
});

test("it does not start without its issuer", async (t) => {
  const cwd = await installExample(t, "express", ["express"]);
  const env = { ISSUER: "http://127.0.0.1:1", PORT: "0" };
  await assert.rejects(startExample(t, [process.execPath, "server.js"], { cwd, env }), /keys_unavailable/);
});
