// better-auth as its documentation sets it up: e-mail and password, sessions in PostgreSQL.
//
// Configured by the environment: DATABASE_URL, PORT and JWT_SECRET_KEY.

import { createServer } from "node:http";

import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { Pool } from "pg";

const { DATABASE_URL, PORT, JWT_SECRET_KEY } = process.env;

const options = {
  baseURL: `http://localhost:${PORT}`,
  secret: JWT_SECRET_KEY,
  database: new Pool({ connectionString: DATABASE_URL }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
};

const { runMigrations } = await getMigrations(options);
await runMigrations();

const handle = toNodeHandler(betterAuth(options));
createServer({ keepAliveTimeout: 60_000 }, handle).listen(Number(PORT), "127.0.0.1");
