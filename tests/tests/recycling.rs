//! A worker that has done enough ends in good order, and another goes on with its queue: nothing is lost, nothing is run
//! twice, and it is no death.

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Journal, Page, Soon, Way, all_ok, all_soon, apart, eventually_is, modes};

struct Temp {
    page: Page,
    calls: u64,
    held: Vec<Vec<u8>>,
}

impl Drop for Temp {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker(max_restarts = 0)]
impl Temp {
    pub fn new(page: Page) -> Self {
        page.note("built");
        Temp { page, calls: 0, held: Vec::new() }
    }

    /// Notes `number`; which call of this instance it is.
    pub fn note(&mut self, number: u64) -> u64 {
        self.page.note(number);
        self.calls += 1;
        self.calls
    }

    /// Takes memory and keeps it; the process that it is in.
    pub fn keep(&mut self, number: u64, megabytes: usize) -> u32 {
        self.page.note(number);
        self.held.push(vec![1; megabytes << 20]);
        std::process::id()
    }

    pub fn end(&self, number: u64, way: Way) -> u64 {
        self.page.note(number);
        way.go()
    }
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.lines().iter().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn every_worker_runs_as_many_calls_as_it_may() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Temp::options().mode(mode).max_calls_per_worker(3).init(journal.page()).unwrap();
        let which: Vec<u64> = (0..10).map(|number| pool.note(number).soon().unwrap()).collect();
        assert_eq!(which, [1, 2, 3, 1, 2, 3, 1, 2, 3, 1], "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.recycled, stats.workers[0].recycled, stats.restarts), (3, 3, 0), "{mode}");
        assert_eq!((stats.completed, stats.failed), (10, 0), "{mode}");
        pool.stop().unwrap();
        assert_eq!(numbers(&journal), (0..10).collect::<Vec<_>>(), "{mode}");
        assert_eq!((journal.count("built"), journal.count("dropped")), (4, 4), "{mode}: each ends in good order");
    }
}

#[test]
fn what_is_queued_goes_on_with_the_next_in_order() {
    for mode in apart() {
        for window in [1, 3, 7, 1000] {
            let journal = Journal::new();
            let options = Temp::options().mode(mode).max_calls_per_worker(7).max_queued_tasks(window);
            let pool = options.init(journal.page()).unwrap();
            let futures: Vec<_> = (0..100).map(|number| pool.note(number)).collect();
            let expected: Vec<u64> = (0..100).map(|number| number % 7 + 1).collect();
            assert_eq!(all_ok(futures), expected, "{mode} {window}");
            let stats = pool.stats();
            assert_eq!(
                (stats.recycled, stats.restarts, stats.queued, stats.in_flight),
                (14, 0, 0, 0),
                "{mode} {window}"
            );
            pool.stop().unwrap();
            assert_eq!(numbers(&journal), (0..100).collect::<Vec<_>>(), "{mode} {window}");
        }
    }
}

#[test]
fn several_workers_each_have_their_number() {
    for balancing in [LoadBalancing::RoundRobin, LoadBalancing::LeastActive, LoadBalancing::Shared] {
        for mode in apart() {
            let journal = Journal::new();
            let options = Temp::options().mode(mode).max_workers(3).max_calls_per_worker(5);
            let pool = options.load_balancing(balancing).init(journal.page()).unwrap();
            let futures: Vec<_> = (0..150).map(|number| pool.note(number)).collect();
            let which = all_ok(futures);
            assert!(which.iter().all(|which| (1..=5).contains(which)), "{mode} {balancing}: {which:?}");
            // Every instance but those at work now has run five.
            let recycled = 150 / 5 - 3..=150 / 5;
            eventually_is("the last to be recycled", true, || recycled.contains(&(pool.stats().recycled as usize)));
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.failed, stats.restarts), (150, 0, 0), "{mode} {balancing}");
            pool.stop().unwrap();
            let mut noted = numbers(&journal);
            noted.sort_unstable();
            assert_eq!(noted, (0..150).collect::<Vec<_>>(), "{mode} {balancing}: each was run once");
            assert_eq!(journal.count("built"), journal.count("dropped"), "{mode} {balancing}");
        }
    }
}

#[derive(Default)]
struct Waiter;

#[worker(mode = "async", max_calls_per_worker = 4, max_restarts = 0)]
impl Waiter {
    pub async fn after(&self, number: u64) -> u64 {
        // Let the others in.
        tokio::task::yield_now().await;
        number
    }
}

#[test]
fn calls_that_run_side_by_side_end_with_their_loop() {
    let pool = Waiter::init().unwrap();
    assert_eq!(all_ok((0..12).map(|number| pool.after(number))), (0..12).collect::<Vec<_>>());
    eventually_is("recycled", 3, || pool.stats().recycled);
    assert_eq!((pool.stats().completed, pool.stats().restarts), (12, 0));
    pool.stop().unwrap();
}

#[test]
fn a_death_in_between_is_a_death_and_counts_anew() {
    let journal = Journal::new();
    let options = Temp::options().mode(Mode::Process).max_calls_per_worker(4).max_restarts(1000);
    let pool = options.init(journal.page()).unwrap();
    let futures: Vec<_> =
        (0..60).map(|number| if number % 10 == 9 { pool.end(number, Way::Kill) } else { pool.note(number) }).collect();
    for (number, outcome) in (0..).zip(all_soon(futures)) {
        match outcome {
            Ok(_) => assert_ne!(number % 10, 9),
            Err(Error::WorkerDied { .. }) => assert_eq!(number % 10, 9),
            Err(other) => panic!("{other:?}"),
        }
    }
    let stats = pool.stats();
    // Of each ten the first eight use up two workers, and the last of the next two is its worker's end.
    assert_eq!((stats.completed, stats.failed, stats.restarts, stats.recycled), (54, 6, 6, 12));
    pool.stop().unwrap();
    assert_eq!(numbers(&journal), (0..60).collect::<Vec<_>>());
}

#[test]
fn a_stop_finishes_all_calls_however_many_workers_it_takes() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Temp::options().mode(mode).max_calls_per_worker(1).init(journal.page()).unwrap();
        let futures: Vec<_> = (0..20).map(|number| pool.note(number)).collect();
        pool.stop().unwrap();
        assert_eq!(all_ok(futures), [1; 20], "{mode}");
        assert_eq!(numbers(&journal), (0..20).collect::<Vec<_>>(), "{mode}");
        assert_eq!((journal.count("built"), journal.count("dropped")), (20, 20), "{mode}");
    }
}

#[test]
fn on_demand_a_worker_has_one_call_anyway() {
    for mode in apart() {
        let journal = Journal::new();
        let options = Temp::options().mode(mode).on_demand(true).max_workers(2).max_calls_per_worker(1);
        let pool = options.init(journal.page()).unwrap();
        assert_eq!(all_ok((0..6).map(|number| pool.note(number))), [1; 6], "{mode}");
        assert_eq!((pool.stats().recycled, pool.stats().restarts), (0, 0), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_process_that_has_grown_too_large_is_replaced_after_its_call() {
    for window in [1, 5] {
        let journal = Journal::new();
        let options = Temp::options().mode(Mode::Process).max_memory(200 << 20).max_queued_tasks(window);
        let pool = options.init(journal.page()).unwrap();
        // Ten that are small, one that is too much, and forty that wait behind it.
        let mut futures: Vec<_> = (0..10).map(|number| pool.keep(number, 1)).collect();
        futures.push(pool.keep(10, 250));
        futures.extend((11..51).map(|number| pool.keep(number, 1)));
        let pids = all_ok(futures);
        let (first, last) = (pids[0], pids[50]);
        assert_ne!(first, last, "{window}");
        let changed = pids.iter().position(|pid| *pid != first).unwrap();
        assert!(pids[changed..].iter().all(|pid| *pid == last), "{window}: it was replaced once");
        // It may have run what it had before it was told.
        assert!((11..11 + window).contains(&changed), "{window}: call {changed} was the first of the next");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.recycled, stats.restarts), (51, 0, 1, 0), "{window}");
        assert_eq!(stats.workers[0].pid, Some(last), "{window}");
        pool.stop().unwrap();
        assert_eq!(numbers(&journal), (0..51).collect::<Vec<_>>(), "{window}: each was run, once and in order");
        assert_eq!((journal.count("built"), journal.count("dropped")), (2, 2), "{window}");
    }
}

#[test]
fn memory_of_the_program_itself_is_not_bounded() {
    let journal = Journal::new();
    for mode in [Mode::Sync, Mode::Thread, Mode::Async] {
        let error = Temp::options().mode(mode).max_memory(1 << 30).init(journal.page()).unwrap_err();
        assert!(matches!(error, Error::Config { .. }), "{mode}: {error:?}");
        let text = error.to_string();
        for part in ["Temp", "`max_memory` is 1GiB", "shares the program's memory", "`max_calls_per_worker`"] {
            assert!(text.contains(part), "{mode}: {part} in {text}");
        }
    }
}
