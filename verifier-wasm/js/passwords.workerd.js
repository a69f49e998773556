// Cloudflare Workers: no compiling at run time, the module is imported.
import { initialize } from "./lib/policy.js";
import module from "./wasm/passwords_bg.wasm";

export { PasswordPolicy } from "./lib/policy.js";

initialize(module);
