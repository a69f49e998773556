//! The readers of requests, for the fuzz targets `body`, `form` and `header` alone.

use std::net::IpAddr;

use latchkey_verifier::policy::PasswordPolicy;
use warp::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use warp::reply::Reply;

use super::caller::Caller;
use super::client_addr::TrustedProxies;
use super::cookie::SessionCookie;
use super::cross_site::is_cross_site;
use super::error::ApiError;
use super::fields::{
    AGE, CURRENT_PASSWORD, EMAIL, Fields, NAME, NEW_PASSWORD, PASSWORD, REFRESH_TOKEN,
};
use super::form::Form;
use super::negotiate::prefers_html;
use super::routes::oauth::credentials::Credentials;
use super::routes::users;
use crate::config::PublicUrl;
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

/// Reads a form: what was typed into each of the fields, empty when nothing was.
///
/// # Errors
///
/// The status of the answer that refuses it.
pub fn form(body: &[u8], fields: &[&str]) -> Result<Vec<String>, u16> {
    let form = Form::parse(body).map_err(status)?;
    let typed = fields.iter().map(|field| form.text(field).to_owned());
    Ok(typed.collect())
}

/// Reads who a client says it is, and its secret, from `Authorization` and a form.
///
/// # Errors
///
/// The status of the answer that refuses it.
pub fn client_credentials(
    authorization: &[&[u8]],
    body: &[u8],
) -> Result<(Option<String>, Option<String>), u16> {
    let lines = authorization
        .iter()
        .map(|value| (AUTHORIZATION.as_str(), *value));
    let form = Form::parse(body).map_err(status)?;
    let credentials = Credentials::read(&headers(lines), &form).map_err(status)?;
    Ok(match credentials {
        Credentials::None => (None, None),
        Credentials::Id(id) => (Some(id.to_string()), None),
        Credentials::Secret { id, secret } => (Some(id.to_string()), Some(secret.to_string())),
    })
}

/// What the headers of a request say of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The client's address.
    pub address: IpAddr,
    /// The bearer token, or the status of the answer to more than one.
    pub bearer: Result<Option<String>, u16>,
    /// What the session's cookie holds, as often as it comes.
    pub cookies: Vec<String>,
    /// Whether it would rather see HTML.
    pub prefers_html: bool,
    /// Whether another site sent it.
    pub is_cross_site: bool,
}

/// Reads the headers of a request that `peer` sent to `https://auth.example.com`, where
/// the proxies in 10.0.0.0/8 are trusted. Lines that are no headers are left out, as the
/// HTTP library refuses them.
#[must_use]
pub fn sender<'a>(peer: IpAddr, lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Sender {
    let headers = headers(lines);
    let proxies = "10.0.0.0/8".parse().into_iter().collect();
    let public_url = PublicUrl::parse("https://auth.example.com");
    let token = Caller::read(&headers, None);
    Sender {
        address: TrustedProxies::new(proxies).client(peer, &headers),
        bearer: token
            .bearer()
            .map(|token| token.map(str::to_owned))
            .map_err(status),
        cookies: SessionCookie::new(true)
            .read(&headers)
            .iter()
            .map(|value| value.to_string())
            .collect(),
        prefers_html: prefers_html(&headers),
        is_cross_site: public_url.is_ok_and(|url| is_cross_site(&headers, &url)),
    }
}

fn headers<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn status(error: ApiError) -> u16 {
    error.into_response().status().as_u16()
}
