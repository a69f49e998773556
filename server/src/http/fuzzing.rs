//! The readers of request bodies, for the fuzz target `body` alone.

use latchkey_verifier::policy::PasswordPolicy;
use warp::reply::Reply;

use super::error::ApiError;
use super::fields::{
    AGE, CURRENT_PASSWORD, EMAIL, Fields, NAME, NEW_PASSWORD, PASSWORD, REFRESH_TOKEN,
};
use super::form::Form;
use super::routes::users;
use crate::domain::accounts::SignUp;
use crate::domain::clock::Timestamp;
use crate::domain::password_rules::PasswordRules;

/// Reads a sign-up under the default policy.
///
/// # Errors
///
/// The status of the answer that refuses it.
pub fn sign_up(body: &[u8]) -> Result<SignUp, u16> {
    let rules = PasswordRules::new(PasswordPolicy::default());
    let now = Timestamp::from_seconds(1_800_000_000);
    let fields = Fields::parse(body).map_err(status)?;
    users::read_sign_up(fields, &rules, now).map_err(status)
}

/// Reads every field that any body has.
///
/// # Errors
///
/// The status of the answer that refuses one of them.
pub fn every_field(body: &[u8]) -> Result<(), u16> {
    let mut fields = Fields::parse(body).map_err(status)?;
    let all_fit = [
        fields.optional(&NAME).is_some(),
        fields.optional(&EMAIL).is_some(),
        fields.optional(&AGE).is_some(),
        fields.required(&PASSWORD).is_some(),
        fields.required(&CURRENT_PASSWORD).is_some(),
        fields.required(&NEW_PASSWORD).is_some(),
        fields.optional(&REFRESH_TOKEN).is_some(),
    ]
    .into_iter()
    .all(|fits| fits);
    if all_fit {
        Ok(())
    } else {
        Err(status(fields.refusal()))
    }
}

/// Reads the sign-up form of the page under the default policy.
///
/// # Errors
///
/// The status of the answer that refuses it.
pub fn sign_up_form(body: &[u8]) -> Result<SignUp, u16> {
    let rules = PasswordRules::new(PasswordPolicy::default());
    let now = Timestamp::from_seconds(1_800_000_000);
    let fields = Form::parse(body).map_err(status)?.into_fields();
    users::read_sign_up(fields, &rules, now).map_err(status)
}

fn status(error: ApiError) -> u16 {
    error.into_response().status().as_u16()
}
