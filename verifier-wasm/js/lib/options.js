// Reads what a caller passes. Everything wrong is a TypeError that names the
// option: an option that is misspelt or of the wrong type must never turn a
// check off in silence.

const ALGORITHMS = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "EdDSA", "Ed25519"];

/** What is wrong with an option, or undefined. */
const readers = {
  algorithms: (value) =>
    isListOf(value, (name) => ALGORITHMS.includes(name)) ? undefined : `must be a list of ${ALGORITHMS.join(", ")}`,
  issuer: (value) => (isText(value) ? undefined : "must be a string"),
  audience: (value) => (isText(value) || isListOf(value, isText) ? undefined : "must be a string or a list of strings"),
  typ: (value) => (value === null || isText(value) ? undefined : "must be a string, or null to turn the check off"),
  clockTolerance: (value) => (isSeconds(value) ? undefined : "must be a number of seconds"),
  maxTokenAge: (value) => (isSeconds(value) ? undefined : "must be a number of seconds"),
  requiredClaims: (value) =>
    Array.isArray(value) && value.every(isText) ? undefined : "must be a list of names of claims",
  maxTokenLength: (value) =>
    Number.isInteger(value) && value > 0 && value <= 0x7fffffff ? undefined : "must be a number of characters",
  allowNoExpiry: (value) => (typeof value === "boolean" ? undefined : "must be true or false"),
  cache: (value) =>
    Number.isInteger(value) && value >= 0 && value <= 1_000_000
      ? undefined
      : "must be a number of tokens up to 1000000, or 0 to turn it off",
  statusList: (value) =>
    value === "fail-closed" || value === "fail-open" ? undefined : 'must be "fail-closed" or "fail-open"',
};

/** The options as WebAssembly takes them, `cache` and `statusList`, with the defaults filled in. */
export function readOptions(options) {
  const given = readMembers(options, "options", Object.keys(readers));
  for (const [name, value] of Object.entries(given)) {
    const problem = readers[name](value);
    if (problem !== undefined) {
      throw new TypeError(`\`${name}\` ${problem}`);
    }
  }
  const { audience, typ = "at+jwt" } = given;
  return {
    algorithms: given.algorithms,
    issuer: given.issuer,
    audience: typeof audience === "string" ? [audience] : audience,
    typ,
    clockTolerance: given.clockTolerance ?? 0,
    maxTokenAge: given.maxTokenAge,
    requiredClaims: given.requiredClaims ?? [],
    maxTokenLength: given.maxTokenLength ?? 16384,
    allowNoExpiry: given.allowNoExpiry ?? false,
    cache: given.cache ?? 1000,
    statusList: given.statusList,
  };
}

/** The moment to judge by, in seconds since 1970. */
export function readNow(options) {
  if (options === undefined) {
    return Date.now() / 1000;
  }
  const { currentDate = new Date() } = readMembers(options, "options", ["currentDate"]);
  if (tagOf(currentDate) !== "Date" || Number.isNaN(currentDate.getTime())) {
    throw new TypeError("`currentDate` must be a valid Date");
  }
  return currentDate.getTime() / 1000;
}

/**
 * The members of an object that are not undefined, all of them known. Only a
 * plain object will do: what others inherit would be overlooked.
 */
export function readMembers(object, what, known) {
  if (object === undefined) {
    return {};
  }
  if (!isPlain(object)) {
    throw new TypeError(`the ${what} must be a plain object`);
  }
  const members = Object.entries(object).filter(([, value]) => value !== undefined);
  for (const [name] of members) {
    if (!known.includes(name)) {
      throw new TypeError(`the ${what} have no \`${name}\`; known are ${known.join(", ")}`);
    }
  }
  return Object.fromEntries(members);
}

/** What kind of built-in object this is, whichever realm it comes from. */
export function tagOf(value) {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function isPlain(value) {
  if (value === null || typeof value !== "object") {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isText(value) {
  return typeof value === "string" && value !== "";
}

function isListOf(value, isItem) {
  return Array.isArray(value) && value.length > 0 && value.every(isItem);
}

function isSeconds(value) {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
