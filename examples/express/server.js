// An Express application that trusts the access tokens of a Latchkey server.
import express from "express";
import { createVerifier } from "latchkey-verifier";

import { authenticate } from "./authenticate.js";

const {
  ISSUER = "http://127.0.0.1:8000",
  AUDIENCE = "https://api.example.com",
  PORT = "3000",
} = process.env;

// Ready before the first request: a wrong issuer is noticed at start.
const verifier = await createVerifier(
  { issuer: ISSUER },
  {
    // Named, so that a token for another service, or signed in another way, is refused.
    algorithms: ["EdDSA"],
    audience: AUDIENCE,
    // Who has signed out is out here as well.
    statusList: "fail-closed",
  },
);

const app = express();
app.disable("x-powered-by");

app.get("/me", authenticate(verifier), (request, response) => {
  response.json({ user_id: request.auth.sub });
});

const server = app.listen(Number(PORT), "127.0.0.1", (error) => {
  if (error) {
    throw error;
  }
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
