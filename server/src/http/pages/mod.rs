//! The pages that a browser gets, made of the templates in `server/pages`.
//!
//! They work without a script: forms are forms, and what is wrong with one comes back
//! in it, with the status that the API answers with. askama compiles the templates into
//! the binary and escapes whatever is put into them.

mod account;
mod faults;
mod notice;
mod password_hint;

use askama::Template;
use warp::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

pub(crate) use self::account::AccountPage;
pub(crate) use self::faults::Faults;
pub(crate) use self::notice::Notice;
pub(crate) use self::password_hint::password_hint;
use super::error::{ApiError, Problem};
use crate::domain::user::UserName;

/// The media type of pages.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// What a page may load and do: our own scripts, WebAssembly, styles and API, and forms
/// for us. Nothing inline, nothing from elsewhere, in nobody's frame.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'",
);

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The page at `/`.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    /// Whether the database answers.
    pub(crate) healthy: bool,
    /// Whether there is a documentation to point at.
    pub(crate) docs: bool,
    /// Whether the browser is signed in.
    pub(crate) signed_in: bool,
}

/// The page at `/problems/CODE`, which the `type` of a problem leads to.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage {
    code: &'static str,
    message: &'static str,
    status: u16,
    reason: &'static str,
}

impl From<Problem> for ProblemPage {
    fn from(problem: Problem) -> Self {
        let status = problem.status();
        Self {
            code: problem.code(),
            message: problem.message(),
            status: status.as_u16(),
            reason: status.canonical_reason().unwrap_or_default(),
        }
    }
}

/// The page at `/signup`. The fields hold what was typed, but never the password.
#[derive(Template)]
#[template(path = "signup.html")]
pub(crate) struct SignUpPage<'a> {
    pub(crate) faults: &'a Faults,
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) age: &'a str,
    /// What the policy asks of a password, in words.
    pub(crate) hint: &'a str,
}

impl SignUpPage<'_> {
    /// What is asked of a name, in words.
    fn name_hint(&self) -> String {
        format!("{} to {} characters.", UserName::MIN, UserName::MAX)
    }
}

/// The page at `/signin`.
#[derive(Template)]
#[template(path = "signin.html")]
pub(crate) struct SignInPage<'a> {
    pub(crate) faults: &'a Faults,
    pub(crate) notice: Option<Notice>,
    pub(crate) email: &'a str,
}

/// A page that only says what went wrong.
#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    message: &'a str,
}

/// The headers that every page has.
pub(crate) fn with_page_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(
        CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    // Under `no-referrer` a browser hides where our own forms come from.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// A page as an answer.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = HttpResponse::new(html).into_response();
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
            with_page_headers(response)
        }
        // Writing to a String does not fail, and neither do our templates.
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// A page that shows what went wrong, with the status and the headers of the error.
pub(crate) fn failed(error: &ApiError, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => with_page_headers(error.with_page(HTML, html)),
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// A page of its own for an error that belongs to no form.
pub(crate) fn refused(error: &ApiError) -> Response {
    failed(
        error,
        &RefusalPage {
            message: &error.detail(),
        },
    )
}

/// Sends the browser on, to be shown what a form has done (RFC 9110 section 15.4.4).
/// Where to is always ours to say: nothing of a request gets into it.
pub(crate) fn see_other(to: &'static str) -> Response {
    let mut response = HttpResponse::new("").into_response();
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static(to));
    with_page_headers(response)
}
