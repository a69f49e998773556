//! `GET /`: a greeting for programs, a small page for people.

use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::{HeaderMap, HeaderValue, VARY};
use warp::reply::Response;

use super::bodies::json;
use super::pages::{Guest, Visit, visit};
use crate::http::negotiate::prefers_html;
use crate::http::operation::{Endpoint, Operation};
use crate::http::pages::{self, HomePage};
use crate::http::state::Shared;

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
                .and(visit(state))
                .and(warp::header::headers_cloned())
                .then(greet)
        })
}

async fn greet(visit: Visit, headers: HeaderMap) -> Response {
    let mut response = if prefers_html(&headers) {
        show(&visit).await
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

/// The page, which is there whatever the database does.
async fn show(visit: &Visit) -> Response {
    let healthy = visit.state.health.is_connected().await;
    let signed_in = healthy && matches!(visit.guest().await, Ok(Guest::Member(_)));
    pages::page(&HomePage {
        healthy,
        docs: visit.state.settings.docs,
        signed_in,
    })
}
