//! POST `/oauth/revoke` (RFC 7009): the end of a token, which is that of its session.
//!
//! Whoever holds a token may end it: it could be used up instead. A client that sends
//! credentials has to send the right ones (section 2.1).

use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use super::{CLIENT, CLIENT_SECRET, Request, TOKEN, TOKEN_TYPE_HINT, answered_by};
use crate::domain::error::Error;
use crate::http::error::ApiError;
use crate::http::operation::{Endpoint, Operation, Token};
use crate::http::state::Shared;

pub(crate) fn revoke(operation: Operation, state: &Shared) -> Endpoint {
    let operation = operation
        .named("oauth_revoke", "End a token and its session (RFC 7009)")
        .client(Token::AnyClient)
        .form(const { &[TOKEN, TOKEN_TYPE_HINT, CLIENT, CLIENT_SECRET] })
        .no_content(
            StatusCode::OK,
            "The token is not good, whether it ever was or not.",
        );
    answered_by(operation, state, end)
}

async fn end(state: Shared, request: Request) -> Result<Response, ApiError> {
    let token = request.required(&TOKEN)?;
    match state.sessions.logout(&request.cx, token).await {
        // What is no token, or was one, is what the client wants it to be (section 2.2).
        Ok(()) | Err(Error::InvalidAccessToken | Error::InvalidRefreshToken) => {
            Ok(warp::reply().into_response())
        }
        Err(error) => Err(error.into()),
    }
}
