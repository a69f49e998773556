//! `/signin` and `/signout`

use warp::Filter;
use warp::reply::Response;

use super::{Guest, Visit, or_refused, visit};
use crate::domain::accounts::SignedIn;
use crate::http::body::{Body, body};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages::{self, Faults, Notice, SignInPage};
use crate::http::routes::users::read_sign_in;
use crate::http::state::Shared;

pub(crate) fn show(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        route
            .and(visit(state))
            .then(async |visit: Visit| or_refused(empty(&visit).await))
    })
}

async fn empty(visit: &Visit) -> Result<Response, ApiError> {
    let guest = visit.guest().await?;
    if let Guest::Member(_) = guest {
        return Ok(pages::see_other("/account"));
    }
    let form = pages::page(&SignInPage {
        faults: &Faults::NONE,
        notice: visit.notice("/signin"),
        email: "",
    });
    Ok(visit.tidy(&guest, form))
}

pub(crate) fn send(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        let body = body(state.settings.max_body);
        route
            .and(visit(state))
            .and(body)
            .then(async |mut visit: Visit, body: Body| or_refused(begin(&mut visit, body).await))
    })
}

async fn begin(visit: &mut Visit, body: Body) -> Result<Response, ApiError> {
    let form = visit.form(body).await?;
    let email = form.text("email").to_owned();
    match sign_in(visit, form).await {
        Ok(signed_in) => Ok(visit.enter(&signed_in.tokens).await),
        Err(error) => Ok(pages::failed(
            &error,
            &SignInPage {
                faults: &Faults::of(&error),
                notice: None,
                email: &email,
            },
        )),
    }
}

async fn sign_in(visit: &Visit, form: Form) -> Result<SignedIn, ApiError> {
    let (email, password) = read_sign_in(form.into_fields())?;
    let accounts = &visit.state.accounts;
    Ok(accounts.sign_in(&visit.cx, &email, password).await?)
}

pub(crate) fn sign_out(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        let body = body(state.settings.max_body);
        route
            .and(visit(state))
            .and(body)
            .then(async |mut visit: Visit, body: Body| or_refused(end(&mut visit, body).await))
    })
}

/// Ends the session of the cookie, and has the cookie forgotten once that is done.
async fn end(visit: &mut Visit, body: Body) -> Result<Response, ApiError> {
    visit.form(body).await?;
    visit.leave().await?;
    Ok(visit.forget(pages::see_other(Notice::SignedOut.page())))
}
