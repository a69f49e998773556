//! What stands right in front of warp: only a method and a path that exist get through,
//! and only for so long.
//!
//! HEAD is answered as GET (hyper leaves the body out and keeps its length), OPTIONS from
//! the route table. An authority-form CONNECT has no path, on which warp would panic.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower::Service;
use warp::http::header::{ALLOW, HOST, HeaderValue};
use warp::http::{Method, Request, Response as HttpResponse, StatusCode, Version};
use warp::reply::{Reply, Response};

use super::arrival::Arrival;
use super::error::Problem;
use super::negotiate::prefers_html;
use super::{log, oauth_error, pages};

/// Every method that some path has; for questions about the server as a whole.
const ANY_METHOD: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE, OPTIONS");

/// How much longer a request may take that has arrived as a whole, so that one whose
/// body was late is told so by whoever waited for it.
const AFTER_BODY: Duration = Duration::from_millis(250);

/// When the whole request must have arrived: an extension for whoever reads the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyDeadline(pub(crate) Instant);

/// Lets through to `inner` what it can answer.
#[derive(Clone, Debug)]
pub(crate) struct Gate<S> {
    inner: S,
    timeout: Duration,
}

impl<S> Gate<S> {
    /// Guards `inner`, whose answers may take as long as `timeout`.
    pub(crate) fn new(inner: S, timeout: Duration) -> Self {
        Self { inner, timeout }
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Infallible>> + Send>>;

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let reword = reworder(&request);
        if let Some(answer) = turn_away(&mut request) {
            return Box::pin(std::future::ready(Ok(reword(answer))));
        }
        let body_deadline = Instant::now() + self.timeout;
        request.extensions_mut().insert(BodyDeadline(body_deadline));
        let unanswered = log::Unanswered::new();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = tokio::time::timeout_at(body_deadline + AFTER_BODY, answer)
                .await
                .unwrap_or_else(|_| Ok(Problem::Timeout.into_response()));
            unanswered.no_longer();
            answer.map(reword)
        })
    }
}

/// What puts an error into the words that the path speaks.
fn reworder<B>(request: &Request<B>) -> fn(Response) -> Response {
    let arrival = request.extensions().get::<Arrival>();
    let route = arrival.and_then(|arrival| arrival.route.as_ref());
    if route.is_some_and(|route| oauth_error::is_spoken_at(route.pattern)) {
        oauth_error::reword
    } else {
        std::convert::identity
    }
}

/// The answer to a request that gets no further; none when there is a handler for it.
fn turn_away<B>(request: &mut Request<B>) -> Option<Response> {
    let route = request
        .extensions()
        .get::<Arrival>()
        .and_then(|arrival| arrival.route.clone());
    let method = request.method();

    if !has_host(request) {
        return Some(Problem::InvalidHost.into_response());
    }
    if *method == Method::OPTIONS && request.uri().path() == "*" {
        return Some(options(ANY_METHOD));
    }
    let Some(route) = route else {
        let html = prefers_html(request.headers());
        return Some(if *method == Method::CONNECT {
            method_not_allowed(ANY_METHOD, html)
        } else {
            refuse(Problem::NotFound, html)
        });
    };
    if *method == Method::OPTIONS {
        return Some(options(route.allow.clone()));
    }
    if *method == Method::HEAD && route.has(&Method::GET) {
        *request.method_mut() = Method::GET;
    } else if !route.has(method) {
        let in_oauth = oauth_error::is_spoken_at(route.pattern);
        let html = !in_oauth && prefers_html(request.headers());
        return Some(method_not_allowed(route.allow.clone(), html));
    }
    None
}

/// Whether the request says which host it is for, once. HTTP/1.0 may leave it out.
fn has_host<B>(request: &Request<B>) -> bool {
    match request.headers().get_all(HOST).iter().count() {
        0 => request.version() < Version::HTTP_11,
        1 => true,
        _ => false,
    }
}

fn options(allow: HeaderValue) -> Response {
    let mut response = HttpResponse::new("").into_response();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, allow);
    response
}

fn method_not_allowed(allow: HeaderValue, html: bool) -> Response {
    let mut response = refuse(Problem::MethodNotAllowed, html);
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// The problem, as a page for a person who has come to the wrong place.
fn refuse(problem: Problem, html: bool) -> Response {
    if html {
        pages::refused(&problem.into())
    } else {
        problem.into_response()
    }
}
