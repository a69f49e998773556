// What the suite asserts with: it runs where there is no `node:assert`.

/** The checks of one run, counted by their group: no runtime may make fewer. */
export class Checks {
  counts = {};
  failures = [];
  #group;
  #VerifierError;

  constructor(VerifierError) {
    this.#VerifierError = VerifierError;
  }

  /** Runs a part of the suite; an exception in it is a failure. */
  async group(name, part) {
    this.#group = name;
    this.counts[name] = 0;
    try {
      await part();
    } catch (error) {
      this.failures.push(`${name}: ${error?.stack ?? error}`);
    }
  }

  /** Whether two values are the same, member by member and in the same order. */
  equal(actual, expected, what) {
    this.counts[this.#group] += 1;
    const [is, should] = [shown(actual), shown(expected)];
    if (is !== should) {
      this.failures.push(`${this.#group}: ${what}: ${is} instead of ${should}`);
    }
  }

  ok(condition, what) {
    this.equal(condition, true, what);
  }

  /** Whether `call` throws, or rejects with, a TypeError whose message contains `text`. */
  async typeError(call, text, what) {
    const error = await caught(call);
    this.equal([error instanceof TypeError, error?.message?.includes(text)], [true, true], `${what}: ${error}`);
  }

  /** The code of a refusal, `good`, or what else was thrown. */
  async verdict(call) {
    const error = await caught(call);
    if (error === undefined) {
      return "good";
    }
    return error instanceof this.#VerifierError ? error.code : `${error}`;
  }
}

/** What a call throws, or its promise rejects with. */
export async function caught(call) {
  try {
    await call();
    return undefined;
  } catch (error) {
    return error;
  }
}

function shown(value) {
  const text = (_, member) => {
    if (member instanceof Uint8Array) {
      return { bytes: [...member] };
    }
    // JSON has none of these, and they are not the same.
    return member === undefined || Number.isNaN(member) ? `<${member}>` : member;
  };
  return JSON.stringify(value, text) ?? `${value}`;
}
