//! `/account/token`: an access token for the scripts of our own pages.
//!
//! The only thing that exchanges the refresh token in the cookie. Two tabs that ask at
//! once get the same successor, and a token that was used before ends the session, as with
//! the API. The scripts keep what they get in memory, and never see the refresh token.

use serde::Serialize;
use warp::Filter;
use warp::reply::{Reply, Response};

use super::{Visit, visit};
use crate::domain::error::Error;
use crate::domain::sessions::TokenPair;
use crate::http::error::{ApiError, Problem};
use crate::http::operation::{Endpoint, Operation};
use crate::http::routes::bodies::{TokenType, json};
use crate::http::state::Shared;

/// An access token alone.
#[derive(Serialize)]
struct AccessBody<'a> {
    access_token: &'a str,
    token_type: TokenType,
    expires_in: u64,
}

impl<'a> From<&'a TokenPair> for AccessBody<'a> {
    fn from(pair: &'a TokenPair) -> Self {
        Self {
            access_token: &pair.access_token,
            token_type: TokenType::Bearer,
            expires_in: pair.expires_in,
        }
    }
}

pub(crate) fn exchange(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        route
            .and(visit(state))
            .then(async |visit: Visit| rotate(&visit).await)
    })
}

async fn rotate(visit: &Visit) -> Result<Response, ApiError> {
    visit.refuse_cross_site()?;
    let token = visit.token()?.ok_or(Problem::InvalidRefreshToken)?;
    match visit.state.sessions.refresh(&visit.cx, &token).await {
        Ok(tokens) => Ok(visit.keep(&tokens, json(&AccessBody::from(&tokens)))),
        Err(Error::InvalidRefreshToken) => {
            Ok(visit.forget(Problem::InvalidRefreshToken.into_response()))
        }
        Err(error) => Err(error.into()),
    }
}
