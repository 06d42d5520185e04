//! A worker that crashes again and again rests between its starts: it costs no processor and no thread, nothing that
//! waits for it is lost, and a rest ends when the pool does.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, Way, all_ok, all_soon, apart, eventually, eventually_is};

/// Long enough that a test which waited for it would fail.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// Comes up as often as it is told to, then crashes until somebody notes that it is well.
struct Sickly {
    page: Page,
}

#[worker]
impl Sickly {
    pub fn new(page: Page, good: usize) -> Result<Self, String> {
        page.note("built");
        if page.count("built") <= good || page.has("well") { Ok(Sickly { page }) } else { Err("not well".to_owned()) }
    }

    pub fn note(&self, number: u64) -> u64 {
        self.page.note(number);
        number
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

fn options(mode: Mode) -> SicklyOptions {
    Sickly::options().mode(mode).max_restarts(1000)
}

/// How a worker of this mode is brought to be built anew.
fn way(mode: Mode) -> Way {
    if mode == Mode::Process { Way::Kill } else { Way::Panic }
}

/// A pool whose worker is at rest for ever, and how often it was built.
fn at_rest(mode: Mode, journal: &Journal) -> (SicklyClient, usize) {
    let pool = options(mode).restart_backoff(FOR_EVER).init(journal.page(), 1).unwrap();
    // It has been of use, so its death is no crash yet.
    assert_eq!(pool.note(0).soon().unwrap(), 0);
    pool.end(way(mode)).soon().unwrap_err();
    // A process is built by its driver alone; others are first built anew where they are. Then it crashes twice.
    let builds = if mode == Mode::Process { 3 } else { 4 };
    eventually_is("builds", builds, || journal.count("built"));
    eventually("the worker to rest", || pool.stats().workers[0].resting);
    (pool, builds)
}

#[test]
fn a_worker_that_crashes_again_and_again_rests_longer_each_time_and_loses_nothing() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = options(mode).restart_backoff(Duration::from_millis(20)).init(journal.page(), 1).unwrap();
        let begun = Instant::now();
        pool.end(way(mode)).soon().unwrap_err();
        let futures: Vec<_> = (0..50).map(|number| pool.note(number)).collect();
        eventually("seven builds", || journal.count("built") >= 7);
        // Between them were rests of 20, 40 and 80 ms at least.
        assert!(begun.elapsed() >= Duration::from_millis(140), "{mode}: {:?}", begun.elapsed());
        journal.page().note("well");
        assert_eq!(all_ok(futures), (0..50).collect::<Vec<_>>(), "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (50, 1, 0, 0), "{mode}");
        let anew = if mode == Mode::Process { 0 } else { 1 };
        assert_eq!(stats.restarts as usize, journal.count("built") - 1 - anew, "{mode}");
        // It is well, so the next death costs no time.
        pool.end(way(mode)).soon().unwrap_err();
        assert_eq!(pool.note(50).soon().unwrap(), 50);
        pool.stop().unwrap();
        let noted: Vec<u64> = journal.lines().iter().filter_map(|line| line.parse().ok()).collect();
        assert_eq!(noted, (0..=50).collect::<Vec<_>>(), "{mode}: each was run, once and in order");
    }
}

#[test]
fn a_worker_at_rest_is_not_built() {
    for mode in apart() {
        let journal = Journal::new();
        let (pool, builds) = at_rest(mode, &journal);
        let waits = pool.note(1);
        let stats = pool.stats();
        assert_eq!((stats.workers[0].alive, stats.workers[0].pid, stats.queued), (false, None, 1), "{mode}");
        assert_eq!(journal.count("built"), builds, "{mode}");
        pool.abort().unwrap();
        assert!(matches!(waits.soon(), Err(Error::Stopped { .. })), "{mode}");
        assert_eq!(journal.count("built"), builds, "{mode}: nobody built it for an abort");
        let stats = pool.stats();
        assert_eq!((stats.failed, stats.queued, stats.in_flight), (2, 0, 0), "{mode}");
    }
}

#[test]
fn a_stop_ends_a_rest_at_once() {
    for mode in apart() {
        let journal = Journal::new();
        let (pool, builds) = at_rest(mode, &journal);
        // Nothing waits: nothing is built.
        pool.stop_within(FOR_EVER).unwrap();
        assert_eq!(journal.count("built"), builds, "{mode}");

        let journal = Journal::new();
        let (pool, _) = at_rest(mode, &journal);
        let waits = pool.note(1);
        journal.page().note("well");
        // What has been accepted is done, and nobody waits an hour for that.
        pool.stop_within(FOR_EVER).unwrap();
        assert_eq!(waits.soon().unwrap(), 1, "{mode}");
    }
}

#[test]
fn the_time_that_stop_has_ends_a_rest_too() {
    for mode in apart() {
        let journal = Journal::new();
        let (pool, builds) = at_rest(mode, &journal);
        let waits = pool.note(1);
        pool.stop_within(Duration::from_millis(50)).unwrap();
        assert!(matches!(waits.soon(), Err(Error::Stopped { .. })), "{mode}");
        // It was given one more chance.
        assert!(journal.count("built") <= builds + 1, "{mode}");
    }
}

#[test]
fn the_last_client_that_goes_ends_a_rest() {
    for mode in apart() {
        let journal = Journal::new();
        let (pool, builds) = at_rest(mode, &journal);
        let waits = pool.note(1);
        journal.page().note("well");
        drop(pool);
        assert_eq!(waits.soon().unwrap(), 1, "{mode}");
        assert_eq!(journal.count("built"), builds + 1, "{mode}");
    }
}

/// Holds something that is gone when its pool is.
struct Holder;

#[worker(local)]
impl Holder {
    pub fn new(held: Arc<Mutex<u32>>) -> Result<Self, String> {
        let mut left = held.lock().unwrap();
        *left = left.checked_sub(1).ok_or("no more")?;
        Ok(Holder)
    }

    pub fn end(&self) {
        panic!("the end of this instance")
    }
}

#[test]
fn a_pool_that_is_dropped_at_rest_leaves_nothing() {
    let held = Arc::new(Mutex::new(1));
    let weak: Weak<_> = Arc::downgrade(&held);
    let pool = Holder::options().max_restarts(1000).restart_backoff(FOR_EVER).init(held).unwrap();
    pool.end().soon().unwrap_err();
    eventually_is("restarts", 2, || pool.stats().restarts);
    eventually("the worker to rest", || pool.stats().workers[0].resting);
    drop(pool);
    eventually("the pool to be gone", || weak.upgrade().is_none());
}

#[test]
fn the_calls_of_a_worker_at_rest_go_to_those_that_are_there() {
    for balancing in [LoadBalancing::RoundRobin, LoadBalancing::LeastActive, LoadBalancing::Shared] {
        for mode in apart() {
            let (journal, gate) = (Journal::new(), Gate::new());
            let options = options(mode).max_workers(2).max_queued_tasks(1).restart_backoff(FOR_EVER);
            let pool = options.load_balancing(balancing).init(journal.page(), 2).unwrap();
            // The second is busy until the first is at rest, so that all that is queued waits for one of them.
            let stays = pool.worker(1).stay(gate.door());
            let visitor = gate.visitor();
            let ends = pool.worker(0).stay(gate.door());
            let first = gate.visitor();
            let killed = pool.worker(0).end(way(mode));
            let futures: Vec<_> = (0..40).map(|number| pool.note(number)).collect();
            let pinned = pool.worker(0).note(1000);
            first.pass("");
            ends.soon().unwrap();
            killed.soon().unwrap_err();
            let builds = if mode == Mode::Process { 4 } else { 5 };
            eventually_is("builds", builds, || journal.count("built"));
            eventually("a rest", || pool.stats().workers[0].resting);
            let later: Vec<_> = (40..60).map(|number| pool.note(number)).collect();
            visitor.pass("");
            stays.soon().unwrap();
            assert_eq!(all_ok(futures), (0..40).collect::<Vec<_>>(), "{mode} {balancing}");
            assert_eq!(all_ok(later), (40..60).collect::<Vec<_>>(), "{mode} {balancing}");
            // What only the first can run waits for it.
            let stats = pool.stats();
            assert_eq!((stats.queued, stats.workers[0].queued, stats.completed), (1, 1, 62), "{mode} {balancing}");
            journal.page().note("well");
            pool.stop().unwrap();
            assert_eq!(pinned.soon().unwrap(), 1000, "{mode} {balancing}");
            let mut noted: Vec<u64> = journal.lines().iter().filter_map(|line| line.parse().ok()).collect();
            noted.sort_unstable();
            assert_eq!(noted, (0..60).chain([1000]).collect::<Vec<_>>(), "{mode} {balancing}: each was run once");
        }
    }
}

#[test]
fn who_comes_back_takes_what_waits_for_those_that_still_rest() {
    for mode in apart() {
        let journal = Journal::new();
        let options = options(mode).max_workers(2).restart_backoff(Duration::from_millis(300));
        let pool = options.init(journal.page(), 2).unwrap();
        for worker in 0..2 {
            pool.worker(worker).end(way(mode)).soon().unwrap_err();
        }
        eventually("both to rest", || pool.stats().workers.iter().all(|worker| worker.resting));
        let futures: Vec<_> = (0..20).map(|number| pool.note(number)).collect();
        journal.page().note("well");
        assert_eq!(all_ok(futures), (0..20).collect::<Vec<_>>(), "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (20, 2, 0, 0), "{mode}");
        let dispatched: u64 = stats.workers.iter().map(|worker| worker.dispatched).sum();
        assert_eq!(dispatched, 22, "{mode}: what was handed on is counted where it was run");
        pool.stop().unwrap();
    }
}

#[test]
fn deaths_count_for_as_long_as_the_window_says() {
    let journal = Journal::new();
    let window = Duration::from_millis(100);
    let pool = Sickly::options().mode(Mode::Process).max_restarts(1).restart_window(window);
    let pool = pool.init(journal.page(), 1000).unwrap();
    for round in 0..5 {
        assert!(matches!(pool.end(Way::Kill).soon(), Err(Error::WorkerDied { .. })));
        assert_eq!(pool.note(round).soon().unwrap(), round);
        let died = Instant::now();
        eventually("the death to be forgotten", || died.elapsed() > window);
    }
    assert_eq!(pool.stats().restarts, 5);
    pool.stop().unwrap();

    let pool = Sickly::options().mode(Mode::Process).max_restarts(1).restart_window(FOR_EVER);
    let pool = pool.init(journal.page(), 1000).unwrap();
    for _ in 0..2 {
        assert!(matches!(pool.end(Way::Kill).soon(), Err(Error::WorkerDied { .. })));
    }
    let error = pool.note(0).soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    assert!(
        error.to_string().contains("more than 1 deaths within 3600s (`max_restarts`, `restart_window`)"),
        "{error}"
    );
    pool.stop().unwrap();
}

/// Is gone as soon as it is there.
struct Mayfly;

#[worker(mode = "process")]
impl Mayfly {
    pub fn new(page: Page) -> Self {
        page.note("built");
        std::thread::spawn(|| std::process::exit(9));
        Mayfly
    }

    pub fn answer(&self, door: Door) -> String {
        door.knock()
    }
}

#[test]
fn workers_on_demand_that_die_before_they_begin_are_not_made_for_ever() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let options = Mayfly::options().on_demand(true).max_workers(2).restart_backoff(Duration::from_millis(1));
    let pool = options.init(journal.page()).unwrap();
    let futures: Vec<_> = (0..10).map(|_| pool.answer(gate.door())).collect();
    for outcome in all_soon(futures) {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. } | Error::InitFailed { .. }), "{error:?}");
        assert!(error.to_string().contains("code 9"), "{error}");
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (0, 10, 0, 0));
    // Each call costs one worker, or as many as may die for nothing and one more.
    assert!(journal.count("built") <= 10 + 2 * 4, "{} were made", journal.count("built"));
    pool.stop_within(LONG).unwrap();
}
