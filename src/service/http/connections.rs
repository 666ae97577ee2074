//! The connections of the endpoint: so many at a time, and none that keeps its place without being answered.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

/// Connections at a time; more wait until one is free.
const CONNECTIONS_MAX: usize = 128;
/// A connection is closed when nothing was answered on it for so long: an unfinished request, or none, or a client that
/// does not read.
const UNANSWERED_MAX: Duration = Duration::from_secs(10);

/// A listener with these limits.
pub(super) struct Connections {
    listener: TcpListener,
    places: Arc<Semaphore>,
    unanswered_max: Duration,
}

impl Connections {
    pub(super) fn of(listener: TcpListener) -> Self {
        Self::limited(listener, CONNECTIONS_MAX, UNANSWERED_MAX)
    }

    fn limited(listener: TcpListener, places: usize, unanswered_max: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(places)),
            unanswered_max,
        }
    }
}

impl axum::serve::Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let places = self.places.clone();
        let place = places
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore");
        // What axum does for a plain listener where accepting fails: try again after a while.
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            deadline: Box::pin(sleep(self.unanswered_max)),
            unanswered_max: self.unanswered_max,
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when it is not answered.
pub(super) struct Connection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    unanswered_max: Duration,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// An error once the time is over; before that, the polling task is woken when it is over.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        let deadline = now() + self.unanswered_max;
        self.deadline.as_mut().reset(deadline);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The runtime's own clock, which its timers go by.
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    /// An endpoint with one place and half a second; it ends with the test.
    fn serve() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let connections = Connections::limited(listener, 1, Duration::from_millis(500));
                let routes = axum::Router::new().route("/", axum::routing::get(|| async { "ok" }));
                axum::serve(connections, routes).await.unwrap();
            });
        });
        address
    }

    fn connect(address: SocketAddr) -> std::net::TcpStream {
        let stream = std::net::TcpStream::connect(address).unwrap();
        // Longer than the endpoint's limit: a connection that is not closed fails the test.
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    #[test]
    fn a_request_that_never_ends_is_cut_off_and_the_next_one_is_answered() {
        let address = serve();
        let mut slow = connect(address);
        slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").unwrap();
        // Waits for the only place.
        let mut next = connect(address);
        next.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut rest = Vec::new();
        // Closed or reset; either way it ends, and nothing was answered.
        let _end = slow.read_to_end(&mut rest);
        assert_eq!(rest, b"");
        let mut answer = String::new();
        next.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
