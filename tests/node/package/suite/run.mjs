// The suite that every runtime runs. No module of it imports anything but its like:
// what it tests, and the data, are arguments.
import { Checks } from "./check.mjs";
import { passwords } from "./passwords.mjs";
import { remote } from "./remote.mjs";
import { status } from "./status.mjs";
import { tokens } from "./tokens.mjs";
import { vectors } from "./vectors.mjs";

/**
 * @param {{ createVerifier, VerifierError, PasswordPolicy }} api what the package exports
 * @param {{ origin: string, vectors: object, lists: object, passwords: object[] }} data the test
 *   server, and the data files
 * @returns {Promise<{ counts: Record<string, number>, failures: string[] }>}
 */
export async function run(api, data) {
  const checks = new Checks(api.VerifierError);
  await vectors(checks, api, data.vectors);
  await tokens(checks, api);
  await remote(checks, api, data.origin);
  await status(checks, api, data.origin, data.lists);
  await passwords(checks, api, data.passwords);
  return { counts: checks.counts, failures: checks.failures };
}
