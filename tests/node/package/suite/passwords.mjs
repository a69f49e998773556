// The password policy: its verdicts are those of the native code, in golden.json.
export async function passwords(checks, { PasswordPolicy }, golden) {
  const codes = (verdict) => verdict.violations.map(({ code }) => code);

  await checks.group("verdicts on passwords", async () => {
    for (const { policy, password, email, name, year, verdict } of golden) {
      const currentDate = new Date(Date.UTC(year, 6));
      for (const form of [policy, JSON.stringify(policy)]) {
        const judged = new PasswordPolicy(form).check(password, { email, name }, { currentDate });
        checks.equal(judged, verdict, JSON.stringify([policy, password, name, year]));
      }
    }
  });

  await checks.group("the policy's arguments", async () => {
    const policy = new PasswordPolicy();
    const verdict = policy.check("zq7");
    const members = ["guesses_log10", "ok", "score", "suggestions", "violations"];
    checks.equal(Object.keys(verdict).sort(), members, "a verdict");
    checks.equal([verdict.ok, codes(verdict)], [false, ["too_short", "missing_upper"]], "the default policy");
    checks.ok(
      verdict.violations.every(({ message }) => message.length > 0),
      "messages",
    );
    const context = { email: "ada@example.com", name: "Ada Lovelace" };
    checks.equal(codes(policy.check("Lovelace1815", context)), ["contains_context"], "a context");
    for (const context of [undefined, null, {}, { email: null, name: undefined }, { email: "" }]) {
      checks.equal(codes(policy.check("Lovelace1815", context)), [], JSON.stringify(context));
    }
    const inYear = (year) => policy.check("1971", {}, { currentDate: new Date(Date.UTC(year, 0)) });
    checks.ok(inYear(1980).guesses_log10 < inYear(2026).guesses_log10, "a year is as easy to guess as it is near");
    checks.equal(policy.check("1971"), inYear(new Date().getUTCFullYear()), "the date is now");

    for (const wrong of [null, 7, "", "[]", "{", { min_length: "8" }, { require: ["vowel"] }, { min_score: 5 }]) {
      await checks.typeError(() => new PasswordPolicy(wrong), "", JSON.stringify(wrong));
    }
    await checks.typeError(() => policy.check(7), "password", "not a password");
    await checks.typeError(() => policy.check("x", { email: 7 }), "`email`", "not an address");
    await checks.typeError(() => policy.check("x", {}, { currentDate: 2026 }), "`currentDate`", "not a date");
    for (const password of ["", "\u0000", "\ud800", "x".repeat(1 << 20), "🔑".repeat(10_000)]) {
      checks.ok(!policy.check(password).ok, "an absurd password");
      checks.ok(policy.check("Tr0mbone-Gletscher").ok, "and the policy works on");
    }
  });
}
