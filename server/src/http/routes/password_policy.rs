//! The password policy, as browsers load it to judge passwords with the same code.

use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::HeaderMap;

use crate::http::document::{Document, JSON};
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

/// How long it may be kept, in seconds: it changes with the configuration.
const MAX_AGE: u32 = 300;

/// The rules for new passwords; `PasswordPolicy` of the verifier package takes them.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "PasswordPolicy")]
#[expect(
    dead_code,
    reason = "only its schema is used: the policy writes itself"
)]
struct Policy {
    /// The fewest code points after NFC.
    min_length: u32,
    /// The most code points after NFC.
    max_length: u32,
    /// The kinds of characters that must be there.
    require: Vec<Kind>,
    /// The lowest strength that is taken.
    #[schemars(range(min = 0, max = 4))]
    min_score: u8,
    /// Whether common passwords are refused.
    forbid_common: bool,
    /// Whether passwords made of the user's name or address or of `context_words` are
    /// refused.
    forbid_context: bool,
    context_words: Vec<String>,
}

#[derive(schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum Kind {
    Upper,
    Lower,
    Digit,
    Symbol,
}

pub(crate) fn read(operation: Operation, state: &Shared) -> Endpoint {
    // Numbers, words and strings: there is nothing that could fail.
    let json = serde_json::to_vec(state.accounts.rules().policy()).unwrap_or_default();
    let document = Document::new(json, JSON, MAX_AGE);
    operation
        .named("password_policy", "The rules for new passwords")
        .public()
        .answer::<Policy>(StatusCode::OK, "The policy.")
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.")
        .answered_by(|route| {
            route
                .and(warp::header::headers_cloned())
                .map(move |headers: HeaderMap| document.answer(&headers))
        })
}
