//! With the feature `metrics` every call is counted once, by what it came to, and gauges are at nought when nothing is left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, Retry};
use concurry_tests::{Gate, Soon, Watched, Way, all_ok, all_soon, apart, eventually_is, modes};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// A counter or a gauge, or how many values a histogram has, and their sum.
#[derive(Debug, Default)]
struct Figure(Mutex<(f64, f64)>);

impl Figure {
    fn add(&self, value: f64) {
        let mut figure = self.0.lock().unwrap();
        figure.0 += value;
    }
    fn now(&self) -> (f64, f64) {
        *self.0.lock().unwrap()
    }
}

impl CounterFn for Figure {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }
    fn absolute(&self, _: u64) {
        unreachable!("nothing is counted elsewhere");
    }
}

impl GaugeFn for Figure {
    fn increment(&self, value: f64) {
        self.add(value);
    }
    fn decrement(&self, value: f64) {
        self.add(-value);
    }
    fn set(&self, _: f64) {
        unreachable!("several pools may have one name");
    }
}

impl HistogramFn for Figure {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "{value}");
        let mut figure = self.0.lock().unwrap();
        *figure = (figure.0 + 1.0, figure.1 + value);
    }
}

#[derive(Debug)]
struct Ledger;

static FIGURES: Mutex<BTreeMap<String, Arc<Figure>>> = Mutex::new(BTreeMap::new());

fn figure(key: &Key) -> Arc<Figure> {
    let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect::<String>();
    FIGURES.lock().unwrap().entry(format!("{}{labels}", key.name())).or_default().clone()
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(figure(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(figure(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(figure(key))
    }
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        metrics::set_global_recorder(Ledger).unwrap();
        concurry::metrics::enable();
    });
}

fn now(name: &str) -> f64 {
    FIGURES.lock().unwrap().get(name).map_or(0.0, |figure| figure.now().0)
}

/// What the calls of a pool came to, by method and outcome.
fn calls(pool: &str) -> BTreeMap<String, u64> {
    let prefix = format!("concurry_calls_total pool={pool} method=");
    let figures = FIGURES.lock().unwrap();
    let own = figures.iter().filter_map(|(name, figure)| Some((name.strip_prefix(&prefix)?, figure.now().0 as u64)));
    own.map(|(name, calls)| (name.replace(" outcome=", " "), calls)).collect()
}

fn counted<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(name, calls)| (name.to_owned(), calls)).collect()
}

/// Nothing waits, nothing runs, nobody is there.
#[track_caller]
fn assert_nothing_left(pool: &str) {
    let gauges = ["concurry_calls_queued", "concurry_calls_in_flight", "concurry_workers"];
    let left = || gauges.map(|gauge| now(&format!("{gauge} pool={pool}")));
    eventually_is(pool, [0.0; 3], left);
}

fn timed(what: &str, pool: &str, method: &str) -> f64 {
    now(&format!("concurry_{what}_seconds pool={pool} method={method}"))
}

#[test]
fn every_call_is_counted_by_what_it_came_to() {
    listen();
    for mode in modes() {
        let name = format!("counts-{mode}");
        let workers = if mode == Mode::Sync { 1 } else { 2 };
        let pool = Watched::options().mode(mode).name(&*name).max_workers(workers).init().unwrap();
        assert_eq!(now(&format!("concurry_workers pool={name}")), workers as f64, "{mode}");
        all_ok((0..50).map(|x| pool.fine(x)));
        all_ok((0..10).map(|x| pool.later(x)));
        for _ in 0..3 {
            pool.fails().soon().unwrap_err();
        }
        pool.ends(Way::Panic).soon().unwrap_err();
        let stats = pool.stats();
        pool.stop().unwrap();
        let expected = [("ends panicked", 1), ("fails failed", 3), ("fine ok", 50), ("later ok", 10)];
        assert_eq!(calls(&name), counted(expected), "{mode}");
        assert_eq!(calls(&name).values().sum::<u64>(), stats.completed + stats.failed, "{mode}");
        for what in ["queue", "run"] {
            assert_eq!(timed(what, &name, "fine"), 50.0, "{mode} {what}");
            assert_eq!(timed(what, &name, "fails"), 3.0, "{mode} {what}");
        }
        assert_nothing_left(&name);
    }
}

#[test]
fn retries_and_restarts_are_counted() {
    listen();
    for mode in modes() {
        let name = format!("again-{mode}");
        let retry = Retry::fixed().num_retries(2).wait(Duration::from_millis(1));
        let pool = Watched::options().mode(mode).name(&*name).retry(retry).init().unwrap();
        assert_eq!(pool.fails_until(3).soon().unwrap(), 3);
        pool.fails().soon().unwrap_err();
        pool.stop().unwrap();
        assert_eq!(calls(&name), counted([("fails failed", 1), ("fails_until ok", 1)]), "{mode}");
        for method in ["fails", "fails_until"] {
            assert_eq!(now(&format!("concurry_retries_total pool={name} method={method}")), 2.0, "{mode} {method}");
            assert_eq!(timed("run", &name, method), 3.0, "{mode} {method}");
        }
        assert_nothing_left(&name);
    }

    let pool = Watched::options().mode(Mode::Process).name("dies").init().unwrap();
    let ends = pool.ends(Way::Kill);
    let behind: Vec<_> = (0..300).map(|x| pool.fine(x)).collect();
    assert!(matches!(ends.soon().unwrap_err(), Error::WorkerDied { .. }));
    all_ok(behind);
    assert_eq!(now("concurry_restarts_total pool=dies"), 1.0);
    assert_eq!(now("concurry_workers pool=dies"), 1.0);
    pool.stop().unwrap();
    assert_eq!(calls("dies"), counted([("ends worker_died", 1), ("fine ok", 300)]));
    assert_eq!(timed("run", "dies", "fine"), 300.0);
    assert_nothing_left("dies");
}

#[test]
fn gauges_tell_what_waits_and_what_is_with_workers() {
    listen();
    for mode in apart() {
        let (name, gate) = (format!("gauges-{mode}"), Gate::new());
        let pool = Watched::options().mode(mode).max_queued_tasks(2).name(&*name).init().unwrap();
        let stays = pool.stays(gate.door());
        let visitor = gate.visitor();
        let waits: Vec<_> = (0..10).map(|x| pool.fine(x)).collect();
        let gauges = || ["queued", "in_flight"].map(|gauge| now(&format!("concurry_calls_{gauge} pool={name}")));
        eventually_is(&name, [9.0, 2.0], gauges);
        assert!(waits[5].cancel() && waits[9].cancel());
        eventually_is(&name, [7.0, 2.0], gauges);
        visitor.pass("go");
        stays.soon().unwrap();
        let done = all_soon(waits).iter().filter(|result| result.is_ok()).count();
        assert_eq!(done, 8);
        pool.stop().unwrap();
        assert_eq!(calls(&name), counted([("fine cancelled", 2), ("fine ok", 8), ("stays ok", 1)]), "{mode}");
        assert_nothing_left(&name);
    }
}

#[test]
fn what_is_aborted_is_counted_too() {
    listen();
    for mode in apart() {
        let (name, gate) = (format!("aborts-{mode}"), Gate::new());
        let pool = Watched::options().mode(mode).name(&*name).init().unwrap();
        let stays = pool.stays(gate.door());
        let visitor = gate.visitor();
        let waits: Vec<_> = (0..150).map(|x| pool.fine(x)).collect();
        pool.abort().unwrap();
        drop(visitor);
        drop(gate);
        assert!(stays.soon().is_err() && all_soon(waits).iter().all(Result::is_err));
        assert_eq!(calls(&name), counted([("fine stopped", 150), ("stays stopped", 1)]), "{mode}");
        assert_nothing_left(&name);
    }
}

#[task(mode = "thread", max_workers = 2, name = "parts")]
fn small(x: u64) -> std::io::Result<u64> {
    if x.is_multiple_of(1000) { Err(std::io::Error::other("as planned")) } else { Ok(x) }
}

#[test]
fn calls_in_chunks_are_counted_one_by_one() {
    listen();
    let failed = small::map(0..10_000).filter(Result::is_err).count();
    assert_eq!(failed, 10);
    small::stop().unwrap();
    assert_eq!(calls("parts"), counted([("small failed", 10), ("small ok", 9_990)]));
    assert_eq!(timed("run", "parts", "small"), 10_000.0);
    assert_nothing_left("parts");
}

#[test]
fn workers_on_demand_are_there_while_they_are() {
    listen();
    let gate = Gate::new();
    let pool = Watched::options().mode(Mode::Thread).on_demand(true).max_workers(2).name("demand").init().unwrap();
    let stay: Vec<_> = (0..2).map(|_| pool.stays(gate.door())).collect();
    let visitors = [gate.visitor(), gate.visitor()];
    assert_eq!(now("concurry_workers pool=demand"), 2.0);
    visitors.into_iter().for_each(|visitor| visitor.pass("go"));
    all_ok(stay);
    eventually_is("they go with their calls", 0.0, || now("concurry_workers pool=demand"));
    pool.stop().unwrap();
    assert_eq!(calls("demand"), counted([("stays ok", 2)]));
    assert_nothing_left("demand");
}
