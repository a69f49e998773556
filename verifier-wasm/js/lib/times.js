/**
 * Whether claims hold at `now`, by the checks of src/claims.rs. All in seconds;
 * a comparison with what is absent is false.
 */
export function isTimely({ exp, nbf, iat }, now, { clockTolerance, ahead = clockTolerance, maxTokenAge }) {
  const isEarly = nbf > now + ahead || iat > now + ahead;
  const isLate = exp + clockTolerance <= now || iat + maxTokenAge + clockTolerance < now;
  return !isEarly && !isLate;
}
