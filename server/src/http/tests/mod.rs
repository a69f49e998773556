//! The server around warp, talked to through raw sockets.

mod limits;
mod requests;
mod shutdown;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use warp::Filter;
use warp::http::Method;

use super::body::{Body, body};
use super::caller::{Caller, caller};
use super::error::ApiError;
use super::operation::{Endpoint, Operation};
use super::request_id::RequestIds;
use super::serve::{Ended, Limits, serve};
use super::service::service;
use super::state::Settings;
use crate::config::Config;
use crate::domain::clock::{SystemClock, Timestamp};
use crate::domain::entropy::SystemEntropy;

/// A server with a few endpoints that misbehave on demand.
struct Server {
    address: SocketAddr,
    /// Lets `/wait` answer.
    go: Arc<Notify>,
    /// Says that somebody is in `/wait`.
    waiting: Arc<Notify>,
    stop: oneshot::Sender<()>,
    end: oneshot::Sender<()>,
    running: JoinHandle<Ended>,
}

fn limits() -> Limits {
    Limits {
        header_timeout: Duration::from_secs(30),
        max_connections: 64,
        shutdown_deadline: Duration::from_secs(30),
    }
}

impl Server {
    async fn start() -> Self {
        Self::start_with(limits(), Config::default()).await
    }

    async fn start_with(limits: Limits, config: Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let settings = Settings::new(&config, config.public_url(address), "issuer".to_owned());
        let ids = RequestIds::new(Arc::new(SystemClock), Arc::new(SystemEntropy));
        let (go, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let service = service(&settings, ids, endpoints(&go, &waiting));
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let running = tokio::spawn(serve(
            listener,
            service,
            limits,
            async { drop(stopped.await) },
            async { drop(ended.await) },
        ));
        Self {
            address,
            go,
            waiting,
            stop,
            end,
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    /// Sends bytes on a connection of their own and reads until the server closes it.
    async fn send(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_ref()).await.expect("sent");
        rest(&mut stream).await
    }
}

fn endpoints(go: &Arc<Notify>, waiting: &Arc<Notify>) -> Vec<Endpoint> {
    let (go, waiting) = (Arc::clone(go), Arc::clone(waiting));
    vec![
        Operation::new(Method::GET, "/hello").answered_by(|route| route.map(|| "hello")),
        Operation::new(Method::GET, "/public")
            .public()
            .answered_by(|route| route.map(|| "public")),
        Operation::new(Method::GET, "/panic")
            .answered_by(|route| route.map(|| -> &str { panic!("a test panics") })),
        Operation::new(Method::GET, "/wait").answered_by(|route| {
            route.then(move || {
                let (go, waiting) = (Arc::clone(&go), Arc::clone(&waiting));
                async move {
                    waiting.notify_one();
                    go.notified().await;
                    "waited"
                }
            })
        }),
        Operation::new(Method::POST, "/length").answered_by(|route| {
            route.and(body(64 * 1024)).then(|body: Body| async {
                Ok::<_, ApiError>(body.json().await?.len().to_string())
            })
        }),
        Operation::new(Method::GET, "/address").answered_by(|route| {
            route.and(caller()).map(|caller: Caller| {
                let cx = caller.context(Timestamp::from_seconds(0));
                format!("{:?} {:?}", cx.address, cx.request_id)
            })
        }),
        Operation::new(Method::DELETE, "/things/{id}")
            .answered_by_parameter(|route| route.map(|id: String| id)),
    ]
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    String::from_utf8(bytes).expect("UTF-8")
}

/// Reads one answer that has a length, and leaves the connection open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await.expect("an answer");
        text.push(char::from(byte[0]));
        if text.ends_with("\r\n\r\n") {
            break;
        }
    }
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body");
    text + std::str::from_utf8(&body).expect("UTF-8")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}
