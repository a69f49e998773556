//! The handlers, one file per noun, each with the declaration of its operation.

pub(super) mod assets;
mod bodies;
pub(super) mod docs;
pub(super) mod health;
pub(super) mod home;
pub(super) mod me;
pub(super) mod oauth;
pub(super) mod pages;
pub(super) mod password_policy;
pub(super) mod sessions;
pub(super) mod status_lists;
pub(super) mod users;
pub(super) mod well_known;

use std::convert::Infallible;
use std::sync::Arc;

use warp::Filter;

use super::caller::Caller;
use super::error::ApiError;
use super::state::Shared;
use crate::domain::clock::Timestamp;
use crate::domain::session::Session;
use crate::domain::user::User;

/// Hands the state to a handler.
fn with(state: &Shared) -> impl Filter<Extract = (Shared,), Error = Infallible> + Clone + use<> {
    let state = Arc::clone(state);
    warp::any().map(move || Arc::clone(&state))
}

/// The session and the user that the caller's access token stands for.
async fn signed_in(
    state: &Shared,
    caller: &Caller,
    now: Timestamp,
) -> Result<(Session, User), ApiError> {
    Ok(state.sessions.authenticate(caller.token()?, now).await?)
}
