//! The HTTP side: warp filters that call use cases, and the server around them.
//!
//! ```text
//! serve      accepts connections on a bound listener; limits, timeouts, shutdown
//! service    the layers around warp: arrival, request id, log, headers, panics, gate
//! routes/    the handlers by noun, each with its declaration (operation, fields)
//! dispatch   from a route to its filter
//! error      the only table of problems and their statuses
//! openapi    the description, made from the declarations
//! ```
//!
//! A handler parses, calls one use case and answers. It knows no SQL.

mod arrival;
mod body;
mod caller;
mod client_addr;
mod cookie;
mod cors;
mod cross_site;
mod database_health;
mod dispatch;
mod docs_page;
mod document;
mod dress;
mod error;
mod fields;
mod form;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod given;
mod idle;
mod log;
mod negotiate;
mod oauth_error;
mod openapi;
mod operation;
mod pages;
mod rate_limit;
mod request_id;
mod route_table;
mod routes;
mod security_headers;
mod serve;
mod service;
mod socket;
mod state;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use warp::http::Method;

use self::operation::{Endpoint, Operation};
use self::request_id::RequestIds;
use self::routes::pages::{account, sign_in, sign_up, token};
use self::routes::{
    assets, docs, health, home, me, oauth, password_policy, sessions, status_lists, users,
    well_known,
};
pub use self::serve::Ended;
pub(crate) use self::serve::Limits;
use self::state::Shared;
pub use self::state::{AppState, Services, Settings};

/// Completes the declaration of an operation with the filter that answers it.
type Declare = fn(Operation, &Shared) -> Endpoint;

/// Every route but those that describe the others.
const ROUTES: &[(Method, &str, Declare)] = &[
    (Method::GET, "/", home::read),
    (Method::GET, "/signup", sign_up::show),
    (Method::POST, "/signup", sign_up::send),
    (Method::GET, "/signin", sign_in::show),
    (Method::POST, "/signin", sign_in::send),
    (Method::POST, "/signout", sign_in::sign_out),
    (Method::GET, "/account", account::show),
    (Method::POST, "/account/password", account::change_password),
    (Method::POST, "/account/sessions/end", account::end_session),
    (
        Method::POST,
        "/account/sessions/end-all",
        account::end_sessions,
    ),
    (Method::POST, "/account/token", token::exchange),
    (Method::GET, "/assets/{file}", assets::own),
    (
        Method::GET,
        "/assets/latchkey-verifier/{file}",
        assets::package,
    ),
    (
        Method::GET,
        "/assets/latchkey-verifier/lib/{file}",
        assets::package,
    ),
    (
        Method::GET,
        "/assets/latchkey-verifier/wasm/{file}",
        assets::package,
    ),
    (Method::GET, "/health", health::read),
    (Method::GET, "/health/live", health::live),
    (Method::GET, "/health/ready", health::ready),
    (Method::GET, "/.well-known/jwks.json", well_known::jwks),
    (
        Method::GET,
        "/.well-known/oauth-authorization-server",
        well_known::metadata,
    ),
    (
        Method::GET,
        "/api/v1/password-policy",
        password_policy::read,
    ),
    (Method::POST, "/api/v1/users/signup", users::sign_up),
    (Method::POST, "/api/v1/users/signin", users::sign_in),
    (Method::POST, "/api/v1/users/refresh", sessions::refresh),
    (Method::POST, "/api/v1/users/logout", sessions::log_out),
    (Method::GET, "/api/v1/users/me", me::read),
    (Method::PATCH, "/api/v1/users/me", me::update),
    (Method::DELETE, "/api/v1/users/me", me::delete),
    (
        Method::POST,
        "/api/v1/users/me/password",
        me::change_password,
    ),
    (Method::GET, "/api/v1/users/me/sessions", sessions::list),
    (
        Method::DELETE,
        "/api/v1/users/me/sessions",
        sessions::end_all,
    ),
    (
        Method::DELETE,
        "/api/v1/users/me/sessions/{session_id}",
        sessions::end,
    ),
    (Method::GET, "/status-lists/{id}", status_lists::read),
    (Method::POST, "/oauth/token", oauth::token::refresh),
    (Method::POST, "/oauth/revoke", oauth::revoke::revoke),
    (
        Method::POST,
        "/oauth/introspect",
        oauth::introspect::introspect,
    ),
];

/// Those.
const DESCRIPTIONS: [(Method, &str); 3] = [
    (Method::GET, "/openapi.json"),
    (Method::GET, "/docs"),
    (Method::GET, "/problems/{code}"),
];

/// Answers requests on a bound listener until `stop` is ready, then finishes what runs;
/// ends at once when `end` is ready after that.
pub(crate) async fn run(
    listener: TcpListener,
    state: &Shared,
    limits: Limits,
    stop: impl Future<Output = ()>,
    end: impl Future<Output = ()>,
) -> Ended {
    let ids = RequestIds::new(Arc::clone(&state.clock), Arc::clone(&state.entropy));
    let service = service::service(&state.settings, ids, endpoints(state));
    serve::serve(listener, service, limits, stop, end).await
}

fn endpoints(state: &Shared) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = ROUTES
        .iter()
        .map(|(method, path, declare)| declare(Operation::new(method.clone(), path), state))
        .collect();
    if state.settings.docs {
        let descriptions = DESCRIPTIONS.map(|(method, path)| Operation::new(method, path));
        let descriptions = docs::endpoints(descriptions, &endpoints, &state.settings);
        endpoints.extend(descriptions);
    }
    endpoints
}
