//! `latchkey-verifier/passwords`: the password policy.

use wasm_bindgen::prelude::wasm_bindgen;

use crate::policy::{self, Context};

/// A policy, living in WebAssembly.
#[wasm_bindgen]
pub struct PasswordPolicy(policy::PasswordPolicy);

#[wasm_bindgen]
impl PasswordPolicy {
    /// Takes the policy as JSON; members left out take their defaults. Throws
    /// a string that says which member is wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(json: &str) -> Result<Self, String> {
        serde_json::from_str(json)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Judges a password. An e-mail address or a name that is not known is
    /// empty; `year` is the current one. Returns the JSON of
    /// `{ok, score, guesses_log10, violations, suggestions}`.
    pub fn check(&self, password: &str, email: &str, name: &str, year: i32) -> String {
        let context = Context { email, name };
        let verdict = self.0.check(password, &context, year);
        serde_json::to_string(&verdict).unwrap_or_default()
    }
}
