//! `/health` for people and monitors, `/health/live` and `/health/ready` for
//! orchestrators.

use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter;
use warp::http::StatusCode;
use warp::http::header::RETRY_AFTER;
use warp::reply::Response;

use super::bodies::json;
use super::with;
use crate::http::operation::{Endpoint, Operation};
use crate::http::state::Shared;

/// Seconds after which an orchestrator may look again.
const RETRY_AFTER_SECONDS: u16 = 1;

/// How the service is.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Health {
    status: Status,
    database: Database,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Status {
    Healthy,
    Unhealthy,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Database {
    Connected,
    Disconnected,
}

/// That the process runs.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Alive {
    status: &'static str,
}

pub(crate) fn read(operation: Operation, state: &Shared) -> Endpoint {
    checked(
        operation.named("health", "Whether the service and its database work"),
        state,
    )
}

pub(crate) fn ready(operation: Operation, state: &Shared) -> Endpoint {
    checked(
        operation.named("ready", "Whether requests can be served now"),
        state,
    )
}

pub(crate) fn live(operation: Operation, _: &Shared) -> Endpoint {
    operation
        .named("live", "Whether the process runs; asks nobody else")
        .answer::<Alive>(StatusCode::OK, "It runs.")
        .answered_by(|route| route.map(|| json(&Alive { status: "alive" })))
}

fn checked(operation: Operation, state: &Shared) -> Endpoint {
    operation
        .answer::<Health>(StatusCode::OK, "All is well.")
        .answer::<Health>(
            StatusCode::SERVICE_UNAVAILABLE,
            "The database does not answer.",
        )
        .answered_by(|route| route.and(with(state)).then(check))
}

async fn check(state: Shared) -> Response {
    if state.health.is_connected().await {
        return json(&Health {
            status: Status::Healthy,
            database: Database::Connected,
        });
    }
    let mut response = json(&Health {
        status: Status::Unhealthy,
        database: Database::Disconnected,
    });
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
        .headers_mut()
        .insert(RETRY_AFTER, RETRY_AFTER_SECONDS.into());
    response
}
