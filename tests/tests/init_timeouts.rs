//! A constructor that hangs is given up after `init_timeout`: when the pool is made, when a worker is started again, and
//! when it is built anew after a panic. The error says which worker, after how long, and what to do.

use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, Way, all_ok, all_soon, apart, eventually, is_alive};

/// Long enough for a process to be started on a machine that has too much to do.
const LIMIT: Duration = Duration::from_secs(2);

/// Knocks in its constructor from the build on that it is told.
struct Slow {
    page: Page,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker]
impl Slow {
    pub fn new(page: Page, door: Door, good: usize, bad: usize) -> Self {
        page.note("built");
        let number = page.count("built");
        if number > good && number <= good + bad {
            door.knock();
        }
        Slow { page }
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

    pub async fn wait(&self, page: Page) -> u64 {
        page.note("waits");
        std::future::pending().await
    }
}

/// How a worker of this mode is brought to be built anew.
fn way(mode: Mode) -> Way {
    if mode == Mode::Process { Way::Kill } else { Way::Panic }
}

#[track_caller]
fn says(error: &Error, mode: Mode) {
    let text = error.to_string();
    let remedy = if mode == Mode::Process { "its process was killed" } else { "use mode `process`" };
    for part in ["Slow", "worker 0 was not built within 2s", "raise `init_timeout`", remedy] {
        assert!(text.contains(part), "{mode}: {part} in {text}");
    }
}

#[test]
fn a_pool_is_not_made_where_a_constructor_hangs() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let begun = Instant::now();
        let options = Slow::options().mode(mode).init_timeout(LIMIT);
        let error = options.init(journal.page(), gate.door(), 0, 1).unwrap_err();
        assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
        says(&error, mode);
        assert!(begun.elapsed() >= LIMIT && begun.elapsed() < LONG, "{mode}: {:?}", begun.elapsed());
        let visitor = gate.visitor();
        if mode == Mode::Process {
            assert!(!is_alive(visitor.pid), "its process lives on");
        } else {
            // Whoever could not be ended ends by itself, and lets go of what it has built.
            visitor.pass("");
            eventually("the late worker to be dropped", || journal.count("dropped") == 1);
        }
    }
}

#[test]
fn one_of_several_that_hangs_is_enough() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let options = Slow::options().mode(mode).max_workers(3).init_timeout(LIMIT);
        let error = options.init(journal.page(), gate.door(), 2, 1).unwrap_err();
        assert!(error.to_string().contains("`init_timeout`"), "{mode}: {error}");
        drop(gate);
        if mode != Mode::Process {
            // Those that were there, and the late one, which could not be ended.
            eventually("the workers to be dropped", || journal.count("dropped") == 3);
        }
    }
}

/// Hangs at an await point of its constructor.
struct Awaiting;

#[worker(local)]
impl Awaiting {
    pub async fn new() -> Self {
        std::future::pending().await
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_constructor_that_awaits_for_ever_is_dropped() {
    let error = Awaiting::options().mode(Mode::Async).init_timeout(LIMIT).init().unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("within 2s") && text.contains("its constructor was dropped"), "{text}");
}

/// Takes at least 50 ms to be built.
struct Late;

#[worker]
impl Late {
    pub fn new() -> Self {
        std::thread::sleep(Duration::from_millis(50));
        Late
    }

    pub fn end(&self) {
        panic!("the end of this instance")
    }
}

#[test]
fn in_mode_sync_it_is_said_when_the_constructor_has_returned() {
    let options = || Late::options().mode(Mode::Sync);
    let error = options().init_timeout(Duration::from_millis(1)).init().unwrap_err();
    assert!(matches!(error, Error::InitFailed { .. }), "{error:?}");
    assert!(error.to_string().contains("within 1ms (`init_timeout`): its constructor took"), "{error}");
    let pool = options().init_timeout(LONG).init().unwrap();
    assert!(matches!(pool.end().soon(), Err(Error::Panicked { .. })));
    assert!(matches!(pool.end().soon(), Err(Error::Panicked { .. })), "it was built anew in time");
}

#[test]
fn what_waits_for_a_worker_that_never_comes_up_again_is_told_why() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let options = Slow::options().mode(mode).init_timeout(LIMIT).max_restarts(1);
        let pool = options.init(journal.page(), gate.door(), 1, 100).unwrap();
        let ends = pool.end(way(mode));
        let waiting: Vec<_> = (0..20).map(|number| pool.note(number)).collect();
        ends.soon().unwrap_err();
        for outcome in all_soon(waiting) {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::WorkerDied { .. }), "{mode}: {error:?}");
            says(&error, mode);
        }
        // A process was killed and started again once. Others were built anew where they were, and then started once.
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (0, 21, 0, 0), "{mode}");
        assert_eq!((stats.restarts, journal.count("built")), (1, if mode == Mode::Process { 2 } else { 3 }), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_build_that_is_late_costs_nothing_but_time() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Slow::options().mode(mode).init_timeout(LIMIT);
        let pool = pool.init(journal.page(), gate.door(), 1, 1).unwrap();
        let ends = pool.end(way(mode));
        let waiting: Vec<_> = (0..20).map(|number| pool.note(number)).collect();
        ends.soon().unwrap_err();
        assert_eq!(all_ok(waiting), (0..20).collect::<Vec<_>>(), "{mode}");
        let stats = pool.stats();
        let restarts = if mode == Mode::Process { 2 } else { 1 };
        assert_eq!((stats.completed, stats.failed, stats.restarts), (20, 1, restarts), "{mode}");
        // The late one comes too late: nobody hears of it.
        gate.visitor().pass("");
        assert_eq!(pool.note(20).soon().unwrap(), 20, "{mode}");
        pool.stop().unwrap();
        let noted: Vec<u64> = journal.lines().iter().filter_map(|line| line.parse().ok()).collect();
        assert_eq!(noted, (0..=20).collect::<Vec<_>>(), "{mode}: each was run, once and in order");
    }
}

#[test]
fn a_process_that_hangs_when_it_is_built_anew_ends_itself() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let options = Slow::options().mode(Mode::Process).init_timeout(LIMIT);
    let pool = options.init(journal.page(), gate.door(), 1, 1).unwrap();
    let ends = pool.end(Way::Panic);
    let waiting: Vec<_> = (0..20).map(|number| pool.note(number)).collect();
    assert!(matches!(ends.soon(), Err(Error::Panicked { .. })));
    assert_eq!(all_ok(waiting), (0..20).collect::<Vec<_>>());
    let visitor = gate.visitor();
    eventually("its process to be gone", || !is_alive(visitor.pid));
    assert_eq!(pool.stats().restarts, 1);
    pool.stop().unwrap();

    let journal = Journal::new();
    let options = Slow::options().mode(Mode::Process).init_timeout(LIMIT).max_restarts(0);
    let pool = options.init(journal.page(), gate.door(), 1, 1).unwrap();
    let ends = pool.end(Way::Panic);
    let waits = pool.note(1);
    assert!(matches!(ends.soon(), Err(Error::Panicked { .. })));
    let error = waits.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("built anew after a panic: it took longer than 2s (`init_timeout`)"), "{text}");
    pool.stop().unwrap();
}

#[test]
fn calls_that_run_beside_a_build_that_hangs_die_with_their_loop() {
    let (journal, gate, page) = (Journal::new(), Gate::new(), Journal::new());
    let pool = Slow::options().mode(Mode::Async).init_timeout(LIMIT);
    let pool = pool.init(journal.page(), gate.door(), 1, 1).unwrap();
    let running: Vec<_> = (0..3).map(|_| pool.wait(page.page())).collect();
    eventually("the calls to run", || page.count("waits") == 3);
    let ends = pool.end(Way::Panic);
    let behind: Vec<_> = (0..10).map(|number| pool.note(number)).collect();
    assert!(matches!(ends.soon(), Err(Error::Panicked { .. })));
    for outcome in all_soon(running) {
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("Slow[0]::wait") && text.contains("`init_timeout`"), "{text}");
    }
    assert_eq!(all_ok(behind), (0..10).collect::<Vec<_>>());
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts, stats.in_flight), (10, 4, 1, 0));
    pool.stop().unwrap();
}

#[test]
fn on_demand_each_call_whose_worker_hangs_says_so() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let options = Slow::options().mode(mode).on_demand(true).max_workers(2).init_timeout(LIMIT);
        let pool = options.init(journal.page(), gate.door(), 0, 4).unwrap();
        let futures: Vec<_> = (0..10).map(|number| pool.note(number)).collect();
        let outcomes = all_soon(futures);
        let (good, late): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!((good.len(), late.len()), (6, 4), "{mode}");
        for outcome in late {
            let error = outcome.unwrap_err();
            assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
            assert!(error.to_string().contains("within 2s (`init_timeout`)"), "{error}");
        }
        pool.stop().unwrap();
    }
}

#[test]
fn an_abort_does_not_wait_for_a_constructor() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let options = Slow::options().mode(mode).init_timeout(Duration::from_secs(3600));
        let pool = options.init(journal.page(), gate.door(), 1, 1).unwrap();
        pool.end(way(mode)).soon().unwrap_err();
        let visitor = gate.visitor();
        let waits = pool.note(1);
        let begun = Instant::now();
        pool.abort().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(8), "{mode}: {:?}", begun.elapsed());
        assert!(matches!(waits.soon(), Err(Error::Stopped { .. })), "{mode}");
        drop(visitor);
    }
}
