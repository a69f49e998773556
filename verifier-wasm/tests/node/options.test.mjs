// What is misspelt or of the wrong type is a TypeError that names it, and never
// a check that is silently off.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createVerifier } from "./package.mjs";
import { SECRET } from "./tokens.mjs";

test("wrong options", async () => {
  for (const [options, name] of [
    [{ audiences: "x" }, "audiences"],
    [{ Issuer: "x" }, "Issuer"],
    [{ algorithms: [] }, "algorithms"],
    [{ algorithms: "HS256" }, "algorithms"],
    [{ algorithms: ["none"] }, "algorithms"],
    [{ algorithms: ["hs256"] }, "algorithms"],
    [{ issuer: ["x"] }, "issuer"],
    [{ issuer: "" }, "issuer"],
    [{ issuer: null }, "issuer"],
    [{ audience: [] }, "audience"],
    [{ audience: [1] }, "audience"],
    [{ typ: 1 }, "typ"],
    [{ typ: "" }, "typ"],
    [{ clockTolerance: -1 }, "clockTolerance"],
    [{ clockTolerance: "5s" }, "clockTolerance"],
    [{ clockTolerance: Number.NaN }, "clockTolerance"],
    [{ clockTolerance: Number.POSITIVE_INFINITY }, "clockTolerance"],
    [{ maxTokenAge: "1h" }, "maxTokenAge"],
    [{ requiredClaims: "sub" }, "requiredClaims"],
    [{ requiredClaims: [1] }, "requiredClaims"],
    [{ maxTokenLength: 0 }, "maxTokenLength"],
    [{ maxTokenLength: 1.5 }, "maxTokenLength"],
    [{ allowNoExpiry: "yes" }, "allowNoExpiry"],
    [{ cache: -1 }, "cache"],
    [{ cache: 1.5 }, "cache"],
    [{ cache: 1_000_001 }, "cache"],
    [{ cache: true }, "cache"],
    [{ statusList: "closed" }, "statusList"],
    [{ statusList: true }, "statusList"],
    [{ statusList: null }, "statusList"],
  ]) {
    await assert.rejects(
      createVerifier({ secret: SECRET }, options),
      (error) => error instanceof TypeError && error.message.includes(`\`${name}\``),
      JSON.stringify(options),
    );
  }
  class Settings {
    get issuer() {
      return "us";
    }
  }
  for (const options of [null, 1, "x", [], new Settings(), Object.create({ issuer: "us" })]) {
    await assert.rejects(createVerifier({ secret: SECRET }, options), TypeError);
  }
});

test("a key set that cannot be written as JSON", async () => {
  const cycle = { keys: [] };
  cycle.keys.push(cycle);
  const deep = { keys: [] };
  for (let depth = 0, inner = deep.keys; depth < 100_000; depth += 1) {
    inner.push([]);
    inner = inner[0];
  }
  for (const [name, jwks] of Object.entries({ cycle, deep, bigint: { keys: [1n] } })) {
    await assert.rejects(
      createVerifier({ jwks }),
      (error) => error instanceof TypeError && error.message.includes("`jwks`") && error.cause !== undefined,
      name,
    );
  }
});

test("an option that is undefined is not given", async () => {
  await createVerifier({ secret: SECRET, jwks: undefined }, { issuer: undefined, typ: undefined, cache: 0 });
  await createVerifier({ secret: SECRET }, undefined);
});

test("wrong keys", async () => {
  for (const keys of [
    undefined,
    null,
    "secret",
    {},
    { key: SECRET },
    { secret: SECRET, jwks: { keys: [] } },
    { secret: 7 },
    { secret: null },
    { jwks: null },
    { jwks: '{"keys":[]}' },
    { jwksUri: 7 },
    { jwksUri: "not a URL" },
    { jwksUri: "http://auth.example.com/jwks.json" },
    { jwksUri: "ftp://127.0.0.1/jwks.json" },
    { jwksUri: "file:///etc/passwd" },
    { jwksUri: "data:application/json,{}" },
    { jwksUri: "https://user:password@auth.example.com/jwks.json" },
    { issuer: "http://auth.example.com" },
    { issuer: "https://auth.example.com/?a" },
    { issuer: "https://auth.example.com/#a" },
  ]) {
    await assert.rejects(createVerifier(keys), TypeError, JSON.stringify(keys));
  }
});
