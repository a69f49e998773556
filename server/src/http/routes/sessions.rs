//! Refreshing and ending sessions, and the list of one's own.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json as json_value;
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};
use zeroize::Zeroizing;

use super::bodies::{SessionBody, TokensBody, json};
use super::{signed_in, with};
use crate::domain::ids::SessionId;
use crate::http::body::{Body, body};
use crate::http::caller::{Caller, caller};
use crate::http::error::{ApiError, Problem};
use crate::http::fields::{Fields, REFRESH_TOKEN};
use crate::http::operation::{Endpoint, Operation, Token};
use crate::http::state::Shared;

/// What the predecessor said to a logout.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct LoggedOut {
    status: u16,
    msg: &'static str,
}

pub(crate) fn refresh(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("refresh", "Exchange a refresh token for new tokens")
        .token(Token::RefreshOrBody)
        .body(const { &[REFRESH_TOKEN.optional()] })
        .answer::<TokensBody>(
            StatusCode::OK,
            "New tokens; the old refresh token is used up.",
        )
        .link(
            "oauth_revoke",
            || json_value!({ "requestBody": { "token": "$response.body#/refresh_token" } }),
        )
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            let exchange = |state: Shared, caller: Caller, body: Body| async move {
                let given = token_in_body(body).await?;
                let in_header = caller
                    .bearer()?
                    .map(|token| Zeroizing::new(token.to_owned()));
                let token = match (in_header, given) {
                    (Some(_), Some(_)) => return Err(Problem::InvalidRequest.into()),
                    (Some(token), None) | (None, Some(token)) => token,
                    (None, None) => return Err(Problem::AuthorizationRequired.into()),
                };
                let cx = caller.context(state.now());
                let tokens = state.sessions.refresh(&cx, &token).await?;
                Ok::<_, ApiError>(json(&TokensBody::from(tokens)))
            };
            route
                .and(with(state))
                .and(caller())
                .and(body)
                .then(exchange)
        })
}

async fn token_in_body(body: Body) -> Result<Option<Zeroizing<String>>, ApiError> {
    let Some(bytes) = body.json_if_any().await? else {
        return Ok(None);
    };
    let mut fields = Fields::parse(&bytes)?;
    match fields.optional(&REFRESH_TOKEN) {
        Some(token) => Ok(token.flatten()),
        None => Err(fields.refusal()),
    }
}

pub(crate) fn log_out(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("log_out", "End the session of the token")
        .token(Token::AccessOrRefresh)
        .problem(Problem::InvalidRefreshToken)
        .answer::<LoggedOut>(StatusCode::OK, "The session has ended.")
        .answered_by(|route| route.and(with(state)).and(caller()).then(end_presented))
}

async fn end_presented(state: Shared, caller: Caller) -> Result<Response, ApiError> {
    let token = Zeroizing::new(caller.token()?.to_owned());
    let cx = caller.context(state.now());
    state.sessions.logout(&cx, &token).await?;
    Ok(json(&LoggedOut {
        status: StatusCode::OK.as_u16(),
        msg: "Logged out successfully",
    }))
}

pub(crate) fn list(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("list_sessions", "The signed-in user's sessions")
        .token(Token::Access)
        .answer::<Vec<SessionBody>>(StatusCode::OK, "Those that are alive, the latest first.")
        .link(
            "end_session",
            || json_value!({ "parameters": { "session_id": "$response.body#/0/session_id" } }),
        )
        .answered_by(|route| route.and(with(state)).and(caller()).then(list_own))
}

async fn list_own(state: Shared, caller: Caller) -> Result<Response, ApiError> {
    let now = state.now();
    let (current, user) = signed_in(&state, &caller, now).await?;
    let sessions: Vec<SessionBody> = state
        .sessions
        .list(user.id, now)
        .await?
        .into_iter()
        .map(|session| SessionBody::new(session, current.id))
        .collect();
    Ok(json(&sessions))
}

pub(crate) fn end(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("end_session", "End one of the signed-in user's sessions")
        .token(Token::Access)
        .parameter(|| json_value!({ "type": "string", "format": "uuid" }))
        .problem(Problem::SessionNotFound)
        .no_content(StatusCode::NO_CONTENT, "It has ended.")
        .answered_by_parameter(|route| route.and(with(state)).and(caller()).then(end_own))
}

async fn end_own(session: String, state: Shared, caller: Caller) -> Result<Response, ApiError> {
    let now = state.now();
    let (_, user) = signed_in(&state, &caller, now).await?;
    let session: SessionId = session.parse().map_err(|_| Problem::SessionNotFound)?;
    let cx = caller.context(now).by(user.id);
    state.sessions.end(&cx, user.id, session).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) fn end_all(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named(
            "end_sessions",
            "End every session of the signed-in user, this one too",
        )
        .token(Token::Access)
        .no_content(StatusCode::NO_CONTENT, "They have ended.")
        .answered_by(|route| route.and(with(state)).and(caller()).then(end_all_own))
}

async fn end_all_own(state: Shared, caller: Caller) -> Result<Response, ApiError> {
    let now = state.now();
    let (_, user) = signed_in(&state, &caller, now).await?;
    let cx = caller.context(now).by(user.id);
    state.sessions.end_all(&cx, user.id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
