//! What the policy asks of a password, in one sentence beside the field.

use latchkey_verifier::policy::{PasswordPolicy, Requirement};

/// For example "At least 8 characters, with an upper-case letter and a digit."
pub(crate) fn password_hint(policy: &PasswordPolicy) -> String {
    let kinds: Vec<&str> = policy.requirements().iter().map(kind).collect();
    let with = match kinds.as_slice() {
        [] => String::new(),
        [only] => format!(", with {only}"),
        [others @ .., last] => format!(", with {} and {last}", others.join(", ")),
    };
    format!("At least {} characters{with}.", policy.min_length())
}

fn kind(requirement: &Requirement) -> &'static str {
    match requirement {
        Requirement::Upper => "an upper-case letter",
        Requirement::Lower => "a lower-case letter",
        Requirement::Digit => "a digit",
        Requirement::Symbol => "a symbol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_policy_says() {
        assert_eq!(
            password_hint(&PasswordPolicy::default()),
            "At least 8 characters, with an upper-case letter, a lower-case letter and a digit."
        );
        assert_eq!(
            password_hint(&PasswordPolicy::nist()),
            "At least 15 characters."
        );
    }
}
