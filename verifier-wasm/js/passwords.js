// Browsers: ready when the import is.
import { compileFrom } from "./lib/browser.js";
import { initialize } from "./lib/policy.js";

export { PasswordPolicy } from "./lib/policy.js";

initialize(await compileFrom(new URL("./wasm/passwords_bg.wasm", import.meta.url)));
