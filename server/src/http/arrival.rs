//! What is known about a request before anything looks inside: an extension that every
//! layer and handler can read.

use std::net::IpAddr;
use std::sync::Arc;

use warp::http::Request;

use super::client_addr::TrustedProxies;
use super::request_id;
use super::route_table::{Route, RouteTable};
use super::serve::Peer;

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// The client's address, through trusted proxies.
    pub(crate) client: IpAddr,
    /// The route, if the path has one.
    pub(crate) route: Option<Arc<Route>>,
}

impl Arrival {
    /// The route as the log shows it: never the path itself, which may hold anything.
    pub(crate) fn pattern(&self) -> &'static str {
        self.route.as_ref().map_or("unknown", |route| route.pattern)
    }
}

/// Makes an [`Arrival`] of every request.
#[derive(Debug)]
pub(crate) struct Reception {
    pub(crate) proxies: TrustedProxies,
    pub(crate) table: RouteTable,
}

impl Reception {
    /// Notes where the request comes from and where it goes, and forgets a request id
    /// that nobody trustworthy gave.
    pub(crate) fn receive<B>(&self, mut request: Request<B>) -> Request<B> {
        // Without a socket there is no peer, and nobody to trust.
        let peer = request
            .extensions()
            .get::<Peer>()
            .map_or(IpAddr::from([0, 0, 0, 0]), |Peer(address)| address.ip());
        let trusted = self.proxies.contain(peer.to_canonical());
        request_id::keep_only_trusted(request.headers_mut(), trusted);

        let arrival = Arrival {
            client: self.proxies.client(peer, request.headers()),
            route: self.table.find(request.uri().path()).cloned(),
        };
        request.extensions_mut().insert(arrival);
        request
    }
}
