//! A service that keeps a pool behind an HTTP endpoint: what it does when a request kills its worker or takes too long, when it
//! is asked for too much, and when it is told to go.
//!
//! `cargo run --release --example service -- 127.0.0.1:8080` serves until Ctrl-C; try `curl http://127.0.0.1:8080/factor/1001`,
//! and `/metrics`.
//! Without an address it serves a client of its own, which prints what it gets.

mod client;
mod upstream;

use std::error::Error as StdError;
use std::io::{self, Read};
use std::net::TcpStream;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use concurry::Error;
use concurry::prelude::*;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use upstream::Upstream;

/// How long calls wait and run, in steps.
const SECONDS: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 10.0, 60.0];

/// What the service does for its clients.
struct Desk {
    /// Where another service is that it asks.
    upstream: u16,
}

// Requests neither wait for ever nor behind very many others. One that is still running when its time is up loses its process.
#[worker(mode = "process", load_balancing = "shared", max_workers = 2, max_pending = 8, max_restarts = 1000)]
impl Desk {
    pub fn new(upstream: u16) -> Self {
        Desk { upstream }
    }

    /// The prime factors of `n`, found the plain way.
    #[worker(run_timeout = "1s")]
    pub fn factor(&self, n: u64) -> Vec<u64> {
        // Stands for the input that the library behind such a service does not survive.
        if n == 666 {
            std::process::abort();
        }
        let (mut left, mut factors) = (n, Vec::new());
        let mut divisor = 2;
        while left > 1 && divisor <= left.isqrt() {
            if left.is_multiple_of(divisor) {
                factors.push(divisor);
                left /= divisor;
            } else {
                divisor += 1;
            }
        }
        factors.extend((left > 1).then_some(left));
        factors
    }

    /// What the other service says, which may take its time.
    #[worker(run_timeout = "60s")]
    pub fn quote(&self) -> io::Result<String> {
        let mut answer = String::new();
        TcpStream::connect(("127.0.0.1", self.upstream))?.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// What a request gets whose call came to no value. What is behind it is for those who run the service.
fn refusal(error: Error) -> (StatusCode, &'static str) {
    eprintln!("{error}");
    match error {
        Error::Full { .. } | Error::Stopped { .. } => (StatusCode::SERVICE_UNAVAILABLE, "come again\n"),
        Error::TimedOut { .. } => (StatusCode::GATEWAY_TIMEOUT, "it takes too long\n"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "it went wrong\n"),
    }
}

type Answer = Result<String, (StatusCode, &'static str)>;

async fn factor(State(desk): State<DeskClient>, Path(n): Path<u64>) -> Answer {
    // No thread waits here.
    let factors = desk.factor(n).await.map_err(refusal)?;
    let factors: Vec<String> = factors.iter().map(u64::to_string).collect();
    Ok(format!("{n} = {}\n", factors.join(" * ")))
}

/// The figures of the pool, as Prometheus reads them.
async fn metrics(State(recorder): State<PrometheusHandle>) -> String {
    recorder.render()
}

async fn quote(State(desk): State<DeskClient>) -> Answer {
    desk.quote().await.map_err(refusal)
}

/// Whether it is well, and what it has done so far.
async fn health(State(desk): State<DeskClient>) -> (StatusCode, String) {
    let stats = desk.stats();
    let up = stats.workers.iter().filter(|worker| worker.alive).count();
    let status = if up > 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (done, failed, rejected) = (stats.completed, stats.failed, stats.rejected);
    (status, format!("{up} workers, {done} done, {failed} failed, {rejected} rejected, {} restarts\n", stats.restarts))
}

/// Serves until `told`; then takes no more connections, answers what was asked, and stops the pool.
async fn serve(
    listener: TcpListener,
    desk: DeskClient,
    recorder: PrometheusHandle,
    told: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn StdError + Send + Sync>> {
    let routes = Router::new()
        .route("/factor/{n}", get(factor))
        .route("/quote", get(quote))
        .route("/health", get(health))
        .with_state(desk.clone())
        .route("/metrics", get(metrics).with_state(recorder));
    axum::serve(listener, routes).with_graceful_shutdown(told).await?;
    // Nobody asks any more. `stop` waits for the workers, so it is not for a thread of the runtime.
    tokio::task::spawn_blocking(move || desk.stop()).await??;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError + Send + Sync>> {
    // Before there are pools, so that all that they do is counted.
    let recorder = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    concurry::metrics::enable();
    let upstream = Upstream::start()?;
    let desk = Desk::init(upstream.port())?;
    if let Some(address) = std::env::args().nth(1) {
        upstream.open();
        let listener = TcpListener::bind(address).await?;
        eprintln!("listening on {}", listener.local_addr()?);
        return serve(listener, desk, recorder, async {
            if let Err(error) = tokio::signal::ctrl_c().await {
                eprintln!("Ctrl-C cannot be waited for: {error}");
            }
        })
        .await;
    }

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (tell, told) = oneshot::channel::<()>();
    let service = tokio::spawn(serve(listener, desk, recorder, async {
        // Told, or left alone.
        let _ = told.await;
    }));
    tokio::task::spawn_blocking(move || client::run(address, &upstream, tell)).await??;
    service.await??;
    println!("and then it was gone: {}", client::get(address, "/health").is_err());
    Ok(())
}
