//! `/metrics`, `/healthz`, `/readyz`, and the signals that end the program: on a thread and a runtime
//! of their own, so that they answer when the data plane is busy.
//!
//! Promises: what others do to the address costs a bounded number of connections, each for a bounded time. Where the config
//! names users or tokens, only /healthz and /readyz are answered without a login.

mod attempts;
mod connections;
mod door;
mod guard;
pub mod host;
mod places;
mod refusal;
mod tls;
mod users;
mod web_config;

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use demograph_core::record::EventTime;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

pub use connections::Caller;
pub use places::{Full, Place, Places};

use connections::Bounds;
use door::{Door, Doors};
use guard::Guard;

use crate::{clock, metrics::Metrics, shutdown::Shutdown};

/// Without a sign of life from the poll loop for so long, `/healthz` fails.
const SILENCE_MAX_MILLIS: i64 = 60_000;

/// What the probes tell. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Signs>);

#[derive(Debug, Default)]
struct Signs {
    is_ready: AtomicBool,
    last_beat: AtomicI64,
    /// When any broker answered last; 0 before.
    broker_answered: AtomicI64,
}

impl Health {
    /// The poll loop went round.
    pub fn beat(&self) {
        self.0.last_beat.store(clock::now().0, Ordering::Relaxed);
    }

    /// When any broker answered last.
    pub fn hear(&self, at: EventTime) {
        self.0.broker_answered.store(at.0, Ordering::Relaxed);
    }

    pub(crate) fn broker_answered(&self) -> Option<EventTime> {
        let at = self.0.broker_answered.load(Ordering::Relaxed);
        (at > 0).then_some(EventTime(at))
    }

    /// The model is loaded, the group has given this instance partitions, and they are read.
    pub fn set_ready(&self, is_ready: bool) {
        self.0.is_ready.store(is_ready, Ordering::Relaxed);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Relaxed)
    }

    pub(crate) fn is_alive(&self) -> bool {
        let beat = self.0.last_beat.load(Ordering::Relaxed);
        beat == 0 || clock::now().0 - beat < SILENCE_MAX_MILLIS
    }
}

/// Paths beside the endpoint's own.
pub type Routes = Router;

/// Metrics that an endpoint shows.
pub trait Exposed: Send + Sync {
    /// The text exposition format: all metrics, or those with one of these names.
    fn render(&self, names: &[String]) -> String;
}

impl Exposed for Metrics {
    fn render(&self, names: &[String]) -> String {
        Self::render(self, names)
    }
}

/// The control thread's parts.
pub struct Control {
    /// Shown one after the other at /metrics.
    pub metrics: Vec<Box<dyn Exposed>>,
    pub health: Health,
    pub answers: Answers,
    pub shutdown: Shutdown,
    /// How long draining may take after a signal.
    pub drain_max: Duration,
}

/// What the probes answer where something is wrong, each as one line.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    pub not_alive: &'static str,
    pub not_ready: &'static str,
}

impl Answers {
    /// Of the stream processor.
    pub const OF_RUN: Self = Self {
        not_alive: "the poll loop has been silent for a minute\n",
        not_ready: "no partitions, or one that has waited for a minute to be read\n",
    };
}

/// Where the endpoint answers, and whom.
#[derive(Debug, Clone, Default)]
pub struct Listen {
    /// Address and port.
    pub address: String,
    /// The address may be one that others reach, without TLS and logins.
    pub insecure: bool,
    /// TLS and users, as Prometheus' exporters have them.
    pub web_config: Option<PathBuf>,
    /// Hashes of bearer tokens.
    pub tokens: Option<PathBuf>,
    /// Pages of these origins may ask.
    pub cors_origins: Vec<String>,
}

impl Listen {
    /// Reads the files that say who may look, and says what it found.
    pub fn inspect(&self) -> anyhow::Result<String> {
        Ok(Door::open(self)?.line())
    }
}

/// The endpoint while it answers.
pub struct Endpoint {
    /// The bound address.
    pub address: SocketAddr,
    scheme: &'static str,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Endpoint {
    /// Where it answers, with "http" or "https".
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Ends it: connections are closed, and its thread is joined.
    pub fn end(self) -> anyhow::Result<()> {
        // It may have ended by itself, which it has logged.
        let _ended = self.stop.send(());
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the control thread panicked"))
    }
}

/// Whether only this machine reaches the address.
pub fn is_local(listen: &str) -> bool {
    let address = listen.parse::<SocketAddr>();
    address.is_ok_and(|address| address.ip().is_loopback())
}

/// What `/` says where there is no page.
pub fn index() -> Routes {
    const LINKS: &str = "<title>demograph</title><h1>demograph</h1>\
        <p><a href=/metrics>/metrics</a> <a href=/healthz>/healthz</a> <a href=/readyz>/readyz</a>";
    Router::new().route("/", get(async || Html(LINKS)))
}

/// Binds the address and answers on a thread of its own until [`Endpoint::end`]. `more` is answered too.
pub fn serve(listen: Listen, control: Control, more: Routes) -> anyhow::Result<Endpoint> {
    let doors = Doors::open(&listen)?;
    let address = listen.address.clone();
    open(&address, &doors.clone(), |listener| {
        answer(listener, listen, doors, control, more)
    })
}

/// Answers at an address of this machine without TLS and logins, without the endpoint's own paths and without an ear for
/// signals: beside the endpoint that has them.
pub fn serve_beside(address: &str, routes: Routes) -> anyhow::Result<Endpoint> {
    let doors = Doors::open(&Listen {
        address: address.to_owned(),
        ..Listen::default()
    })?;
    open(address, &doors.clone(), async |listener| {
        let guard = Guard::new(doors.clone(), &[]);
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let routes = routes.layer(axum::middleware::from_fn_with_state(guard, guard::pass));
        connections::serve(listener, Bounds::USUAL, doors, routes).await;
        Ok(())
    })
}

fn open<Answers>(
    address: &str,
    doors: &Doors,
    answer: impl FnOnce(TcpListener) -> Answers,
) -> anyhow::Result<Endpoint>
where
    Answers: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(address).with_context(|| {
        format!("http.listen = {address:?}: cannot listen; is another demograph running?")
    })?;
    listener
        .set_nonblocking(true)
        .context("prepare the HTTP socket")?;
    let address = listener.local_addr().context("read the HTTP address")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the control runtime")?;
    let (stop, stopped) = oneshot::channel();
    let scheme = match doors.now().tls {
        Some(_) => "https",
        None => "http",
    };
    let answers = answer(listener);
    let body = async move {
        tokio::select! {
            ended = answers => ended,
            _ = stopped => Ok(()),
        }
    };
    let thread = std::thread::Builder::new()
        .name("control".into())
        .spawn(move || {
            if let Err(error) = runtime.block_on(body) {
                tracing::error!(error = format!("{error:#}"), "the HTTP endpoint ended");
            }
        })
        .context("start the control thread")?;
    Ok(Endpoint {
        address,
        scheme,
        stop,
        thread,
    })
}

async fn answer(
    listener: TcpListener,
    listen: Listen,
    doors: Doors,
    control: Control,
    more: Routes,
) -> anyhow::Result<()> {
    let guard = Guard::new(doors.clone(), &listen.cors_origins);
    tokio::spawn(doors.clone().watch(listen));
    tokio::spawn(stop_on_signals(control.shutdown.clone(), control.drain_max));
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(Arc::new(control))
        .merge(more)
        .layer(axum::middleware::from_fn_with_state(guard, guard::pass));
    connections::serve(listener, Bounds::USUAL, doors, routes).await;
    Ok(())
}

/// `?name[]=demograph_records_total&name[]=…` asks for these alone, as with other exporters.
async fn metrics(
    State(control): State<Arc<Control>>,
    RawQuery(query): RawQuery,
) -> impl IntoResponse {
    let query = query.unwrap_or_default();
    let names: Vec<String> = url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == "name[]")
        .map(|(_, name)| name.into_owned())
        .collect();
    let parts = control.metrics.iter().map(|part| part.render(&names));
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        parts.collect::<String>(),
    )
}

async fn healthz(State(control): State<Arc<Control>>) -> impl IntoResponse {
    match control.health.is_alive() {
        true => (StatusCode::OK, "ok\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, control.answers.not_alive),
    }
}

async fn readyz(State(control): State<Arc<Control>>) -> impl IntoResponse {
    match control.health.is_ready() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, control.answers.not_ready),
    }
}

/// The first SIGTERM or SIGINT drains; a second one, or a drain that takes too long, ends at once.
async fn stop_on_signals(shutdown: Shutdown, drain_max: Duration) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be watched");
        return;
    };
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    tracing::info!("asked to stop: draining; a second signal ends at once");
    shutdown.request();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tokio::time::sleep(drain_max) => {
            tracing::error!(?drain_max, "draining took longer than limits.drain_max; what is not durable is read again at the next start");
        }
    }
    std::process::exit(1);
}
