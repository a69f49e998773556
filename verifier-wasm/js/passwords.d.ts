export type PasswordRequirement = "upper" | "lower" | "digit" | "symbol";

/** What the server answers at `/api/v1/password-policy`. */
export interface PasswordPolicyOptions {
  /** In code points, after NFC. */
  min_length?: number;
  /** In code points, after NFC. */
  max_length?: number;
  require?: readonly PasswordRequirement[];
  min_score?: 0 | 1 | 2 | 3 | 4;
  /** Refuse common passwords. */
  forbid_common?: boolean;
  /** Refuse passwords made of the user's or the service's name. */
  forbid_context?: boolean;
  /** The service's names. */
  context_words?: readonly string[];
}

/** Who chooses the password. */
export interface PasswordContext {
  email?: string | null;
  name?: string | null;
}

export interface PasswordCheckOptions {
  /** Judges as of another moment: recent years are easier to guess. */
  currentDate?: Date;
}

export type PasswordViolationCode =
  | "too_short"
  | "too_long"
  | "missing_upper"
  | "missing_lower"
  | "missing_digit"
  | "missing_symbol"
  | "too_common"
  | "contains_context"
  | "too_weak";

export interface PasswordViolation {
  /** What is wrong. Stable: decide by this. */
  code: PasswordViolationCode;
  /** What is wrong, for people. */
  message: string;
}

export interface PasswordVerdict {
  /** Whether the password is accepted: there are no violations. */
  ok: boolean;
  /** How strong it is, from 0 (guessed at once) to 4. */
  score: 0 | 1 | 2 | 3 | 4;
  /** The logarithm of the number of guesses it takes. */
  guesses_log10: number;
  violations: PasswordViolation[];
  /** How to choose a better one, for people. */
  suggestions: string[];
}

/** The rules that a new password must obey. Ready when the module is imported. */
export class PasswordPolicy {
  /** The policy or its JSON. Members left out take the default. */
  constructor(policy?: PasswordPolicyOptions | string);
  check(password: string, context?: PasswordContext | null, options?: PasswordCheckOptions): PasswordVerdict;
}
