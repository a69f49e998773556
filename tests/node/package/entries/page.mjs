// A browser's page: the report stays in the page, for the driver to fetch.
import { createVerifier, VerifierError } from "latchkey-verifier";
import { PasswordPolicy } from "latchkey-verifier/passwords";

import data from "./data.mjs";
import { run } from "./suite/run.mjs";

globalThis.report = run({ createVerifier, VerifierError, PasswordPolicy }, { ...data, origin: location.origin });
