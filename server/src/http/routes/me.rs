//! The signed-in user: reading, changing and deleting one's own account.

use warp::Filter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

use super::bodies::{TokensBody, UserBody, json};
use super::{signed_in, with};
use crate::domain::password::Password;
use crate::domain::user::ProfileChange;
use crate::http::body::{Body, body};
use crate::http::caller::{Caller, caller};
use crate::http::error::{ApiError, Problem};
use crate::http::fields::{AGE, CURRENT_PASSWORD, Fields, NAME, NEW_PASSWORD, PASSWORD};
use crate::http::operation::{Endpoint, Operation, Token};
use crate::http::state::Shared;

pub(crate) fn read(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("read_me", "The signed-in user")
        .token(Token::Access)
        .answer::<UserBody>(StatusCode::OK, "The user.")
        .answered_by(|route| route.and(with(state)).and(caller()).then(show))
}

async fn show(state: Shared, caller: Caller) -> Result<Response, ApiError> {
    let (_, user) = signed_in(&state, &caller, state.now()).await?;
    Ok(json(&UserBody::from(user)))
}

pub(crate) fn update(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("update_me", "Change one's name or age")
        .token(Token::Access)
        .body(const { &[NAME.optional(), AGE.optional()] })
        .answer::<UserBody>(
            StatusCode::OK,
            "The user as changed; an age of null is forgotten.",
        )
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            route.and(with(state)).and(caller()).and(body).then(change)
        })
}

async fn change(state: Shared, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let (_, user) = signed_in(&state, &caller, state.now()).await?;
    let bytes = body.json().await?;
    let mut fields = Fields::parse(&bytes)?;
    let name = fields.optional(&NAME);
    let age = fields.optional(&AGE);
    let (Some(name), Some(age)) = (name, age) else {
        return Err(fields.refusal());
    };
    let cx = caller.context(state.now()).by(user.id);
    let change = ProfileChange { name, age };
    let user = state.accounts.update(&cx, user.id, change).await?;
    Ok(json(&UserBody::from(user)))
}

pub(crate) fn delete(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("delete_me", "Delete one's account")
        .token(Token::Access)
        .body(const { &[PASSWORD.required()] })
        .no_content(StatusCode::NO_CONTENT, "It is gone.")
        .problem(Problem::WrongPassword)
        .problem(Problem::UserReferenced)
        .problem(Problem::TooManyRequests)
        .problem(Problem::Overloaded)
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            route.and(with(state)).and(caller()).and(body).then(remove)
        })
}

async fn remove(state: Shared, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let (_, user) = signed_in(&state, &caller, state.now()).await?;
    let bytes = body.json().await?;
    let mut fields = Fields::parse(&bytes)?;
    let Some(password) = fields.required(&PASSWORD) else {
        return Err(fields.refusal());
    };
    let cx = caller.context(state.now()).by(user.id);
    state.accounts.delete(&cx, &user, password).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) fn change_password(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named(
            "change_password",
            "Change one's password; every session ends and a new one begins",
        )
        .token(Token::Access)
        .body(const { &[CURRENT_PASSWORD.required(), NEW_PASSWORD.required()] })
        .answer::<TokensBody>(StatusCode::OK, "The tokens of the new session.")
        .problem(Problem::WrongPassword)
        .problem(Problem::TooManyRequests)
        .problem(Problem::Overloaded)
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            route
                .and(with(state))
                .and(caller())
                .and(body)
                .then(replace_password)
        })
}

async fn replace_password(state: Shared, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let (_, user) = signed_in(&state, &caller, state.now()).await?;
    let (current, new) = read_password_change(Fields::parse(&body.json().await?)?)?;
    let cx = caller.context(state.now()).by(user.id);
    let tokens = state
        .accounts
        .change_password(&cx, &user, current, new)
        .await?;
    Ok(json(&TokensBody::from(tokens)))
}

/// Reads the current password and the new one.
pub(in crate::http) fn read_password_change(
    mut fields: Fields,
) -> Result<(Password, Password), ApiError> {
    let current = fields.required(&CURRENT_PASSWORD);
    let new = fields.required(&NEW_PASSWORD);
    current.zip(new).ok_or_else(|| fields.refusal())
}
