//! Signing up and signing in.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json as json_value};
use warp::Filter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, with_status};

use super::bodies::{TokensBody, UserBody, json};
use super::with;
use crate::domain::accounts::{SignUp, SignedIn};
use crate::domain::clock::Timestamp;
use crate::domain::email::Email;
use crate::domain::password::Password;
use crate::domain::password_rules::PasswordRules;
use crate::domain::user::UserName;
use crate::http::body::{Body, body};
use crate::http::caller::{Caller, caller};
use crate::http::error::{ApiError, Problem};
use crate::http::fields::{AGE, CHOSEN_PASSWORD, EMAIL, Fields, NAME, PASSWORD};
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

/// A user who has just signed in, and the tokens of the session.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SignedIn")]
struct SignedInBody {
    user: UserBody,
    #[serde(flatten)]
    tokens: TokensBody,
}

impl From<SignedIn> for SignedInBody {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            user: signed_in.user.into(),
            tokens: signed_in.tokens.into(),
        }
    }
}

pub(crate) fn sign_up(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("sign_up", "Make an account and sign in")
        .body(
            const {
                &[
                    NAME.required(),
                    EMAIL.required(),
                    CHOSEN_PASSWORD.required(),
                    AGE.optional(),
                ]
            },
        )
        .answer::<SignedInBody>(StatusCode::CREATED, "The new user, signed in.")
        .link("refresh", refresh_token)
        .problem(Problem::EmailTaken)
        .problem(Problem::TooManyRequests)
        .problem(Problem::Overloaded)
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            route.and(with(state)).and(caller()).and(body).then(create)
        })
}

/// How the tokens are refreshed.
fn refresh_token() -> Value {
    json_value!({ "requestBody": { "refresh_token": "$response.body#/refresh_token" } })
}

async fn create(state: Shared, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let fields = Fields::parse(&body.json().await?)?;
    // When the body is there: how long that takes is the client's choice.
    let cx = caller.context(state.now());
    let request = read_sign_up(fields, state.accounts.rules(), cx.now)?;
    let signed_in = state.accounts.sign_up(&cx, request).await?;
    let body = json(&SignedInBody::from(signed_in));
    Ok(with_status(body, StatusCode::CREATED).into_response())
}

/// Reads a sign-up, with everything that does not fit reported at once. The password is
/// judged with as much of the rest as can be read.
pub(in crate::http) fn read_sign_up(
    mut fields: Fields,
    rules: &PasswordRules,
    now: Timestamp,
) -> Result<SignUp, ApiError> {
    let name = fields.required(&NAME);
    let email = fields.required(&EMAIL);
    let password = fields.required(&CHOSEN_PASSWORD).and_then(|password| {
        let email = email.as_ref().map(Email::as_str);
        let name = name.as_ref().map(UserName::as_str);
        rules
            .accept(CHOSEN_PASSWORD.name, password, email, name, now)
            .map_err(|violations| fields.refuse(violations))
            .ok()
    });
    let age = fields.optional(&AGE);
    let (Some(name), Some(email), Some(password), Some(age)) = (name, email, password, age) else {
        return Err(fields.refusal());
    };
    Ok(SignUp {
        name,
        email,
        age: age.flatten(),
        password,
    })
}

pub(crate) fn sign_in(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named("sign_in", "Sign in with e-mail address and password")
        .body(const { &[EMAIL.required(), PASSWORD.required()] })
        .answer::<SignedInBody>(StatusCode::OK, "The user, signed in.")
        .link("refresh", refresh_token)
        .problem(Problem::InvalidCredentials)
        .problem(Problem::UserDisabled)
        .problem(Problem::TooManyRequests)
        .problem(Problem::Overloaded)
        .answered_by(|route| {
            let body = body(state.settings.max_body);
            route.and(with(state)).and(caller()).and(body).then(begin)
        })
}

async fn begin(state: Shared, caller: Caller, body: Body) -> Result<Response, ApiError> {
    let (email, password) = read_sign_in(Fields::parse(&body.json().await?)?)?;
    let cx = caller.context(state.now());
    let signed_in = state.accounts.sign_in(&cx, &email, password).await?;
    Ok(json(&SignedInBody::from(signed_in)))
}

/// Reads a sign-in.
pub(in crate::http) fn read_sign_in(mut fields: Fields) -> Result<(Email, Password), ApiError> {
    let email = fields.required(&EMAIL);
    let password = fields.required(&PASSWORD);
    email.zip(password).ok_or_else(|| fields.refusal())
}
