//! Counters, gauges and histograms, by the crate `metrics` (feature `metrics`).
//!
//! Handles are asked of the recorder once a pool and method, since that takes longer than a call. So the recorder must be
//! there before: nothing is published until [`enable`] says that it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use metrics::{Counter, Gauge, Histogram, SharedString, Unit, counter, describe_counter, describe_gauge};
use metrics::{describe_histogram, gauge, histogram};

use super::{FIGURES, News, Outcome, Scene, listens, set};

const CALLS: &str = "concurry_calls_total";
const RETRIES: &str = "concurry_retries_total";
const RESTARTS: &str = "concurry_restarts_total";
const QUEUED: &str = "concurry_calls_queued";
const IN_FLIGHT: &str = "concurry_calls_in_flight";
const WORKERS: &str = "concurry_workers";
const WAIT: &str = "concurry_queue_seconds";
const RUN: &str = "concurry_run_seconds";

/// Publishes the figures of all pools by the recorder of the crate `metrics`, from now on. To be called once that is
/// installed and before pools are made: it is asked for its instruments once, and a worker that was there before is not
/// counted.
///
/// | name | kind | labels | what |
/// | --- | --- | --- | --- |
/// | `concurry_calls_total` | counter | pool, method, outcome | calls that came to their end |
/// | `concurry_retries_total` | counter | pool, method | attempts beyond the first |
/// | `concurry_restarts_total` | counter | pool | workers that were started again |
/// | `concurry_calls_queued` | gauge | pool | calls that wait in the pool |
/// | `concurry_calls_in_flight` | gauge | pool | calls that are with workers |
/// | `concurry_workers` | gauge | pool | workers that take calls |
/// | `concurry_queue_seconds` | histogram | pool, method | from when an attempt could run to its method's beginning |
/// | `concurry_run_seconds` | histogram | pool, method | an attempt, from its method's beginning to its end |
///
/// An `outcome` is `ok`, `failed`, `panicked`, `worker_died`, `timed_out`, `cancelled`, `stopped` or `error`.
///
/// Calls that travel in chunks, as those of a task's map may, are counted one by one, but timed by the chunk, of which
/// each is taken to have its part; how long they waited, and how many do, is not told.
///
/// ```
/// use concurry::prelude::*;
///
/// #[task(mode = "thread")]
/// fn double(x: u64) -> u64 {
///     x * 2
/// }
///
/// let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
/// concurry::metrics::enable();
///
/// assert_eq!(double(21).result()?, 42);
/// assert!(recorder.render().contains(r#"concurry_calls_total{pool="double",method="double",outcome="ok"} 1"#));
/// # Ok::<(), concurry::Error>(())
/// ```
pub fn enable() {
    describe_counter!(CALLS, Unit::Count, "Calls that came to their end.");
    describe_counter!(RETRIES, Unit::Count, "Attempts beyond the first.");
    describe_counter!(RESTARTS, Unit::Count, "Workers that were started again.");
    describe_gauge!(QUEUED, Unit::Count, "Calls that wait in the pool.");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Calls that are with workers.");
    describe_gauge!(WORKERS, Unit::Count, "Workers that take calls.");
    describe_histogram!(WAIT, Unit::Seconds, "From when an attempt could run to its method's beginning.");
    describe_histogram!(RUN, Unit::Seconds, "An attempt, from its method's beginning to its end.");
    set(FIGURES, true);
}

pub(super) fn are_on() -> bool {
    listens(FIGURES)
}

/// The handles of a pool.
pub(super) struct OfPool {
    all: OnceLock<Handles>,
    methods: Box<[OnceLock<OfMethod>]>,
    /// How many workers were counted in.
    workers: AtomicU64,
}

struct Handles {
    queued: Gauge,
    in_flight: Gauge,
    workers: Gauge,
    restarts: Counter,
}

struct OfMethod {
    retries: Counter,
    waited: Histogram,
    ran: Histogram,
    outcomes: [OnceLock<Counter>; Outcome::COUNT],
}

impl OfPool {
    pub(super) fn new(methods: usize) -> Self {
        OfPool {
            all: OnceLock::new(),
            methods: (0..methods).map(|_| OnceLock::new()).collect(),
            workers: AtomicU64::new(0),
        }
    }
}

fn name(scene: &Scene) -> SharedString {
    SharedString::from(Arc::clone(&scene.pool))
}

fn handles(scene: &Scene) -> &Handles {
    scene.figures.all.get_or_init(|| Handles {
        queued: gauge!(QUEUED, "pool" => name(scene)),
        in_flight: gauge!(IN_FLIGHT, "pool" => name(scene)),
        workers: gauge!(WORKERS, "pool" => name(scene)),
        restarts: counter!(RESTARTS, "pool" => name(scene)),
    })
}

fn with(scene: &Scene, method: usize, then: impl FnOnce(&OfMethod)) {
    let Some(place) = scene.figures.methods.get(method) else { return };
    then(place.get_or_init(|| {
        let method = scene.method(method);
        OfMethod {
            retries: counter!(RETRIES, "pool" => name(scene), "method" => method),
            waited: histogram!(WAIT, "pool" => name(scene), "method" => method),
            ran: histogram!(RUN, "pool" => name(scene), "method" => method),
            outcomes: [const { OnceLock::new() }; Outcome::COUNT],
        }
    }));
}

pub(super) fn news(scene: &Scene, news: &News) {
    if !are_on() {
        return;
    }
    let counted = &scene.figures.workers;
    match news {
        News::Up(_) => {
            counted.fetch_add(1, Ordering::Relaxed);
            handles(scene).workers.increment(1.0);
        }
        News::Down(_) => {
            let less = |count: u64| count.checked_sub(1);
            // One that came up before anybody listened was not counted in.
            if counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok() {
                handles(scene).workers.decrement(1.0);
            }
        }
        News::Restarted(_) => handles(scene).restarts.increment(1),
        News::Died(..) | News::Replaced(_) | News::Recycled(_) | News::GivenUp(_) => {}
    }
}

/// A call waits.
pub(super) fn submitted(scene: &Scene) {
    handles(scene).queued.increment(1.0);
}

/// So many calls have gone to workers; or have come back from there, where it is less than nought.
pub(super) fn sent(scene: &Scene, calls: i64) {
    let Handles { queued, in_flight, .. } = handles(scene);
    queued.decrement(calls as f64);
    in_flight.increment(calls as f64);
}

/// A call is over.
pub(super) fn ended(scene: &Scene, method: usize, from_worker: bool, came: Outcome) {
    let Handles { queued, in_flight, .. } = handles(scene);
    if from_worker { in_flight } else { queued }.decrement(1.0);
    counted(scene, method, came, 1);
}

/// A call waits again.
pub(super) fn retried(scene: &Scene, method: usize, from_worker: bool) {
    if from_worker {
        let Handles { queued, in_flight, .. } = handles(scene);
        in_flight.decrement(1.0);
        queued.increment(1.0);
    }
    with(scene, method, |own| own.retries.increment(1));
}

/// So many calls came to this.
pub(super) fn counted(scene: &Scene, method: usize, came: Outcome, calls: u64) {
    with(scene, method, |own| {
        let counter =
            || counter!(CALLS, "pool" => name(scene), "method" => scene.method(method), "outcome" => came.name());
        own.outcomes[came as usize].get_or_init(counter).increment(calls);
    });
}

/// So many calls ran, for so many nanoseconds each, after they had waited for so long.
pub(super) fn ran(scene: &Scene, method: usize, waited: Option<u64>, nanos: u64, calls: usize) {
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    with(scene, method, |own| {
        if let Some(waited) = waited {
            own.waited.record(seconds(waited));
        }
        own.ran.record_many(seconds(nanos), calls);
    });
}
