import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { deno } from "../support/programs.mjs";
import { installExample, startExample } from "./example.mjs";
import { mustFollowStatus, mustGuard, mustRefuseSignedOut } from "./guard.mjs";
import { AUDIENCE, startIssuer } from "./issuer.mjs";

test("the Deno server lets in who has a good token", async (t) => {
  const issuer = await startIssuer(t);
  const cwd = await installExample(t, "deno");
  // With the permissions of its own task, and none beyond.
  const { tasks } = JSON.parse(await readFile(join(cwd, "deno.json"), "utf8"));
  const [, ...options] = tasks.start.split(" ");
  const env = { ISSUER: issuer.origin, AUDIENCE, PORT: "0", NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  const origin = await startExample(t, [deno(), ...options], { cwd, env });
  const get = (headers) => fetch(`${origin}/me`, { headers });
  await mustRefuseSignedOut(issuer, get);
  await mustGuard(issuer, get);
  await mustFollowStatus(t, issuer, get);
});
