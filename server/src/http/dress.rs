//! What every answer gets on its way out, those to panics and unknown paths included:
//! security headers, and what CORS has to say.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;
use warp::http::header::HeaderValue;
use warp::http::{Method, Request, Response};

use super::arrival::Arrival;
use super::cors::CorsRequest;
use super::security_headers;
use crate::config::CorsPolicy;

/// What the headers depend upon.
#[derive(Clone, Debug)]
pub(crate) struct Wardrobe {
    /// Which pages may call the API.
    pub(crate) cors: CorsPolicy,
    /// Whether clients come over TLS.
    pub(crate) https: bool,
}

/// Dresses the answers of `inner`.
#[derive(Clone, Debug)]
pub(crate) struct Dress<S> {
    inner: S,
    wardrobe: Arc<Wardrobe>,
}

impl<S> Dress<S> {
    pub(crate) fn new(inner: S, wardrobe: Arc<Wardrobe>) -> Self {
        Self { inner, wardrobe }
    }
}

impl<S, B, C> Service<Request<B>> for Dress<S>
where
    S: Service<Request<B>, Response = Response<C>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<C>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<C>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let cors = CorsRequest::read(request.headers(), request.method() == Method::OPTIONS);
        let route = request
            .extensions()
            .get::<Arrival>()
            .and_then(|arrival| arrival.route.clone());
        let wardrobe = Arc::clone(&self.wardrobe);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            let public = route.as_ref().is_some_and(|route| route.public);
            let policy = if public {
                &CorsPolicy::Everybody
            } else {
                &wardrobe.cors
            };
            let methods = route
                .as_ref()
                .map_or(HeaderValue::from_static("OPTIONS"), |route| {
                    route.allow.clone()
                });
            cors.answer(policy, &methods, response.headers_mut());
            security_headers::add(response.headers_mut(), public, wardrobe.https);
            Ok(response)
        })
    }
}
