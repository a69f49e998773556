import { initSync, PasswordPolicy as InnerPolicy } from "../wasm/passwords.js";
import { readMembers, readNow } from "./options.js";

/** Puts the compiled module in place; the entry point does it, once. */
export function initialize(module) {
  initSync({ module });
}

/** The rules that a new password must obey: the same code as on the server. */
export class PasswordPolicy {
  #inner;

  constructor(policy = {}) {
    const object = typeof policy === "string" ? parse(policy) : policy;
    if (object === null || typeof object !== "object" || Array.isArray(object)) {
      throw new TypeError("the policy must be an object or its JSON");
    }
    try {
      this.#inner = new InnerPolicy(JSON.stringify(object));
    } catch (thrown) {
      // What does not read as a policy arrives as a string.
      throw typeof thrown === "string" ? new TypeError(thrown) : thrown;
    }
  }

  check(password, context, options) {
    if (typeof password !== "string") {
      throw new TypeError("the password must be a string");
    }
    const { email, name } = readMembers(context ?? undefined, "members of the context", ["email", "name"]);
    const year = new Date(1000 * readNow(options)).getUTCFullYear();
    return JSON.parse(this.#inner.check(password, readText(email, "email"), readText(name, "name"), year));
  }
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new TypeError("the policy is not JSON", { cause });
  }
}

/** A form may not have been filled in yet. */
function readText(value, member) {
  if (value !== undefined && value !== null && typeof value !== "string") {
    throw new TypeError(`\`${member}\` must be a string`);
  }
  return value ?? "";
}
