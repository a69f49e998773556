//! `/openapi.json`, `/docs` and `/problems`: the API's description of itself.

use serde_json::json;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::HeaderMap;
use warp::reply::Reply;

use crate::http::document::{Document, JSON};
use crate::http::error::Problem;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages::{self, HTML, ProblemPage, with_page_headers};
use crate::http::state::Settings;
use crate::http::{docs_page, openapi};

/// How long the description may be kept, in seconds: it changes with the release.
const MAX_AGE: u32 = 300;

/// All three, describing `others` and themselves.
pub(crate) fn endpoints(
    [description, page, problem]: [Operation; 3],
    others: &[Endpoint],
    settings: &Settings,
) -> [Endpoint; 3] {
    let description = description
        .named("openapi", "This description, as OpenAPI 3.1")
        .answer::<serde_json::Map<String, serde_json::Value>>(
            StatusCode::OK,
            "An OpenAPI document.",
        )
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.");
    let page = page
        .named("docs", "This description, as a page")
        .content::<String>(StatusCode::OK, "The page.", "text/html")
        .no_content(StatusCode::NOT_MODIFIED, "It is what the client has.");
    let problem = problem
        .named("problem", "What the `type` of a problem leads to")
        .parameter(|| {
            let codes: Vec<&str> = Problem::ALL.iter().map(|problem| problem.code()).collect();
            json!({ "type": "string", "enum": codes })
        })
        .content::<String>(StatusCode::OK, "The problem in words.", "text/html")
        .problem(Problem::NotFound);

    let operations = others.iter().map(|endpoint| &endpoint.operation);
    let document = openapi::document(
        operations.chain([&description, &page, &problem]),
        settings.public_url.as_str(),
    );
    let html = Document::new(docs_page::render(&document), HTML, MAX_AGE);
    let json = Document::new(document.to_string(), JSON, MAX_AGE);
    [
        description.answered_by(|route| {
            route
                .and(warp::header::headers_cloned())
                .map(move |headers: HeaderMap| json.answer(&headers))
        }),
        page.answered_by(|route| {
            route
                .and(warp::header::headers_cloned())
                .map(move |headers: HeaderMap| with_page_headers(html.answer(&headers)))
        }),
        problem.answered_by_parameter(|route| {
            route.map(|code: String| {
                let known = Problem::ALL.iter().find(|problem| problem.code() == code);
                known.map_or_else(
                    || Problem::NotFound.into_response(),
                    |problem| pages::page(&ProblemPage::from(*problem)),
                )
            })
        }),
    ]
}
