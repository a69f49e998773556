//! A kept connection: requests out, answers in.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::answer;

/// A connection that has nothing under way between two calls of [`ask`](Self::ask).
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(8 * 1024),
            body: Vec::new(),
        })
    }

    /// Sends a request and waits for its answer: status and body.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.received.clear();
        loop {
            let read = self.stream.read_buf(&mut self.received).await?;
            ensure!(read > 0, "the server has closed the connection");
            if let Some(answer) = answer::parse(&self.received, &mut self.body)? {
                ensure!(
                    answer.length == self.received.len(),
                    "more was answered than asked"
                );
                return Ok((answer.status, &self.body));
            }
        }
    }
}

/// An answer to what is not measured.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The value of the first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value.trim())
    }
}

/// One request over a connection of its own, for what is not measured.
///
/// # Errors
///
/// When there is no answer. Its status may be any.
pub(crate) fn ask_once(address: SocketAddr, request: &[u8]) -> Result<Reply> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(address).await?;
        let (status, body) = connection.ask(request).await?;
        let body = body.to_vec();
        let head = String::from_utf8_lossy(&connection.received);
        let head = head.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        Ok(Reply { status, head, body })
    })
}
