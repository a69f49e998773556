//! The running service: a bound listener, then requests until it is told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::http::{self, AppState, Ended, Limits};

/// A service that has its address but answers nobody yet.
///
/// Binding comes first because the address decides what the service calls itself: the
/// issuer of its tokens, for one, when nothing is configured and the system chose the
/// port.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl App {
    /// Takes the configured address.
    ///
    /// # Errors
    ///
    /// What the system says, such as that the address is in use.
    pub async fn bind(config: &Config) -> io::Result<Self> {
        let listener = TcpListener::bind(config.server.listen).await?;
        let address = listener.local_addr()?;
        let limits = Limits {
            header_timeout: config.server.header_timeout,
            max_connections: config.server.max_connections,
            shutdown_deadline: config.server.shutdown_deadline,
        };
        Ok(Self {
            listener,
            address,
            limits,
        })
    }

    /// The address that it really has.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then finishes what runs until its deadline; ends at
    /// once when `end` is ready after that.
    pub async fn run(
        self,
        state: Arc<AppState>,
        stop: impl Future<Output = ()>,
        end: impl Future<Output = ()>,
    ) -> Ended {
        http::run(self.listener, &state, self.limits, stop, end).await
    }
}
