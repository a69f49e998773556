//! A client's connection, with bounds on how long it can be held.
//!
//! hyper bounds how long a client may take to send a request's head. Two things are left,
//! both here: a client that never reads its answer, and one that is still sending when
//! the answer is complete.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a write may make no progress at all.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// How long a closed connection waits for more of what the client is still sending.
const LINGER_IDLE: Duration = Duration::from_millis(500);

/// How much of that it throws away before it gives up, in bytes.
const LINGER_MAX: usize = 64 * 1024 * 1024;

/// A TCP stream that gives up on a client which does not read, and that closes without
/// taking the answer away from one which has not finished sending.
pub(super) struct ClientSocket {
    stream: TcpStream,
    stall: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
}

struct Linger {
    idle: Pin<Box<Sleep>>,
    discarded: usize,
}

impl ClientSocket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            stall: None,
            linger: None,
        }
    }

    /// Passes on what a write came to, unless it has come to nothing for too long.
    fn bound_stall<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stall = None;
            return result;
        }
        let limit = self
            .stall
            .get_or_insert_with(|| Box::pin(sleep(STALL_LIMIT)));
        ready!(limit.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound_stall(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bound_stall(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says that nothing more will come, then throws away what still arrives.
    ///
    /// A socket that is closed with unread bytes in it resets the connection, and the
    /// reset can overtake the answer: whoever sent 10 MiB would see no 413 but an error.
    /// RFC 9112 section 9.6 asks for this.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let linger = this.linger.get_or_insert_with(|| Linger {
            idle: Box::pin(sleep(LINGER_IDLE)),
            discarded: 0,
        });
        let mut scratch = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.discarded += buffer.filled().len();
                    if linger.discarded > LINGER_MAX {
                        return Poll::Ready(Ok(()));
                    }
                    linger.idle.set(sleep(LINGER_IDLE));
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return linger.idle.as_mut().poll(cx).map(Ok),
            }
        }
    }
}
