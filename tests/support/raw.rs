//! A connection and nothing more, for what no well-behaved client sends.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wait::SAFETY_NET;

/// A TCP connection to the server.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Raw {
    pub(crate) async fn connect(address: &str) -> Self {
        Self {
            stream: TcpStream::connect(address).await.expect("a connection"),
            received: Vec::new(),
        }
    }

    /// Sends bytes. The server may have hung up: what it answered before counts.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.try_send(bytes).await;
        self
    }

    /// Sends bytes.
    ///
    /// # Errors
    ///
    /// When the server has hung up.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Reads the status line and the headers of an answer to HEAD, which has no body.
    ///
    /// # Panics
    ///
    /// When the server hangs up without an answer.
    pub async fn head(&mut self) -> String {
        self.next_head().await.expect("an answer")
    }

    /// Reads the next answer; none when the server hangs up without one.
    ///
    /// # Panics
    ///
    /// When what comes is not HTTP, or nothing comes.
    pub async fn answer(&mut self) -> Option<RawAnswer> {
        let head = self.next_head().await?;
        let status = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("not HTTP: {head}"));
        let length: usize = header(&head, "content-length")
            .map_or(0, |length| length.parse().expect("a content length"));
        while self.received.len() < length {
            assert!(self.receive().await, "the body of an answer is cut: {head}");
        }
        Some(RawAnswer {
            status,
            body: self.received.drain(..length).collect(),
            head,
        })
    }

    async fn next_head(&mut self) -> Option<String> {
        let head_end = loop {
            if let Some(at) = self
                .received
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            {
                break at + 4;
            }
            if !self.receive().await {
                assert!(self.received.is_empty(), "half an answer: {self:?}");
                return None;
            }
        };
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        Some(String::from_utf8(head).expect("headers of text"))
    }

    /// Waits until the server hangs up, whatever it sends before.
    pub async fn closed(&mut self) {
        while self.receive().await {}
    }

    /// Reads what there is; says whether there was something.
    async fn receive(&mut self) -> bool {
        let read = timeout(SAFETY_NET, self.stream.read_buf(&mut self.received))
            .await
            .expect("an answer or the end of the connection");
        // A reset is an end as well.
        read.is_ok_and(|read| read > 0)
    }
}

impl RawAnswer {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
