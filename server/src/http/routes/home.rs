//! `GET /`: a greeting for programs, a small page for people; and the pages' style sheet.

use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::{HeaderMap, HeaderValue, VARY};
use warp::reply::Response;

use super::bodies::json;
use super::with;
use crate::http::document::Document;
use crate::http::negotiate::prefers_html;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages;
use crate::http::state::Shared;

/// How long the style sheet may be kept, in seconds: it changes with the release.
const STYLE_MAX_AGE: u32 = 300;

/// What a program is told.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Greeting {
    message: &'static str,
}

pub(crate) fn read(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .named(
            "home",
            "What this is; a page for whoever asks for `text/html`",
        )
        .answer::<Greeting>(StatusCode::OK, "A greeting.")
        .content::<String>(StatusCode::OK, "A greeting.", "text/html")
        .answered_by(|route| {
            route
                .and(with(state))
                .and(warp::header::headers_cloned())
                .then(greet)
        })
}

async fn greet(state: Shared, headers: HeaderMap) -> Response {
    let mut response = if prefers_html(&headers) {
        let healthy = state.health.is_connected().await;
        pages::home(healthy, state.settings.docs)
    } else {
        json(&Greeting {
            message: "Latchkey is running",
        })
    };
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("Accept"));
    response
}

pub(crate) fn style(operation: Operation, _: &Shared) -> Endpoint {
    let document = Document::new(pages::STYLE, "text/css; charset=utf-8", STYLE_MAX_AGE);
    operation.undescribed().answered_by(|route| {
        route
            .and(warp::header::headers_cloned())
            .map(move |headers: HeaderMap| document.answer(&headers))
    })
}
