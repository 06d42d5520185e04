//! Forks that go on without `exec`: they keep nobody alive, hide nobody's death, and can do nothing to what is not theirs.

use std::process::Command;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, Result};
use concurry_faults::{Plan, Stage, Subject, alone, fork};
use concurry_tests::{Door, Gate, Journal, Program, Soon, Visitor, is_alive, within};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

/// Whether this is the error of somebody who is in a fork.
fn is_refused<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Unsupported { message, .. }) if message.contains("fork"))
}

#[test]
fn a_fork_of_the_driver_can_do_nothing_to_its_pools_and_says_so() {
    let _alone = alone();
    let gate = Gate::new();
    let stage = Stage::new(Plan::new());
    let (door, journal) = (gate.door(), Journal::new());
    let waits = stage.pool.split(100, door);
    let visitors = [gate.visitor(), gate.visitor()];
    // What the fork does, one after the other; its exit code says what it did not get past.
    let child = match fork().unwrap() {
        Some(child) => child,
        None => {
            let pool = &stage.pool;
            let made = Subject::init(journal.page());
            let steps = [
                is_refused(pool.double(200).result()),
                is_refused(waits.result()),
                is_refused(pool.stop()),
                is_refused(pool.stop_within(Duration::from_millis(1))),
                is_refused(pool.abort()),
                is_refused(made.map(drop)),
                is_refused(Subject::options().mode(Mode::Thread).init(journal.page()).map(drop)),
                matches!(
                    Subject::options().mode(Mode::Sync).init(journal.page()).map(|pool| pool.double(1).result()),
                    Ok(Ok(2))
                ),
            ];
            pool.wait_idle();
            drop(stage.pool);
            let failed = steps.iter().position(|good| !good).map_or(0, |at| at as i32 + 1);
            std::process::exit(failed);
        }
    };
    assert_eq!(waitpid(raw(child), None).unwrap(), WaitStatus::Exited(raw(child), 0));
    for visitor in visitors {
        visitor.pass("");
    }
    assert_eq!(waits.soon().unwrap(), 200);
    let futures = stage.submit();
    let outcomes: Vec<_> = futures.into_iter().map(Soon::soon).collect();
    let stats = stage.pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (11, 0, 0));
    stage.pool.stop().unwrap();
    let seen = stage.leave(outcomes, stats);
    seen.good_but(&[], "fork");
    assert_eq!((seen.built(), seen.ran(200)), (1, 0));
}

/// A worker that has forked within its call, which both are still inside of.
struct Split {
    stage: Stage,
    splits: TaskFuture<u64>,
    worker: Visitor,
    forked: Visitor,
    gate: Gate,
}

impl Split {
    fn new() -> Self {
        let gate = Gate::new();
        let stage = Stage::new(Plan::new());
        let splits = stage.pool.split(100, gate.door());
        let (one, other) = (gate.visitor(), gate.visitor());
        let (worker, forked) = if one.word == "worker" { (one, other) } else { (other, one) };
        Split { stage, splits, worker, forked, gate }
    }
}

#[test]
fn a_fork_of_a_worker_does_not_hide_its_death() {
    let _alone = alone();
    let Split { stage, splits, worker, forked, gate: _gate } = Split::new();
    assert_eq!(forked.word, "fork");
    kill(raw(worker.pid), Signal::SIGKILL).unwrap();
    let error = splits.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    assert_eq!(stage.pool.double(1).soon().unwrap(), 2);
    let stats = stage.pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (1, 1, 1));
    stage.pool.stop().unwrap();
    assert!(is_alive(forked.pid));
    forked.pass("");
    drop(worker);
    let seen = stage.leave(vec![], stats);
    assert_eq!((seen.ran(100), seen.built()), (1, 2));
}

#[test]
fn a_fork_of_a_worker_that_goes_on_as_if_it_were_one_ends() {
    let _alone = alone();
    let Split { stage, splits, worker, forked, gate: _gate } = Split::new();
    let pid = forked.pid;
    // It returns from the method with another answer than the worker's, which nobody is to hear.
    forked.pass("");
    within(Duration::from_secs(10), "the fork is alive", false, &mut || is_alive(pid));
    assert!(!splits.is_done());
    worker.pass("");
    assert_eq!(splits.soon().unwrap(), 200);
    let futures = stage.submit();
    let outcomes: Vec<_> = futures.into_iter().map(Soon::soon).collect();
    let stats = stage.pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (11, 0, 0));
    stage.pool.stop().unwrap();
    stage.leave(outcomes, stats).good_but(&[], "fork");
}

#[test]
fn a_fork_of_the_driver_keeps_no_worker_alive() {
    let gate = Gate::new();
    let Door(path) = gate.door();
    let mut program = Program::start(Command::new(env!("CARGO_BIN_EXE_forker")).arg(path));
    let forked = gate.visitor();
    let workers: Vec<u32> = (0..3).map(|_| program.line().parse().unwrap()).collect();
    assert!(workers.iter().all(|&pid| is_alive(pid)));
    program.kill();
    program.wait();
    within(Duration::from_secs(1), "workers alive", 0, &mut || workers.iter().filter(|&&pid| is_alive(pid)).count());
    assert!(is_alive(forked.pid));
    forked.pass("");
    assert_eq!(program.rest(), Vec::<String>::new());
}
