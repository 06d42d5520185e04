//! One set, shared by threads and processes, is never held by more than it allows, whoever is killed meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Chairs, Journal, Page, Row, all_soon, begun, eventually, eventually_is};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How many hold at once.
const CAPACITY: usize = 2;
/// How many times they do, all in all.
const ACQUISITIONS: u64 = 100_000;
/// How many times a call does, one after the other.
const A_CALL: u64 = 100;
/// How many processes are killed.
const KILLS: u64 = 300;

#[derive(Default)]
struct Sitter;

#[worker]
impl Sitter {
    /// Acquires, sits down, stands up, gives back; how often somebody else sat there too. Who finds no chair, being one
    /// too many, notes that at once, since it may be killed.
    pub fn sit(&self, ctx: &CallContext, row: Row, page: Page) -> concurry::Result<u64> {
        let view = row.view();
        let mut beside = 0;
        for _ in 0..A_CALL {
            let taken = ctx.limits().acquire(("chair", 1))?;
            match view.sit() {
                Some(seat) => beside += u64::from(seat.number > 0),
                None => page.note(format!("{} of worker {} stood", std::process::id(), ctx.worker_index())),
            }
            drop(taken);
        }
        Ok(beside)
    }
}

/// Numbers that look random, the same in every run.
fn draw(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn threads_and_processes_share_a_set_and_the_dead_hold_nothing() {
    let (chairs, journal) = (Chairs::new(CAPACITY), Journal::new());
    let limits = LimitSet::new().resource("chair", CAPACITY as u64);
    let options = |mode| Sitter::options().mode(mode).max_workers(4).limits(limits.clone());
    let threads = options(Mode::Thread).init().unwrap();
    let processes = options(Mode::Process).max_restarts(u32::MAX).init().unwrap();
    // Half of it is the processes', and what is lost with each that is killed.
    let (by_threads, by_processes) = (ACQUISITIONS / A_CALL / 2, ACQUISITIONS / A_CALL / 2 + KILLS);
    let sit = |pool: &SitterClient| pool.sit(chairs.row(), journal.page());
    let mut futures: Vec<_> = (0..by_threads).map(|_| sit(&threads)).collect();
    futures.extend((0..by_processes).map(|_| sit(&processes)));
    let resolved = Arc::new(AtomicU64::new(0));
    for future in &futures {
        let resolved = resolved.clone();
        future.on_done(move |_| {
            resolved.fetch_add(1, Ordering::SeqCst);
        });
    }

    let (mut killed, mut random) = (BTreeSet::new(), 0x9e37_79b9_7f4a_7c15);
    let mut next = 0;
    while (killed.len() as u64) < KILLS {
        // Somewhere within the next bit of work, whatever is going on there.
        next += draw(&mut random) % (2 * ACQUISITIONS / KILLS);
        eventually("progress", || limits.stats().granted >= next || processes.stats().queued == 0);
        let mut pids = Vec::new();
        eventually("a process", || {
            pids = processes.stats().workers.iter().filter_map(|worker| worker.pid).collect();
            !pids.is_empty()
        });
        let pid = pids[draw(&mut random) as usize % pids.len()];
        // Numbers of processes come again.
        if let Some(begun) = begun(pid)
            && kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).is_ok()
        {
            killed.insert((pid, begun));
        }
    }

    let results = all_soon(futures);
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let Error::WorkerDied { status, .. } = error else { panic!("{error:?}") };
        assert!(status.starts_with("killed by signal 9 (SIGKILL)"), "{status}");
    }
    eventually_is("restarts", KILLS, || processes.stats().restarts);
    threads.stop().unwrap();
    processes.stop().unwrap();
    assert_eq!(journal.lines(), Vec::<String>::new(), "more than {CAPACITY} held at once");

    let (done, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(lost.len() as u64 <= KILLS, "{} calls were lost to {KILLS} kills", lost.len());
    let beside: u64 = done.into_iter().map(Result::unwrap).sum();
    assert!(beside > 0, "nobody ever held beside another");

    assert_eq!(resolved.load(Ordering::SeqCst), by_threads + by_processes, "every call resolves once");
    let stats = [threads.stats(), processes.stats()];
    let counted: u64 = stats.iter().map(|stats| stats.completed + stats.failed).sum();
    assert_eq!(counted, by_threads + by_processes);

    let stats = limits.stats();
    assert_eq!((stats.held, stats.waiting, stats.limits[0].available), (0, 0, CAPACITY as u64));
    assert!(stats.granted >= ACQUISITIONS, "{}", stats.granted);
}
