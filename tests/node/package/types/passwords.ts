// Compiled, never run: every member of `latchkey-verifier/passwords`.
import {
  PasswordPolicy,
  type PasswordCheckOptions,
  type PasswordContext,
  type PasswordPolicyOptions,
  type PasswordRequirement,
  type PasswordVerdict,
  type PasswordViolation,
  type PasswordViolationCode,
} from "latchkey-verifier/passwords";

// All of them: a member that is added has to be written here, too.
const every: Required<PasswordPolicyOptions> = {
  min_length: 8,
  max_length: 256,
  require: ["upper", "lower", "digit", "symbol"] satisfies PasswordRequirement[],
  min_score: 3,
  forbid_common: true,
  forbid_context: true,
  context_words: ["acme"],
};
const context: Required<PasswordContext> = { email: null, name: "Ada Lovelace" };
const options: Required<PasswordCheckOptions> = { currentDate: new Date() };

export async function use(response: { json(): Promise<any> }): Promise<string[]> {
  const policies = [new PasswordPolicy(), new PasswordPolicy(every), new PasswordPolicy("{}")];
  const served = new PasswordPolicy(await response.json());
  served.check("…", null);
  served.check("…", undefined, options);
  const verdict: PasswordVerdict = policies[0]!.check("…", context);
  const score: 0 | 1 | 2 | 3 | 4 = verdict.score;
  const strength: number = score + verdict.guesses_log10;
  const violations: PasswordViolation[] = verdict.violations;
  return verdict.ok ? verdict.suggestions : violations.map(({ code, message }) => `${code} ${message} ${strength}`);
}

/** Every code, and no other: this does not compile when one is missing. */
export const texts: Record<PasswordViolationCode, string> = {
  too_short: "",
  too_long: "",
  missing_upper: "",
  missing_lower: "",
  missing_digit: "",
  missing_symbol: "",
  too_common: "",
  contains_context: "",
  too_weak: "",
};

export function wrong(policy: PasswordPolicy): void {
  // @ts-expect-error: a score ends at 4
  new PasswordPolicy({ min_score: 5 });
  // @ts-expect-error: misspelt
  new PasswordPolicy({ minLength: 8 });
  // @ts-expect-error: not a requirement
  new PasswordPolicy({ require: ["vowel"] });
  // @ts-expect-error: not a policy
  new PasswordPolicy(null);
  // @ts-expect-error: a password is a string
  policy.check(7);
  // @ts-expect-error: an address is a string
  policy.check("…", { email: 7 });
  // @ts-expect-error: misspelt
  policy.check("…", { mail: "ada@example.com" });
  // @ts-expect-error: a verdict is no promise
  policy.check("…").then();
}
