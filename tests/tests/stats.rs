//! What a pool says of itself: exact at rest, whatever has happened, and counted before a future resolves.

use std::sync::atomic::{AtomicU64, Ordering};

use concurry::prelude::*;
use concurry::{Error, PoolStats};
use concurry_tests::{BALANCING, Door, Gate, Journal, LONG, Page, Soon, Way, all_soon, apart, modes};

struct Mixed {
    page: Page,
}

#[worker(max_restarts = 1000)]
impl Mixed {
    pub fn new(page: Page) -> Self {
        Mixed { page }
    }

    pub fn fine(&self, number: u64) -> u64 {
        self.page.note(number);
        number
    }

    pub fn fail(&self) -> Result<u64, String> {
        Err("as asked".to_owned())
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }

    pub fn stay(&self, door: Door) -> u64 {
        door.knock();
        0
    }
}

/// What must hold of every pool at rest.
#[track_caller]
fn adds_up(stats: &PoolStats, accepted: u64) {
    assert_eq!((stats.queued, stats.in_flight), (0, 0), "{stats:?}");
    assert_eq!(stats.completed + stats.failed, accepted, "{stats:?}");
    assert_eq!(stats.restarts, stats.workers.iter().map(|worker| worker.restarts).sum::<u64>());
    for worker in &stats.workers {
        assert_eq!((worker.queued, worker.in_flight), (0, 0), "{worker:?}");
        assert_eq!(worker.dispatched, worker.completed + worker.failed, "{worker:?}");
    }
    let completed = stats.workers.iter().map(|worker| worker.completed).sum::<u64>();
    assert_eq!(completed, stats.completed, "{stats:?}");
    // What was cancelled before it had a worker, or had none left, is nobody's failure but the pool's.
    assert!(stats.workers.iter().map(|worker| worker.failed).sum::<u64>() <= stats.failed, "{stats:?}");
}

/// A number that is the same in every run and looks like none.
fn dice(seed: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40
}

fn mix(mode: Mode, balancing: LoadBalancing, on_demand: bool, window: usize) {
    const CALLS: u64 = 150;
    let journal = Journal::new();
    let workers = if mode == Mode::Sync { 1 } else { 3 };
    let mut options = Mixed::options().mode(mode).max_workers(workers).max_queued_tasks(window);
    options = if on_demand { options.on_demand(true) } else { options.load_balancing(balancing) };
    let pool = options.init(journal.page()).unwrap();
    let resolved = AtomicU64::new(0);
    let per_thread = |thread: u64| {
        let futures: Vec<_> = (0..CALLS)
            .map(|call| {
                let number = thread * CALLS + call;
                match dice(number) % 10 {
                    0 => pool.fail(),
                    1 => pool.end(Way::Panic),
                    2 if mode == Mode::Process => pool.end(Way::DEATHS[number as usize % 4]),
                    3 => {
                        let future = pool.fine(number);
                        future.cancel();
                        future
                    }
                    4 => pool.fine(pool.fine(number)),
                    _ => pool.fine(number),
                }
            })
            .collect();
        let accepted = (0..CALLS).map(|call| if dice(thread * CALLS + call) % 10 == 4 { 2 } else { 1 }).sum::<u64>();
        let mut good = 0;
        for future in futures {
            match future.soon() {
                Ok(_) => good += 1,
                Err(
                    Error::Failed { .. } | Error::Panicked { .. } | Error::WorkerDied { .. } | Error::Cancelled { .. },
                ) => {}
                Err(other) => panic!("{other:?}"),
            }
            resolved.fetch_add(1, Ordering::SeqCst);
        }
        (accepted, good)
    };
    let (accepted, good) = if mode == Mode::Sync {
        per_thread(0)
    } else {
        std::thread::scope(|scope| {
            let per_thread = &per_thread;
            let threads: Vec<_> = (0..3).map(|thread| scope.spawn(move || per_thread(thread))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
        })
    };
    pool.wait_idle();
    let stats = pool.stats();
    adds_up(&stats, accepted);
    // Calls whose value was only another's argument are the ones that nobody counted above.
    assert!(stats.completed >= good, "{stats:?} {good}");
    pool.stop().unwrap();
    let after = pool.stats();
    adds_up(&after, accepted);
    assert_eq!((after.completed, after.failed), (stats.completed, stats.failed));
    // A value was made by exactly one run.
    let noted = journal.lines().len() as u64;
    assert!(noted >= stats.completed, "{noted} runs, {stats:?}");
}

#[test]
fn a_mix_of_everything_adds_up_in_every_mode_and_balancing() {
    for mode in modes() {
        for balancing in BALANCING {
            mix(mode, balancing, false, 5);
        }
    }
}

#[test]
fn a_mix_of_everything_adds_up_on_demand_and_with_every_window() {
    for mode in apart() {
        mix(mode, LoadBalancing::Random, true, 1);
        for window in [1, 1000] {
            mix(mode, LoadBalancing::RoundRobin, false, window);
        }
    }
}

#[test]
fn a_call_is_counted_before_its_future_resolves() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Mixed::options().mode(mode).init(journal.page()).unwrap();
        for call in 1..=300 {
            if call % 3 == 0 {
                pool.fail().soon().unwrap_err().to_string()
            } else {
                pool.fine(call).soon().unwrap().to_string()
            };
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.failed), (call - call / 3, call / 3), "{mode}");
            assert_eq!((stats.workers[0].completed, stats.workers[0].failed), (call - call / 3, call / 3), "{mode}");
        }
        pool.stop().unwrap();
    }
}

#[test]
fn the_figures_tell_who_and_what_and_where() {
    for mode in modes() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let workers = if mode == Mode::Sync { 1 } else { 2 };
        let pool = Mixed::options().mode(mode).max_workers(workers).name("mixed bag").init(journal.page()).unwrap();
        let stats = pool.stats();
        assert_eq!((stats.name.as_str(), stats.mode, stats.max_workers), ("mixed bag", mode, workers));
        assert_eq!((pool.name(), pool.max_workers(), stats.on_demand), ("mixed bag", workers, false));
        assert_eq!(
            stats.workers.iter().map(|worker| worker.index).collect::<Vec<_>>(),
            (0..workers).collect::<Vec<_>>()
        );
        for worker in &stats.workers {
            assert!(worker.alive);
            assert_eq!(worker.pid.is_some(), mode == Mode::Process);
            assert_eq!((worker.dispatched, worker.completed, worker.failed, worker.restarts), (0, 0, 0, 0));
        }
        if mode == Mode::Process {
            let stays = pool.broadcast(|worker| worker.stay(gate.door()));
            let mut here = [gate.visitor(), gate.visitor()].map(|visitor| visitor.pid);
            let mut said: Vec<_> = stats.workers.iter().filter_map(|worker| worker.pid).collect();
            here.sort_unstable();
            said.sort_unstable();
            assert_eq!(said, here);
            drop(gate);
            all_soon(stays);
        }
        // They are plain data.
        let text = serde_json::to_string(&pool.stats()).unwrap();
        let back: PoolStats = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{back:?}"), format!("{:?}", pool.stats()));
        assert!(text.contains("\"mixed bag\""));
        pool.stop_within(LONG).unwrap();
    }
}

#[test]
fn restarts_and_the_new_process_are_told() {
    let journal = Journal::new();
    let pool = Mixed::options().mode(Mode::Process).max_workers(2).init(journal.page()).unwrap();
    let before = pool.stats();
    for _ in 0..3 {
        pool.worker(1).end(Way::Kill).soon().unwrap_err();
        pool.worker(1).fine(1).soon().unwrap();
    }
    let after = pool.stats();
    assert_eq!(after.workers.iter().map(|worker| worker.restarts).collect::<Vec<_>>(), [0, 3]);
    assert_eq!((after.restarts, after.completed, after.failed), (3, 3, 3));
    assert_eq!(after.workers[0].pid, before.workers[0].pid);
    assert_ne!(after.workers[1].pid, before.workers[1].pid);
    pool.stop().unwrap();
}
