//! A network between the server and its database that does what networks do.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What the network does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It carries it.
    Good,
    /// It carries it, later.
    Slow(Duration),
    /// It keeps everything to itself, and says nothing: a cable is out, a firewall has
    /// forgotten the connection. When it is good again, what it kept goes on its way.
    BlackHole,
    /// Every connection breaks, the new ones too.
    Cut,
}

/// A TCP proxy on a port of 127.0.0.1; it ends with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    // Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl Proxy {
    /// A good network to a port of 127.0.0.1. It runs on a thread of its own, so that a
    /// test that is busy does not slow it down.
    ///
    /// # Panics
    ///
    /// When no port is free.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let (network, watched) = watch::channel(Network::Good);
        let (end, ended) = oneshot::channel();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, port, watched) => {}
                    // The other end is dropped, never used.
                    _ = ended => {}
                }
            });
        });
        Self {
            address,
            network,
            _end: end,
        }
    }

    /// `127.0.0.1:12345`
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on the network is like this, also for the connections that are there.
    pub fn becomes(&self, network: Network) {
        self.network.send_replace(network);
    }
}

async fn accept(listener: std::net::TcpListener, port: u16, network: watch::Receiver<Network>) {
    listener.set_nonblocking(true).expect("a listener");
    let listener = TcpListener::from_std(listener).expect("a listener");
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.expect("a connection");
        connections.spawn(carry(near, port, network.clone()));
    }
}

/// One connection, until either end or the network breaks it.
async fn carry(near: TcpStream, port: u16, network: watch::Receiver<Network>) {
    let mut cut = network.clone();
    let both_ways = async {
        let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            return;
        };
        let (near_reader, near_writer) = near.into_split();
        let (far_reader, far_writer) = far.into_split();
        tokio::join!(
            pump(near_reader, far_writer, network.clone()),
            pump(far_reader, near_writer, network.clone()),
        );
    };
    tokio::select! {
        () = both_ways => {}
        // The sender lives as long as this does.
        _ = cut.wait_for(|network| *network == Network::Cut) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut network: watch::Receiver<Network>,
) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let through = network.wait_for(|network| *network != Network::BlackHole);
        let Ok(now) = through.await.map(|network| *network) else {
            return;
        };
        if let Network::Slow(delay) = now {
            sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
    // The end goes the same way as what came before it.
    let _ = network
        .wait_for(|network| *network != Network::BlackHole)
        .await;
}
