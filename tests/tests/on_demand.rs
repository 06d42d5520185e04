//! Workers that are made when a task comes and end with it.

use std::collections::BTreeSet;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, all_soon, apart, at_once, eventually_is};

/// Notes when it is built and when it is dropped.
struct Burst {
    page: Page,
}

impl Drop for Burst {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker(on_demand = true)]
impl Burst {
    pub fn new(page: Page) -> Result<Self, std::fmt::Error> {
        page.note("built");
        Ok(Burst { page })
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn note(&self, id: u64) -> (u64, u32) {
        self.page.note(id);
        (id, std::process::id())
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

#[test]
fn the_submitter_never_waits_and_there_are_never_more_workers_than_allowed() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let stays: Vec<_> = at_once(|| (0..6).map(|_| pool.stay(gate.door())).collect());
        let notes: Vec<_> = at_once(|| (0..200).map(|id| pool.note(id)).collect());

        // Two stand at the gate, and no third comes until one has left.
        let mut at_the_gate = vec![gate.visitor(), gate.visitor()];
        for _ in 0..4 {
            assert!(!gate.has_visitor(), "{mode}: a third worker");
            let stats = pool.stats();
            assert_eq!(stats.in_flight, 2, "{mode}");
            at_the_gate.remove(0).pass("");
            at_the_gate.push(gate.visitor());
        }
        drop(at_the_gate);
        all_ok(stays);
        let answers = all_ok(notes);
        assert_eq!(answers.iter().map(|answer| answer.0).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (206, 0, 0, 0), "{mode}");
        assert!(stats.on_demand && stats.max_workers == 2);
        pool.stop().unwrap();
        assert_eq!((journal.count("built"), journal.count("dropped")), (206, 206), "{mode}");
    }
}

#[test]
fn each_task_has_a_worker_of_its_own_that_ends_with_it() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Burst::options().mode(mode).max_workers(3).init(journal.page()).unwrap();
        for id in 0..5 {
            pool.note(id).soon().unwrap();
            // The worker goes although the pool stays.
            eventually_is("workers dropped", id as usize + 1, || journal.count("dropped"));
            eventually_is("workers", 0, || pool.stats().workers.iter().filter(|worker| worker.alive).count());
        }
        assert!(pool.stats().workers.iter().all(|worker| !worker.alive && worker.pid.is_none()));
        assert_eq!(journal.count("built"), 5);
        pool.stop().unwrap();
    }
}

#[test]
fn each_task_of_a_process_pool_has_a_process_of_its_own() {
    let journal = Journal::new();
    let pool = Burst::options().mode(Mode::Process).max_workers(4).init(journal.page()).unwrap();
    let answers = all_ok((0..40).map(|id| pool.note(id)));
    let pids: BTreeSet<_> = answers.iter().map(|answer| answer.1).collect();
    assert_eq!(pids.len(), 40);
    assert!(!pids.contains(&std::process::id()));
    pool.stop().unwrap();
}

#[test]
fn there_are_as_many_workers_as_processors_unless_told() {
    let journal = Journal::new();
    for mode in apart() {
        let pool = Burst::options().mode(mode).init(journal.page()).unwrap();
        assert_eq!(pool.max_workers(), std::thread::available_parallelism().unwrap().get());
        pool.stop().unwrap();
    }
    // A pool that was never called made no worker.
    assert_eq!(journal.lines().len(), 0);
}

#[test]
fn a_task_that_ends_its_worker_costs_itself() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let ways: &[Way] = if mode == Mode::Process {
            &[Way::Panic, Way::Kill, Way::Exit(0), Way::Overflow]
        } else {
            &[Way::Panic; 4]
        };
        let mut outcomes = Vec::new();
        for id in 0..40 {
            outcomes.push((id, pool.note(id).map(|answer| answer.0)));
            outcomes.push((1000 + id, pool.end(ways[id as usize % 4])));
        }
        for (id, outcome) in outcomes {
            match outcome.soon() {
                Ok(value) => assert_eq!(value, id),
                Err(error) => {
                    let way = ways[(id - 1000) as usize % 4];
                    assert!(error.to_string().contains(way.words()), "{mode} {way:?}: {error}");
                    let kind_is_right = match way {
                        Way::Panic => matches!(error, Error::Panicked { .. }),
                        _ => matches!(error, Error::WorkerDied { .. }),
                    };
                    assert!(kind_is_right, "{error:?}");
                }
            }
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed), (40, 40), "{mode}");
        pool.stop().unwrap();
        let mut noted: Vec<u64> = journal.lines().iter().filter_map(|line| line.parse().ok()).collect();
        noted.sort_unstable();
        assert_eq!(noted, (0..40).collect::<Vec<_>>(), "{mode}");
    }
}

/// Cannot be built while its page is blank.
struct Picky;

#[worker(on_demand = true)]
impl Picky {
    pub fn new(page: Page) -> Result<Self, std::num::ParseIntError> {
        if page.is_blank() { "nothing there".parse::<u64>().map(|_| Picky) } else { Ok(Picky) }
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_constructor_that_fails_costs_the_task_that_it_was_for() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Picky::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        for answer in all_soon((0..20).map(|_| pool.answer())) {
            let error = answer.unwrap_err();
            assert!(matches!(error, Error::InitFailed { .. }), "{mode}: {error:?}");
            assert!(error.to_string().contains("Picky") && error.to_string().contains("invalid digit"), "{error}");
            assert!(error.is::<std::num::ParseIntError>(), "{mode}: {error:?}");
        }
        // The reason is gone, so the next ones run.
        journal.page().note("ready");
        assert_eq!(all_ok((0..20).map(|_| pool.answer())), [42; 20]);
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed), (20, 20), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn stop_finishes_what_is_queued() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let notes: Vec<_> = (0..30).map(|id| pool.note(id)).collect();
        let stopping = std::thread::spawn({
            let pool = pool.clone();
            move || pool.stop()
        });
        eventually_is("the stop to begin", true, || pool.is_stopped());
        assert!(matches!(pool.note(1000).soon(), Err(Error::Stopped { .. })));
        drop(visitor);
        stopping.join().unwrap().unwrap();
        stay.soon().unwrap();
        assert!(notes.iter().all(TaskFuture::is_done), "{mode}: stop returned before the last call had resolved");
        assert_eq!(all_ok(notes).len(), 30);
        assert_eq!((journal.count("built"), journal.count("dropped")), (31, 31), "{mode}");
    }
}

#[test]
fn dropping_the_last_client_finishes_what_is_queued_too() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let notes: Vec<_> = (0..30).map(|id| pool.note(id)).collect();
        drop(pool);
        assert_eq!(all_ok(notes).len(), 30, "{mode}");
        eventually_is("workers dropped", 30, || journal.count("dropped"));
    }
}

#[test]
fn abort_gives_up_what_is_queued_and_running() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let stays: Vec<_> = (0..2).map(|_| pool.stay(gate.door())).collect();
        let visitors = [gate.visitor(), gate.visitor()];
        let notes: Vec<_> = (0..30).map(|id| pool.note(id)).collect();
        pool.abort().unwrap();
        for outcome in all_soon(notes) {
            assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode}: {outcome:?}");
        }
        for outcome in all_soon(stays) {
            assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode}: {outcome:?}");
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (0, 32, 0, 0), "{mode}");
        drop(visitors);
    }
}

#[test]
fn there_is_no_worker_to_pin_and_none_to_broadcast_to() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Burst::options().mode(mode).max_workers(2).init(journal.page()).unwrap();
        let error = pool.worker(0).note(1).soon().unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }) && error.to_string().contains("demand"), "{error}");
        assert_eq!(pool.broadcast(|worker| worker.note(2)).len(), 0);
        pool.stop().unwrap();
    }
}

#[test]
fn cancelled_tasks_do_not_run() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Burst::options().mode(mode).max_workers(1).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let notes: Vec<_> = (0..50).map(|id| pool.note(id)).collect();
        assert!(notes.iter().filter(|note| note.id() != notes[7].id()).all(TaskFuture::cancel));
        drop(visitor);
        stay.soon().unwrap();
        let outcomes = all_soon(notes);
        let done: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).map(|answer| answer.0).collect();
        assert_eq!(done, [7], "{mode}");
        pool.stop().unwrap();
        assert_eq!(journal.lines().iter().filter(|line| line.parse::<u64>().is_ok()).count(), 1);
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued), (2, 49, 0), "{mode}");
    }
}

#[test]
fn submitters_of_many_threads_and_a_burst_after_each_pause() {
    for mode in apart() {
        let journal = Journal::new();
        let pool = Burst::options().mode(mode).max_workers(3).init(journal.page()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let pool = &pool;
                scope.spawn(move || {
                    for burst in 0..3 {
                        let ids: Vec<_> = (0..8).map(|call| thread * 100 + burst * 10 + call).collect();
                        let answers = all_ok(ids.iter().map(|&id| pool.note(id)));
                        assert_eq!(answers.iter().map(|answer| answer.0).collect::<Vec<_>>(), ids);
                    }
                });
            }
        });
        pool.wait_idle();
        pool.stop().unwrap();
        assert_eq!((journal.count("built"), journal.count("dropped")), (96, 96), "{mode}");
    }
}
