//! POST `/oauth/token`: new tokens for a refresh token (RFC 6749 section 6), and for
//! nothing else. There is no password grant, which RFC 9700 section 2.4 forbids.

use serde_json::json;
use warp::http::StatusCode;
use warp::http::header::{HeaderValue, PRAGMA};
use warp::reply::Response;

use super::{CLIENT, Request, answered_by};
use crate::domain::error::Error;
use crate::http::error::{ApiError, Problem};
use crate::http::fields::Member;
use crate::http::operation::{Endpoint, Operation, Token};
use crate::http::routes::bodies::{self, TokensBody};
use crate::http::state::Shared;

/// What stands for the tokens that are wanted.
const GRANT_TYPE: Member = Member {
    name: "grant_type",
    required: true,
    schema: || json!({ "type": "string", "enum": ["refresh_token"] }),
};

const REFRESH_TOKEN: Member = Member {
    name: "refresh_token",
    required: true,
    schema: || json!({ "type": "string", "minLength": 1 }),
};

/// What the new tokens are to be good for; no more than the old ones were.
const SCOPE: Member = Member {
    name: "scope",
    required: false,
    schema: || {
        json!({
            "type": "string",
            "maxLength": 0,
            "description": "Tokens have no scope, so that none can be named.",
        })
    },
};

pub(crate) fn refresh(operation: Operation, state: &Shared) -> Endpoint {
    let operation = operation
        .named("oauth_token", "Exchange a refresh token (RFC 6749)")
        .client(Token::None)
        .form(const { &[GRANT_TYPE, REFRESH_TOKEN, SCOPE, CLIENT] })
        .answer::<TokensBody>(
            StatusCode::OK,
            "New tokens; the old refresh token is used up.",
        )
        .link(
            "oauth_introspect",
            || json!({ "requestBody": { "token": "$response.body#/access_token" } }),
        )
        .problem(Problem::InvalidGrant)
        .problem(Problem::UnsupportedGrantType)
        .problem(Problem::InvalidScope)
        .problem(Problem::UnauthorizedClient);
    answered_by(operation, state, exchange)
}

async fn exchange(state: Shared, request: Request) -> Result<Response, ApiError> {
    if request.required(&GRANT_TYPE)? != "refresh_token" {
        return Err(Problem::UnsupportedGrantType.into());
    }
    let token = request.required(&REFRESH_TOKEN)?;
    if request.client.is_some() {
        // A refresh token is bound to the client that it was issued to (section 6).
        return Err(Problem::UnauthorizedClient.into());
    }
    if request.optional(&SCOPE).is_some() {
        return Err(Problem::InvalidScope.into());
    }
    let tokens = state.sessions.refresh(&request.cx, token).await;
    let tokens = tokens.map_err(|error| match error {
        Error::InvalidRefreshToken => Problem::InvalidGrant.into(),
        error => ApiError::from(error),
    })?;
    let mut response = bodies::json(&TokensBody::from(tokens));
    // Section 5.1 asks for it beside Cache-Control.
    let headers = response.headers_mut();
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}
