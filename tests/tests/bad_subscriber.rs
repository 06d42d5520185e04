//! A subscriber that panics spoils its own log: no call is lost by it, and no worker.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, all_ok, modes};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What it panics at.
const WHERE: [&str; 6] = ["nothing", "new_span", "event", "enter", "exit", "try_close"];
static AT: AtomicUsize = AtomicUsize::new(0);
static TOLD: AtomicU64 = AtomicU64::new(0);

struct Bad;

fn visit(what: &str) {
    TOLD.fetch_add(1, Ordering::Relaxed);
    assert_ne!(WHERE[AT.load(Ordering::Relaxed)], what, "a bad subscriber");
}

impl Subscriber for Bad {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("concurry")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        visit("new_span");
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        visit("event");
    }
    fn enter(&self, _: &Id) {
        visit("enter");
    }
    fn exit(&self, _: &Id) {
        visit("exit");
    }
    fn try_close(&self, _: Id) -> bool {
        visit("try_close");
        false
    }
}

#[derive(Default)]
struct Worker;

#[worker]
impl Worker {
    pub fn double(&self, x: u64) -> u64 {
        x * 2
    }

    pub fn fail(&self) -> Result<u64, String> {
        Err("it does".to_owned())
    }

    pub fn panic(&self) -> u64 {
        panic!("as it was told")
    }
}

#[task(mode = "thread", max_workers = 2)]
fn triple(x: u64) -> u64 {
    x * 3
}

#[test]
fn calls_come_to_what_they_come_to() {
    // There are a thousand panics, of which nobody wants to read.
    std::panic::set_hook(Box::new(|_| {}));
    tracing::subscriber::set_global_default(Bad).unwrap();
    for (at, what) in WHERE.iter().enumerate() {
        for mode in modes() {
            AT.store(at, Ordering::Relaxed);
            let before = TOLD.load(Ordering::Relaxed);
            let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
            let pool = Worker::options().mode(mode).max_restarts(100).retry_method("panic", retry).init().unwrap();
            assert_eq!(all_ok((0..50).map(|x| pool.double(x))), (0..50).map(|x| x * 2).collect::<Vec<_>>());
            assert!(matches!(pool.fail().soon(), Err(Error::Failed { .. })), "{what} {mode}");
            let panicked = pool.panic().soon();
            assert!(matches!(panicked, Err(Error::Panicked { .. })), "{what} {mode}: {panicked:?}");
            assert_eq!(pool.double(4).soon().unwrap(), 8);
            pool.stop().unwrap();
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.failed, stats.retried), (51, 2, 2), "{what} {mode}");
            assert_eq!((stats.queued, stats.in_flight), (0, 0), "{what} {mode}");
            assert!(TOLD.load(Ordering::Relaxed) > before, "{what} {mode}: nobody was told");
        }
        assert_eq!(triple::map(0..1000).map(Result::unwrap).sum::<u64>(), 3 * 499_500, "{what}");
        triple::stop().unwrap();
    }
    AT.store(0, Ordering::Relaxed);
}
