//! `/signup`

use warp::Filter;
use warp::reply::Response;

use super::{Guest, Visit, or_refused, visit};
use crate::domain::accounts::SignedIn;
use crate::http::body::{Body, body};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages::{self, Faults, SignUpPage, password_hint};
use crate::http::routes::users::read_sign_up;
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
    let form = pages::page(&SignUpPage {
        faults: &Faults::NONE,
        name: "",
        email: "",
        age: "",
        hint: &hint(visit),
    });
    Ok(visit.tidy(&guest, form))
}

pub(crate) fn send(operation: Operation, state: &Shared) -> Endpoint {
    operation.undescribed().answered_by(|route| {
        let body = body(state.settings.max_body);
        route
            .and(visit(state))
            .and(body)
            .then(async |mut visit: Visit, body: Body| or_refused(create(&mut visit, body).await))
    })
}

async fn create(visit: &mut Visit, body: Body) -> Result<Response, ApiError> {
    let form = visit.form(body).await?;
    let [name, email, age] = ["name", "email", "age"].map(|field| form.text(field).to_owned());
    match sign_up(visit, form).await {
        Ok(signed_in) => Ok(visit.enter(&signed_in.tokens).await),
        Err(error) => Ok(pages::failed(
            &error,
            &SignUpPage {
                faults: &Faults::of(&error),
                name: &name,
                email: &email,
                age: &age,
                hint: &hint(visit),
            },
        )),
    }
}

async fn sign_up(visit: &Visit, form: Form) -> Result<SignedIn, ApiError> {
    let accounts = &visit.state.accounts;
    let request = read_sign_up(form.into_fields(), accounts.rules(), visit.cx.now)?;
    Ok(accounts.sign_up(&visit.cx, request).await?)
}

fn hint(visit: &Visit) -> String {
    password_hint(visit.state.accounts.rules().policy())
}
