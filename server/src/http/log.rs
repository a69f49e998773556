//! One line per request: method, route, status, latency, request id, client.
//!
//! Nothing that a client chose gets in: not the path, not a header, not a body. Lines
//! logged while a request is handled carry the same fields.

use std::time::Duration;

use tower_http::request_id::RequestId;
use tracing::Span;
use warp::http::{Request, Response};

use super::arrival::Arrival;

/// The span that everything about a request is logged in.
pub(crate) fn span<B>(request: &Request<B>) -> Span {
    let extensions = request.extensions();
    let arrival = extensions.get::<Arrival>();
    let id = extensions
        .get::<RequestId>()
        .and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!(
        "request",
        method = method(request.method()),
        route = arrival.map(Arrival::pattern),
        client = arrival.map(|arrival| tracing::field::display(arrival.client)),
        request_id = id,
    )
}

/// The method, or that it is one which HTTP does not define.
fn method(method: &warp::http::Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" | "CONNECT"
        | "TRACE") => known,
        _ => "unknown",
    }
}

/// Logs that the request was answered.
pub(crate) fn answered<B>(response: &Response<B>, latency: Duration, _: &Span) {
    let status = response.status().as_u16();
    let latency_ms = (latency.as_secs_f64() * 1e6).round() / 1e3;
    tracing::info!(status, latency_ms, "answered");
}

/// A request that has no answer yet. When it is dropped like that, the log says so:
/// the client hung up, or the server could not wait any longer.
pub(crate) struct Unanswered {
    span: Option<Span>,
}

impl Unanswered {
    /// The request of the current span.
    pub(crate) fn new() -> Self {
        Self {
            span: Some(Span::current()),
        }
    }

    /// There is an answer.
    pub(crate) fn no_longer(mut self) {
        self.span = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        // A panic has an answer of its own.
        if let Some(span) = self.span.take()
            && !std::thread::panicking()
        {
            let _entered = span.enter();
            tracing::info!("ended without an answer");
        }
    }
}
