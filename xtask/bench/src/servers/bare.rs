//! The floor: warp with next to nothing in it.
//!
//! The benchmark starts itself as another process, so that its load generator and this
//! server share no more than those of the others do.

use std::env;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use latchkey_verifier::{Algorithm, KeySet, NumericDate, Options, Verifier};
use tokio::net::TcpListener;
use warp::http::{Response, StatusCode};
use warp::{Filter, Reply};

use super::SECRET;
use super::process::Process;

/// The hidden name under which the benchmark is this server.
pub(crate) const NAME: &str = "bare-warp";

/// Where the server finds the key set that tokens are checked with.
const KEYS: &str = "LATCHKEY_BENCH_KEYS";

/// What both routes answer.
const ANSWER: &str = r#"{"user_id":"0198c0de-0000-7000-8000-000000000000","name":"Somebody","email":"somebody@example.org","age":null,"created_at":"2025-01-01T00:00:00.000Z","updated_at":"2025-01-01T00:00:00.000Z"}"#;

/// Starts it: `/json` answers as it is, `/checked` to whoever has a token that is good by
/// the key set `jwks` or by [`SECRET`].
pub(crate) fn start(folder: &Path, jwks: &str) -> Result<Process> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(NAME).env(KEYS, jwks);
    Process::that_says_where(&command, &folder.join("bare.log"))
}

/// The server itself, until it is ended.
pub(crate) fn serve() -> Result<()> {
    let jwks = env::var(KEYS).with_context(|| format!("{KEYS} is not set"))?;
    let mut keys = KeySet::from_jwks(&jwks)?;
    keys.add_secret(None, SECRET.as_bytes(), &[Algorithm::Hs256])?;
    let verifier = Arc::new(Verifier::new(keys, Options::default()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        warp::serve(routes(verifier)).incoming(listener).run().await;
        Ok(())
    })
}

fn routes(
    verifier: Arc<Verifier>,
) -> impl Filter<Extract = (impl Reply,), Error = warp::Rejection> + Clone {
    let plain = warp::path!("json").map(|| answer(StatusCode::OK));
    let checked = warp::path!("checked")
        .and(warp::header::<String>("authorization"))
        .map(move |header: String| {
            let token = header.strip_prefix("Bearer ").unwrap_or_default();
            let good = now().is_some_and(|now| verifier.verify(token, now).is_ok());
            answer(if good {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            })
        });
    warp::get().and(plain.or(checked).unify())
}

fn answer(status: StatusCode) -> Response<&'static str> {
    let mut response = Response::new(ANSWER);
    *response.status_mut() = status;
    let json = warp::http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "the tokens that it checks were made by the same clock"
)]
fn now() -> Option<NumericDate> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    NumericDate::from_seconds_f64(since.ok()?.as_secs_f64())
}
