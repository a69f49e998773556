//! The password policy, applied to passwords that somebody wants to set.
//!
//! The rules themselves are those of `latchkey_verifier`, which a browser loads as
//! WebAssembly: both give the same verdict.

use std::sync::Arc;

use latchkey_verifier::policy::Context;
use latchkey_verifier::policy::PasswordPolicy;

use super::clock::Timestamp;
use super::error::Violation;
use super::password::Password;

/// Judges new passwords.
#[derive(Clone, Debug)]
pub struct PasswordRules {
    policy: Arc<PasswordPolicy>,
}

/// A password that the policy has accepted: the only kind that is ever set.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The password itself, to be hashed.
    #[must_use]
    pub fn into_inner(self) -> Password {
        self.0
    }
}

impl PasswordRules {
    /// Judges by `policy`.
    #[must_use]
    pub fn new(policy: PasswordPolicy) -> Self {
        Self {
            policy: Arc::new(policy),
        }
    }

    /// The policy, as the API serves it.
    #[must_use]
    pub fn policy(&self) -> &PasswordPolicy {
        &self.policy
    }

    /// Accepts `password` for the owner of `email` and `name`, as far as they are known.
    ///
    /// # Errors
    ///
    /// Every rule that it breaks, each as a violation of `field`.
    pub fn accept(
        &self,
        field: &'static str,
        password: Password,
        email: Option<&str>,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<NewPassword, Vec<Violation>> {
        let context = Context {
            email: email.unwrap_or_default(),
            name: name.unwrap_or_default(),
        };
        let violations = self
            .policy
            .violations(password.as_str(), &context, now.year());
        if violations.is_empty() {
            return Ok(NewPassword(password));
        }
        Err(violations
            .into_iter()
            .map(|violation| Violation {
                field,
                code: violation.code.as_str(),
                message: violation.message,
            })
            .collect())
    }
}
