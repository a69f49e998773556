//! The pages: what each form does, through the same use cases and rules as the API.
//!
//! Looking at a page changes nothing: the refresh token in the cookie is recognised, not
//! used up. It is exchanged for its successor by `POST /account/token` alone.

pub(in crate::http) mod account;
pub(in crate::http) mod sign_in;
pub(in crate::http) mod sign_up;
pub(in crate::http) mod token;
mod visit;

use warp::reply::Response;

pub(super) use self::visit::{Guest, Visit, visit};
use crate::http::error::ApiError;
use crate::http::pages;

/// The answer in every case: whoever could not be given one is told why on a page.
fn or_refused(answer: Result<Response, ApiError>) -> Response {
    answer.unwrap_or_else(|error| pages::refused(&error))
}
