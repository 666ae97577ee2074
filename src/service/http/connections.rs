//! The connections of the endpoint: so many at a time, so many of one address, and none that keeps its place without being
//! answered.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Router, body::Body, http::Request};
use hyper::{server::conn::http1, service::Service as _, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

use super::{
    door::Doors,
    places::{Place, Places},
    tls,
};

/// Bounds on what clients may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Connections at a time; more wait until one is free.
    pub all: usize,
    /// Connections of one address; more are closed at once.
    pub of_one: usize,
    /// A connection is closed when nothing was answered on it for so long: an unfinished request, or none, or a client that
    /// does not read.
    pub unanswered: Duration,
}

impl Bounds {
    pub(super) const USUAL: Self = Self {
        all: 256,
        of_one: 128,
        unanswered: Duration::from_secs(10),
    };
}

/// Bytes of a request's line and headers.
const HEAD_MAX: usize = 16 * 1024;
/// After a failure to accept, such as too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub struct Caller(pub IpAddr);

/// Accepts connections for ever.
pub(super) async fn serve(listener: TcpListener, bounds: Bounds, doors: Doors, routes: Router) {
    let places = Arc::new(Semaphore::new(bounds.all));
    // All of them together wait for `places`.
    let seats = Places::new(usize::MAX, bounds.of_one);
    let routes = TowerToHyperService::new(routes);
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_client(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let caller = Caller(address.ip().to_canonical());
        let Ok(seat) = seats.take(caller.0) else {
            continue;
        };
        // Small answers and events go out at once. A socket that refuses is served all the same.
        let _refused = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            deadline: Box::pin(sleep(bounds.unanswered)),
            unanswered: bounds.unanswered,
            _place: place,
            _seat: seat,
        };
        let tls = doors.now().tls.clone();
        let routes = routes.clone();
        tokio::spawn(async move {
            match tls {
                None => answer(connection, bounds, caller, routes).await,
                Some(tls) => match tls::Acceptor::from(tls).accept(connection).await {
                    Ok(stream) => answer(stream, bounds, caller, routes).await,
                    // A stranger, or a client without a certificate.
                    Err(error) => tracing::debug!(%error, "no TLS with a client"),
                },
            }
        });
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Answers the requests of one connection.
async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    bounds: Bounds,
    caller: Caller,
    routes: TowerToHyperService<Router>,
) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        routes.call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.unanswered)
        .max_header_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended");
    }
}

/// A connection that ends when it is not answered.
struct Connection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    unanswered: Duration,
    _place: OwnedSemaphorePermit,
    _seat: Place,
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
        let deadline = now() + self.unanswered;
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
mod tests;
