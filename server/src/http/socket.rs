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

/// What a closed connection does for a client that is still sending.
const LINGER: LingerLimits = LingerLimits {
    idle: Duration::from_millis(500),
    longest: Duration::from_secs(10),
    bytes: 64 * 1024 * 1024,
};

/// A TCP stream that gives up on a client which does not read, and that closes without
/// taking the answer away from one which has not finished sending.
pub(super) struct ClientSocket {
    stream: TcpStream,
    stall: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
    linger_limits: LingerLimits,
}

/// When a closed connection is given up.
#[derive(Clone, Copy, Debug)]
struct LingerLimits {
    /// How long it waits for more.
    idle: Duration,
    /// How long it waits in all: a byte now and then does not keep it open.
    longest: Duration,
    /// How many bytes it throws away.
    bytes: usize,
}

struct Linger {
    idle: Pin<Box<Sleep>>,
    end: Pin<Box<Sleep>>,
    discarded: usize,
}

impl ClientSocket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            stall: None,
            linger: None,
            linger_limits: LINGER,
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
        let limits = this.linger_limits;
        let linger = this.linger.get_or_insert_with(|| Linger {
            idle: Box::pin(sleep(limits.idle)),
            end: Box::pin(sleep(limits.longest)),
            discarded: 0,
        });
        if linger.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0; 16 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    linger.discarded += buffer.filled().len();
                    if linger.discarded > limits.bytes {
                        return Poll::Ready(Ok(()));
                    }
                    linger.idle.set(sleep(limits.idle));
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return linger.idle.as_mut().poll(cx).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// A client that neither finishes nor goes away, and its closed connection.
    async fn close_on_a_sender(linger_limits: LingerLimits) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let mut client = client.expect("connects");
        let (stream, _) = accepted.expect("accepts");
        let mut socket = ClientSocket {
            linger_limits,
            ..ClientSocket::new(stream)
        };
        let sending = async {
            loop {
                client.write_all(b"more").await.expect("the socket is open");
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            closed = socket.shutdown() => closed.expect("closes"),
            () = sending => {}
        }
    }

    #[tokio::test]
    async fn a_byte_now_and_then_does_not_keep_a_connection() {
        let for_ever = Duration::from_secs(3600);
        close_on_a_sender(LingerLimits {
            idle: for_ever,
            longest: Duration::from_millis(20),
            bytes: usize::MAX,
        })
        .await;
    }

    #[tokio::test]
    async fn nor_does_one_byte_after_the_other() {
        let for_ever = Duration::from_secs(3600);
        close_on_a_sender(LingerLimits {
            idle: for_ever,
            longest: for_ever,
            bytes: 20,
        })
        .await;
    }
}
