//! Ending a pool: gently, within a time, at once, from anywhere, again and again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{
    Door, Gate, Journal, LONG, Page, Soon, all_ok, all_soon, apart, eventually_is, freeze, is_alive, modes,
};

struct Clerk {
    page: Page,
}

impl Drop for Clerk {
    fn drop(&mut self) {
        self.page.note("dropped");
    }
}

#[worker]
impl Clerk {
    pub fn new(page: Page) -> Self {
        Clerk { page }
    }

    pub fn file(&self, number: u64) -> u64 {
        self.page.note(number);
        number
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    /// Stands at the door until it is told that it is over, and notes that.
    pub fn heed(&self, ctx: &CallContext, door: Door) -> bool {
        door.knock();
        while !ctx.is_cancelled() {
            std::thread::yield_now();
        }
        self.page.note("heeded");
        true
    }

    /// A method of the same name as one of the pool's, which hides it.
    pub fn is_stopped(&self) -> u64 {
        7
    }
}

fn numbers(journal: &Journal) -> Vec<u64> {
    journal.lines().iter().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn stop_finishes_all_accepted_work_and_lets_workers_go() {
    for mode in modes() {
        let journal = Journal::new();
        let workers = if mode == Mode::Sync { 1 } else { 3 };
        let pool = Clerk::options().mode(mode).max_workers(workers).max_queued_tasks(2).init(journal.page()).unwrap();
        let futures: Vec<_> = (0..300).map(|number| pool.file(number)).collect();
        pool.stop().unwrap();
        assert!(futures.iter().all(TaskFuture::is_done), "{mode}: stop returned before the last call had resolved");
        assert_eq!(all_ok(futures), (0..300).collect::<Vec<_>>());
        assert_eq!(journal.count("dropped"), workers, "{mode}");
        assert!(pool.stats().workers.iter().all(|worker| !worker.alive && worker.pid.is_none()), "{mode}");
    }
}

#[test]
fn a_call_after_stop_is_stopped() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        assert!(!pool.pool().is_stopped());
        pool.stop().unwrap();
        assert!(pool.pool().is_stopped());
        for _ in 0..3 {
            let error = pool.file(1).soon().unwrap_err();
            assert!(matches!(error, Error::Stopped { .. }), "{mode}: {error:?}");
            assert!(error.to_string().starts_with("Clerk::file was not run"), "{error}");
        }
        assert!(matches!(pool.worker(0).file(1).soon(), Err(Error::Stopped { .. })));
        assert!(matches!(pool.broadcast(|worker| worker.file(1)).remove(0).soon(), Err(Error::Stopped { .. })));
        // A future that is an argument makes no difference.
        assert!(matches!(pool.file(TaskFuture::ready(1)).soon(), Err(Error::Stopped { .. })));
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued), (0, 0, 0), "{mode}: it was never accepted");
        assert_eq!(numbers(&journal), []);
    }
}

#[test]
fn a_worker_s_method_hides_the_pool_s_and_pool_reaches_it() {
    let journal = Journal::new();
    let client = Clerk::options().mode(Mode::Thread).init(journal.page()).unwrap();
    assert_eq!(client.is_stopped().soon().unwrap(), 7);
    assert!(!client.pool().is_stopped());
    client.stop().unwrap();
    assert!(client.pool().is_stopped());
}

#[test]
fn what_is_not_done_in_time_is_stopped_and_workers_are_ended() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).max_queued_tasks(3).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let futures: Vec<_> = (0..20).map(|number| pool.file(number)).collect();
        let begun = Instant::now();
        pool.stop_within(Duration::from_millis(50)).unwrap();
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(50) && took < Duration::from_secs(5), "{mode}: {took:?}");
        stopped(&stay.soon());
        for outcome in all_soon(futures) {
            assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode}: {outcome:?}");
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (0, 21, 0, 0), "{mode}");
        if mode == Mode::Process {
            assert!(!is_alive(visitor.pid), "the process lives on");
        }
        visitor.pass("");
        assert_eq!(numbers(&journal), [], "{mode}");
    }
}

#[test]
fn the_option_bounds_stop() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let options = Clerk::options().mode(mode).stop_timeout(Duration::from_millis(50));
        let pool = options.init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        pool.stop().unwrap();
        stopped(&stay.soon());
        drop(visitor);
    }
}

#[test]
fn a_timeout_of_nothing_and_one_without_end_are_fine() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        pool.file(1).soon().unwrap();
        pool.stop_within(Duration::ZERO).unwrap();
        let pool = Clerk::options().mode(mode).stop_timeout(Duration::MAX).init(journal.page()).unwrap();
        pool.file(2).soon().unwrap();
        pool.stop().unwrap();
        assert_eq!(numbers(&journal), [1, 2], "{mode}");
    }
}

#[test]
fn abort_ends_everything_now_and_a_thread_s_method_can_see_it() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).max_queued_tasks(3).init(journal.page()).unwrap();
        let heeds = pool.heed(gate.door());
        let visitor = gate.visitor();
        let pid = visitor.pid;
        visitor.pass("");
        let futures: Vec<_> = (0..20).map(|number| pool.file(number)).collect();
        let begun = Instant::now();
        pool.abort().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{mode}: {:?}", begun.elapsed());
        assert!(matches!(heeds.soon(), Err(Error::Stopped { .. })), "{mode}");
        for outcome in all_soon(futures) {
            assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode}: {outcome:?}");
        }
        match mode {
            Mode::Process => assert!(!is_alive(pid)),
            _ => eventually_is("the method to see that it is over", 1, || journal.count("heeded")),
        }
        assert_eq!(numbers(&journal), [], "{mode}");
        assert!(matches!(pool.file(1).soon(), Err(Error::Stopped { .. })));
    }
}

#[test]
fn abort_ends_processes_that_ignore_everything() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let pool = Clerk::options().mode(Mode::Process).max_workers(2).init(journal.page()).unwrap();
    let stays = pool.broadcast(|worker| worker.stay(gate.door()));
    let visitors = [gate.visitor(), gate.visitor()];
    // Even one that is stopped by the job control.
    freeze(visitors[0].pid);
    pool.abort().unwrap();
    assert!(visitors.iter().all(|visitor| !is_alive(visitor.pid)));
    assert!(all_soon(stays).iter().all(|stay| matches!(stay, Err(Error::Stopped { .. }))));
}

#[test]
fn ending_twice_and_in_any_order_is_fine() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        pool.file(1).soon().unwrap();
        pool.stop().unwrap();
        pool.stop().unwrap();
        pool.abort().unwrap();
        pool.stop_within(Duration::ZERO).unwrap();
        pool.wait_idle();
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        pool.abort().unwrap();
        pool.abort().unwrap();
        pool.stop().unwrap();
        assert_eq!(numbers(&journal), [1], "{mode}");
    }
}

#[test]
fn a_stop_that_waits_ends_when_somebody_aborts() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).stop_timeout(Duration::MAX).init(journal.page()).unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let stopping = std::thread::spawn({
            let pool = pool.clone();
            move || pool.stop()
        });
        eventually_is("the stop to begin", true, || pool.pool().is_stopped());
        pool.abort().unwrap();
        stopping.join().unwrap().unwrap();
        stopped(&stay.soon());
        drop(visitor);
    }
}

#[test]
fn many_threads_stop_while_others_submit_and_every_call_comes_to_something() {
    for mode in apart() {
        for round in 0..5 {
            let journal = Journal::new();
            let pool = Clerk::options().mode(mode).max_workers(2).max_queued_tasks(4).init(journal.page()).unwrap();
            let submitted = AtomicU64::new(0);
            let outcomes: Vec<_> = std::thread::scope(|scope| {
                let submitters: Vec<_> = (0..3)
                    .map(|submitter| {
                        let (pool, submitted) = (pool.clone(), &submitted);
                        scope.spawn(move || {
                            let mut outcomes = Vec::new();
                            let mut after_stop = 0;
                            while after_stop < 10 {
                                let number = submitter * 1_000_000 + outcomes.len() as u64;
                                after_stop += u64::from(pool.pool().is_stopped());
                                outcomes.push((number, pool.file(number)));
                                submitted.fetch_add(1, Ordering::SeqCst);
                            }
                            outcomes
                        })
                    })
                    .collect();
                for stopper in 0..3 {
                    let (pool, submitted) = (pool.clone(), &submitted);
                    scope.spawn(move || {
                        while submitted.load(Ordering::SeqCst) < 50 * (round + 1) {
                            std::thread::yield_now();
                        }
                        // One of them is in more of a hurry, in some of the rounds.
                        if stopper == 0 && round % 2 == 1 { pool.abort() } else { pool.stop() }.unwrap();
                    });
                }
                submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
            });
            let mut done = Vec::new();
            for (number, mut outcome) in outcomes {
                match outcome.result_within(LONG) {
                    Err(Error::TimedOut { .. }) => panic!("{mode} round {round}: {outcome:?} of {:?}", pool.stats()),
                    Ok(value) => {
                        assert_eq!(value, number);
                        done.push(number);
                    }
                    Err(error) => assert!(matches!(error, Error::Stopped { .. }), "{mode}: {error:?}"),
                }
            }
            done.sort_unstable();
            let mut noted = numbers(&journal);
            noted.sort_unstable();
            if round % 2 == 0 {
                assert_eq!(done, noted, "{mode}: what was run came back");
            } else {
                assert!(done.iter().all(|number| noted.binary_search(number).is_ok()), "{mode}");
            }
            assert!(noted.windows(2).all(|pair| pair[0] != pair[1]), "{mode}: a call was run twice");
            let stats = pool.stats();
            assert_eq!((stats.completed, stats.queued, stats.in_flight), (done.len() as u64, 0, 0), "{mode}");
        }
    }
}

#[test]
fn dropping_the_last_client_finishes_accepted_work_in_the_background() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).max_queued_tasks(2).init(journal.page()).unwrap();
        let pinned = pool.worker(0);
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let futures: Vec<_> = (0..50).map(|number| pool.file(number)).collect();
        drop(pool);
        assert!(!stay.is_done() && pinned.file(50).id() > stay.id(), "a clone keeps it going");
        drop(pinned);
        visitor.pass("go");
        assert_eq!(stay.soon().unwrap(), "go");
        assert_eq!(all_ok(futures), (0..50).collect::<Vec<_>>(), "{mode}");
        eventually_is("the worker to go", 1, || journal.count("dropped"));
        assert_eq!(numbers(&journal), (0..=50).collect::<Vec<_>>(), "{mode}");
    }
    let journal = Journal::new();
    let pool = Clerk::options().mode(Mode::Sync).init(journal.page()).unwrap();
    let future = pool.file(1);
    drop(pool);
    assert_eq!((journal.count("dropped"), future.soon().unwrap()), (1, 1));
}

#[test]
fn a_pool_that_is_dropped_unused_goes_too() {
    for mode in apart() {
        let journal = Journal::new();
        drop(Clerk::options().mode(mode).max_workers(2).init(journal.page()).unwrap());
        eventually_is("the workers to go", 2, || journal.count("dropped"));
    }
}

#[test]
fn wait_idle_waits_for_every_accepted_call() {
    for mode in apart() {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Clerk::options().mode(mode).init(journal.page()).unwrap();
        pool.wait_idle();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        for number in 0..100 {
            drop(pool.file(number));
        }
        let (sender, idle) = channel();
        let waiting = std::thread::spawn({
            let pool = pool.clone();
            move || {
                pool.wait_idle();
                sender.send(pool.stats().completed).unwrap();
            }
        });
        assert!(idle.try_recv().is_err(), "{mode}");
        visitor.pass("");
        assert_eq!(idle.recv_timeout(LONG).unwrap(), 101, "{mode}");
        waiting.join().unwrap();
        assert!(stay.is_done());
        // It is no end: the pool takes more.
        assert_eq!(pool.file(100).soon().unwrap(), 100);
        pool.stop().unwrap();
        assert_eq!(numbers(&journal).len(), 101);
    }
    let journal = Journal::new();
    let pool = Clerk::options().mode(Mode::Sync).init(journal.page()).unwrap();
    drop(pool.file(1));
    pool.wait_idle();
    pool.stop().unwrap();
}

#[test]
fn a_stop_while_workers_come_up_again_waits_for_what_was_accepted() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let pool = Clerk::options().mode(Mode::Process).init(journal.page()).unwrap();
    let stay = pool.stay(gate.door());
    let visitor = gate.visitor();
    let futures: Vec<_> = (0..20).map(|number| pool.file(number)).collect();
    let pid = nix::unistd::Pid::from_raw(visitor.pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    pool.stop().unwrap();
    assert!(matches!(stay.soon(), Err(Error::WorkerDied { .. })));
    assert_eq!(all_ok(futures), (0..20).collect::<Vec<_>>());
    assert_eq!(numbers(&journal), (0..20).collect::<Vec<_>>());
}

#[track_caller]
fn stopped<T: std::fmt::Debug>(outcome: &concurry::Result<T>) {
    assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
}
