//! A worker that is killed while it has nothing to do is replaced before the next call is run, and that call, which may
//! have been sent to the dead one, is not lost: without any retries, and run once.

use concurry::prelude::*;
use concurry_tests::{Journal, Page, all_ok, all_soon, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Idler {
    page: Page,
}

#[worker(mode = "process", max_restarts = 100_000)]
impl Idler {
    pub fn new(page: Page) -> Self {
        Idler { page }
    }

    /// Notes `number`; the process that it is in.
    pub fn note(&self, number: u64) -> u32 {
        self.page.note(number);
        std::process::id()
    }

    /// As `note`, with much to be sent and answered.
    pub fn carry(&self, number: u64, bytes: Vec<u8>) -> (u32, Vec<u8>) {
        (self.note(number), bytes)
    }
}

fn kill_now(pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
}

fn sorted(journal: &Journal) -> Vec<u64> {
    let mut noted = journal.numbers();
    noted.sort_unstable();
    noted
}

#[test]
fn what_is_submitted_right_after_the_kill_is_run_once_by_the_successor() {
    const ROUNDS: u64 = 25;
    for (workers, window) in [(1, 1), (1, 100), (2, 1), (2, 100)] {
        let journal = Journal::new();
        let options = Idler::options().max_workers(workers).max_queued_tasks(window);
        let pool = options.init(journal.page()).unwrap();
        let mut number = 0;
        let mut submitted = |count: u64| {
            let futures: Vec<_> = (number..number + count).map(|number| pool.note(number)).collect();
            number += count;
            futures
        };
        let mut pids = all_ok(submitted(workers as u64));
        for round in 0..ROUNDS {
            // All of them idle, and then dead; whether that has been noticed when the calls come is chance.
            pids.iter().for_each(|pid| kill_now(*pid));
            // Round robin: as many for each worker.
            let calls = (round % 5 + 1) * workers as u64;
            let mut ran = all_ok(submitted(calls));
            ran.sort_unstable();
            ran.dedup();
            assert_eq!(ran.len(), workers, "{workers} {window}: each successor has run its calls");
            assert!(pids.iter().all(|pid| !ran.contains(pid)), "{workers} {window}: a dead process has answered");
            pids = ran;
        }
        let stats = pool.stats();
        let deaths = ROUNDS * workers as u64;
        assert_eq!((stats.completed, stats.failed, stats.retried, stats.restarts), (number, 0, 0, deaths));
        assert_eq!((stats.queued, stats.in_flight), (0, 0), "{workers} {window}");
        pool.stop().unwrap();
        assert_eq!(sorted(&journal), (0..number).collect::<Vec<_>>(), "{workers} {window}: each was run once");
    }
}

#[test]
fn a_call_that_was_on_its_way_in_pieces_is_sent_again() {
    let journal = Journal::new();
    let pool = Idler::options().init(journal.page()).unwrap();
    let bytes: Vec<u8> = (0..4 << 20).map(|at| at as u8).collect();
    let mut pid = pool.note(0).result().unwrap();
    for number in 1..=10 {
        kill_now(pid);
        let (other, back) = pool.carry(number, bytes.clone()).result().unwrap();
        assert_ne!(other, pid);
        assert!(back == bytes, "the bytes came back changed");
        pid = other;
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (11, 0, 10));
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (0..=10).collect::<Vec<_>>());
}

#[test]
fn a_call_for_one_worker_waits_for_its_successor() {
    let journal = Journal::new();
    let pool = Idler::options().max_workers(3).init(journal.page()).unwrap();
    let first = all_ok(pool.broadcast(|worker| worker.note(0)));
    for round in 1..=10 {
        let now: Vec<u32> = pool.stats().workers.iter().map(|worker| worker.pid.unwrap()).collect();
        kill_now(now[1]);
        let then = all_ok(pool.broadcast(|worker| worker.note(round)));
        assert_eq!((then[0], then[2]), (first[0], first[2]));
        assert_ne!(then[1], now[1]);
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.workers[1].restarts), (33, 0, 10));
    pool.stop().unwrap();
}

#[test]
fn many_who_submit_at_the_moment_of_the_kill_lose_nothing() {
    const SUBMITTERS: u64 = 4;
    const ROUNDS: u64 = 20;
    let journal = Journal::new();
    let pool = Idler::options().max_workers(2).load_balancing(LoadBalancing::LeastActive).init(journal.page()).unwrap();
    for round in 0..ROUNDS {
        pool.wait_idle();
        eventually("both to be there", || pool.stats().workers.iter().all(|worker| worker.pid.is_some()));
        let pids: Vec<u32> = pool.stats().workers.iter().filter_map(|worker| worker.pid).collect();
        let start = std::sync::Barrier::new(SUBMITTERS as usize + 1);
        std::thread::scope(|scope| {
            for submitter in 0..SUBMITTERS {
                let (pool, start) = (&pool, &start);
                scope.spawn(move || {
                    start.wait();
                    let from = (round * SUBMITTERS + submitter) * 5;
                    all_soon((from..from + 5).map(|number| pool.note(number)))
                });
            }
            // Before anybody submits, so that they are idle when it strikes.
            pids.iter().for_each(|pid| kill_now(*pid));
            start.wait();
        });
    }
    pool.wait_idle();
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed), (ROUNDS * SUBMITTERS * 5, 0));
    pool.stop().unwrap();
    assert_eq!(sorted(&journal), (0..ROUNDS * SUBMITTERS * 5).collect::<Vec<_>>());
}
