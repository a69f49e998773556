//! The layers around warp, from the outside in.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::{Body, Bytes};
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use warp::http::{Request, Response as HttpResponse};
use warp::reply::{Reply, Response};

use super::arrival::Reception;
use super::dispatch;
use super::dress::{Dress, Wardrobe};
use super::error::Problem;
use super::gate::Gate;
use super::log;
use super::operation::Endpoint;
use super::request_id::RequestIds;
use super::route_table::RouteTable;
use super::state::Settings;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The endpoints and everything around them as one service.
pub(crate) fn service<B>(
    settings: &Settings,
    ids: RequestIds,
    endpoints: Vec<Endpoint>,
) -> impl Service<
    Request<B>,
    Response = HttpResponse<impl Body<Data = Bytes, Error = BoxError> + Send + use<B>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send
+ use<B>
where
    B: Body + Send + Sync + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let table = RouteTable::new(endpoints.iter().map(|endpoint| {
        let operation = &endpoint.operation;
        (operation.method.clone(), operation.path, operation.public)
    }));
    let reception = Arc::new(Reception {
        proxies: settings.trusted_proxies.clone(),
        table,
    });
    let wardrobe = Arc::new(Wardrobe {
        cors: settings.cors.clone(),
        https: settings.public_url.is_https(),
    });
    let timeout = settings.request_timeout;

    ServiceBuilder::new()
        .map_request(move |request| reception.receive(request))
        .layer(SetRequestIdLayer::x_request_id(ids))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(log::span::<B>)
                .on_request(())
                .on_response(log::answered)
                .on_body_chunk(())
                .on_eos(())
                .on_failure(()),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer_fn(move |inner| Dress::new(inner, Arc::clone(&wardrobe)))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer_fn(move |inner| Gate::new(inner, timeout))
        .service(dispatch::to_endpoints(endpoints))
}

/// A panic is a bug of ours and the end of one request, not of the service. It has been
/// logged where it happened.
fn answer_panic(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::InternalError.into_response()
}
