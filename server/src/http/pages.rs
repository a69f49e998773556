//! The pages that a browser gets: HTML and one style sheet, no script.

use warp::http::Response as HttpResponse;
use warp::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use warp::reply::{Reply, Response};

use super::error::Problem;

/// The media type of pages.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// The style sheet of every page.
pub(crate) const STYLE: &str = include_str!("../../pages/style.css");

const HOME: &str = include_str!("../../pages/home.html");
const PROBLEM: &str = include_str!("../../pages/problem.html");

/// What a page may load: its style sheet, and nothing from anywhere else.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// The headers that every page has.
pub(crate) fn with_page_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(
        CROSS_ORIGIN_OPENER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// The page at `/`.
pub(crate) fn home(healthy: bool, docs: bool) -> Response {
    let (class, state) = if healthy {
        ("good", "It is healthy.")
    } else {
        ("bad", "It is not healthy: the database does not answer.")
    };
    let docs = if docs {
        "<a href=\"/docs\">How to use it</a>"
    } else {
        "Its documentation is turned off here."
    };
    let page = HOME
        .replace("{{class}}", class)
        .replace("{{state}}", state)
        .replace("{{docs}}", docs);
    answer(page)
}

/// The page at `/problems/CODE`, which the `type` of a problem leads to.
pub(crate) fn problem(problem: Problem) -> Response {
    let status = problem.status();
    answer(
        PROBLEM
            .replace("{{code}}", problem.code())
            .replace("{{message}}", problem.message())
            .replace("{{status}}", status.as_str())
            .replace("{{reason}}", status.canonical_reason().unwrap_or_default()),
    )
}

fn answer(page: String) -> Response {
    let mut response = HttpResponse::new(page).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(HTML));
    with_page_headers(response)
}
