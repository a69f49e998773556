//! GET `/status-lists/{id}`: which sessions ended early, for verifiers that never ask about
//! a token (draft-ietf-oauth-status-list section 8).

use std::sync::Arc;

use serde_json::json;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::HeaderMap;
use warp::reply::Response;

use super::with;
use crate::http::document::Document;
use crate::http::error::{ApiError, Problem};
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// For how long a cache on the way may keep a list, in seconds: that comes on top of the
/// `ttl` for which a verifier does, so it only serves to answer many who ask at once.
const MAX_AGE: u32 = 10;

/// A Status List Token: a JWT.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "StatusListToken")]
#[expect(dead_code, reason = "only its schema is used")]
struct Token(String);

pub(crate) fn read(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("status_list", "Which sessions ended early")
        .parameter(|| json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }))
        .public()
        .content::<Token>(StatusCode::OK, "A Status List Token.", MEDIA_TYPE)
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.")
        .problem(Problem::NotFound)
        .answered_by_parameter(|route| {
            route
                .and(with(state))
                .and(warp::header::headers_cloned())
                .then(give)
        })
}

async fn give(list: String, state: Shared, headers: HeaderMap) -> Result<Response, ApiError> {
    let list = number(&list).ok_or(Problem::NotFound)?;
    let signed = state.status_lists.get(list, state.now()).await?;
    let signed: Arc<_> = signed.ok_or(Problem::NotFound)?;
    Ok(Document::new(signed.token.clone(), MEDIA_TYPE, MAX_AGE).answer(&headers))
}

/// The number of a list in its one spelling: a list has one address.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_address() {
        assert_eq!((number("0"), number("17")), (Some(0), Some(17)));
        for text in ["", "00", "+1", "-1", "1.0", "4294967296", "%30", "x"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
