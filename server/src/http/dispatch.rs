//! From the route that a request was found to have to the filter that answers it.
//!
//! warp's own way, each filter in turn until one does not reject, costs every request the
//! rejections of all filters before its own. Here they have been declared with their paths,
//! the route table has looked the path up in any case, and one look more finds the filter.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use tower::Service;
use warp::Filter;
use warp::http::{Method, Request};
use warp::reply::{Reply, Response};

use super::arrival::Arrival;
use super::error::Problem;
use super::operation::Endpoint;

/// Hands each request to the service `S` of its route and method.
pub(crate) struct Dispatch<S> {
    services: Arc<HashMap<(&'static str, Method), S>>,
}

impl<S> Clone for Dispatch<S> {
    fn clone(&self) -> Self {
        Self {
            services: Arc::clone(&self.services),
        }
    }
}

/// A dispatch to the filters of the endpoints.
pub(crate) fn to_endpoints<B>(
    endpoints: Vec<Endpoint>,
) -> Dispatch<
    impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + use<B>,
>
where
    B: hyper::body::Body + Send + Sync + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let services = endpoints.into_iter().map(|endpoint| {
        let operation = &endpoint.operation;
        let key = (operation.path, operation.method.clone());
        // Only a parameter that cannot be one gets to this.
        let filter = endpoint
            .filter
            .recover(|rejection: warp::Rejection| async move {
                tracing::debug!(?rejection, "the filter did not take the request");
                Ok::<_, Infallible>(Problem::NotFound.into_response())
            });
        (key, warp::service(filter.unify().boxed()))
    });
    Dispatch {
        services: Arc::new(services.collect()),
    }
}

impl<S, B> Service<Request<B>> for Dispatch<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Filters are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let route = request
            .extensions()
            .get::<Arrival>()
            .and_then(|arrival| arrival.route.as_ref());
        let service = route.and_then(|route| {
            let key = (route.pattern, request.method().clone());
            self.services.get(&key)
        });
        match service {
            Some(service) => Either::Left(service.clone().call(request)),
            // The gate has turned away what has no route or no such method.
            None => Either::Right(ready(Ok(Problem::NotFound.into_response()))),
        }
    }
}
