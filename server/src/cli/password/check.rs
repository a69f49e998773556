//! `latchkey password check`.

use std::fmt::Write as _;

use anyhow::bail;
use clap::Args;
use latchkey_verifier::policy::{self, Verdict};

use crate::cli::secret_input::read_password;
use crate::cli::{Context, output};
use crate::domain::clock::{Clock as _, SystemClock};

/// Judges the password on standard input, or from a prompt. Exits with 1 when
/// the policy refuses it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The e-mail address of its owner, of which it must not consist
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "",
        hide_default_value = true
    )]
    email: String,
    /// The name of its owner, of which it must not consist
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self, cx: &Context) -> anyhow::Result<()> {
        let policy = cx.load()?.config.passwords.policy.policy();
        let password = read_password("Password")?;
        let owner = policy::Context {
            email: &self.email,
            name: &self.name,
        };
        let verdict = policy.check(password.as_str(), &owner, SystemClock.now().year());
        if self.json {
            output::json(&verdict)?;
        } else {
            output::raw(&render(&verdict))?;
        }
        if !verdict.ok {
            bail!("the policy refuses this password");
        }
        Ok(())
    }
}

fn render(verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:16}  {value}");
    };
    row("verdict", if verdict.ok { "taken" } else { "refused" });
    let (score, guesses) = (u8::from(verdict.score), verdict.guesses_log10);
    row(
        "strength",
        &format!("{score} of 4, about 10^{guesses:.1} guesses"),
    );
    for violation in &verdict.violations {
        row(violation.code.as_str(), &violation.message);
    }
    for suggestion in &verdict.suggestions {
        row("suggestion", suggestion);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use latchkey_verifier::policy::PasswordPolicy;

    #[test]
    fn a_verdict_is_a_few_aligned_lines() {
        let judge = |password: &str| {
            render(&PasswordPolicy::default().check(password, &policy::Context::default(), 2026))
        };
        assert_eq!(
            judge("Latchkey1"),
            "verdict           refused\n\
             strength          1 of 4, about 10^4.0 guesses\n\
             contains_context  Add words of your own. This is little more than your name, your e-mail address or the name of this service.\n\
             suggestion        Add another word or two, the less common the better.\n\
             suggestion        A capital letter at the beginning does not help much.\n"
        );
        assert!(
            judge("Vexingly quick 9 zebras")
                .starts_with("verdict           taken\nstrength          4 of 4")
        );
    }
}
