//! Error answers of the endpoints under `/oauth`, which have the shape of RFC 6749
//! section 5.2: `error`, one of its few words, and `error_description`.
//!
//! Handlers there answer problems as everywhere else, and what stands in front of them
//! knows nothing of OAuth. On its way out such an answer is put into the other words, in
//! this one place.

use schemars::JsonSchema;
use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use warp::reply::Response;

use super::error::Problem;

/// What an error answer complains about: an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct Complaint {
    pub(crate) problem: Problem,
    pub(crate) detail: String,
}

/// The body of the error answers under `/oauth` (RFC 6749 section 5.2).
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OAuthError")]
pub(crate) struct OAuthErrorBody<'a> {
    /// The kind of error.
    error: &'a str,
    /// The same in words, for a developer.
    error_description: &'a str,
}

/// Whether the errors of a path have this shape.
pub(crate) fn is_spoken_at(path: &str) -> bool {
    path.starts_with("/oauth/")
}

impl Problem {
    /// The word for it. Beside those of RFC 6749 section 5.2 there are two for what is not
    /// the client's fault, which section 4.1.2.1 has and the registry of errors too.
    pub(crate) const fn oauth_word(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::UnauthorizedClient => "unauthorized_client",
            problem if problem.status().as_u16() == 503 => "temporarily_unavailable",
            problem if problem.status().as_u16() >= 500 => "server_error",
            _ => "invalid_request",
        }
    }

    /// The status there: a request that does not fit is a bad one.
    pub(crate) const fn oauth_status(self) -> StatusCode {
        match self.status() {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        }
    }
}

/// The same answer in the words of OAuth, if it is a complaint.
pub(crate) fn reword(mut response: Response) -> Response {
    let Some(Complaint { problem, detail }) = response.extensions_mut().remove() else {
        return response;
    };
    let body = OAuthErrorBody {
        error: problem.oauth_word(),
        error_description: &detail,
    };
    // Two strings under fixed names: there is nothing that could fail.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    *response.status_mut() = problem.oauth_status();
    *response.body_mut() = json.into();
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if problem != Problem::InvalidClient {
        // The challenges of the API ask for a bearer token.
        headers.remove(WWW_AUTHENTICATE);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_keep_to_the_characters_that_they_may_have() {
        for problem in Problem::ALL {
            // RFC 6749 section 5.2.
            let allowed = |b: u8| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(problem.message().bytes().all(allowed), "{problem:?}");
        }
    }

    #[test]
    fn the_word_says_whose_fault_it_is() {
        for problem in Problem::ALL {
            let word = problem.oauth_word();
            let is_ours = ["server_error", "temporarily_unavailable"].contains(&word);
            assert_eq!(is_ours, problem.status().is_server_error(), "{problem:?}");
        }
    }
}
