//! Worker processes on demand are forked from a zygote, some of them ahead of time. Whatever is killed of all that, no call
//! is lost and none runs twice, and nothing is left in the end.
//!
//! The children of this process are counted, so the tests take turns.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{
    Door, Gate, Journal, Page, Soon, Way, all_ok, all_soon, children_of, eventually, eventually_is, freeze, is_alive,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[derive(Default)]
struct Hand;

#[worker(mode = "process", on_demand = true, max_workers = 3)]
impl Hand {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    pub fn note(&self, page: Page, id: u64) -> u64 {
        page.note(id);
        id
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn say_and_end(&self, word: String, way: Way) -> u64 {
        eprintln!("{word}");
        way.go()
    }

    /// What a program gets that a worker starts.
    pub fn inherited(&self) -> String {
        let output = std::process::Command::new("ls").arg("/proc/self/fd").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn children() -> Vec<u32> {
    children_of(std::process::id())
}

/// What a process has mapped of memory that it shares with this one.
fn has_mapped(pid: u32, name: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.contains(name))
}

/// What the children are at a moment.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    zygotes: Vec<u32>,
    /// Neither zygotes nor workers, and alive.
    spares: BTreeSet<u32>,
    others: Vec<u32>,
}

fn seen() -> Seen {
    let mut seen = Seen::default();
    for pid in children() {
        if has_mapped(pid, "/memfd:concurry-zygote") {
            seen.zygotes.push(pid);
        } else if is_alive(pid) && !has_mapped(pid, "/memfd:concurry") {
            seen.spares.insert(pid);
        } else {
            seen.others.push(pid);
        }
    }
    seen
}

/// Waits until there is a zygote with two spares and nothing else.
#[track_caller]
fn at_rest() -> (u32, BTreeSet<u32>) {
    let mut last = Seen::default();
    eventually_is("zygotes, spares, others", (1, 2, 0), || {
        last = seen();
        (last.zygotes.len(), last.spares.len(), last.others.len())
    });
    (last.zygotes[0], last.spares)
}

fn end(pid: u32) {
    // It may have been reaped meanwhile; its number is not given again so soon.
    let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
}

#[test]
fn there_is_none_before_the_first_call_and_none_after_the_stop() {
    let _turn = alone();
    for way in ["stop", "abort", "drop", "drop a busy one"] {
        let pool = Hand::options().init().unwrap();
        assert_eq!(children(), [], "{way}");
        pool.pid().soon().unwrap();
        at_rest();
        match way {
            "stop" => pool.stop().unwrap(),
            "abort" => pool.abort().unwrap(),
            "drop" => drop(pool),
            _ => {
                let gate = Gate::new();
                let stay = pool.stay(gate.door());
                let visitor = gate.visitor();
                drop(pool);
                visitor.pass("on");
                assert_eq!(stay.soon().unwrap(), "on");
            }
        }
        if way.starts_with("drop") {
            eventually("no child", || children().is_empty());
        } else {
            assert_eq!(children(), [], "right after {way}");
        }
    }
}

#[test]
fn a_call_is_run_by_a_spare_and_another_takes_its_place() {
    let _turn = alone();
    let pool = Hand::options().init().unwrap();
    pool.pid().soon().unwrap();
    for _ in 0..10 {
        let (_, spares) = at_rest();
        let pid = pool.pid().soon().unwrap();
        assert!(spares.contains(&pid), "{pid} {spares:?}");
    }
    pool.stop().unwrap();
}

#[test]
fn workers_have_nothing_of_each_other() {
    let _turn = alone();
    let gate = Gate::new();
    let pool = Hand::options().max_workers(3).init().unwrap();
    let stays: Vec<_> = (0..3).map(|_| pool.stay(gate.door())).collect();
    let visitors: Vec<_> = (0..3).map(|_| gate.visitor()).collect();
    for visitor in &visitors {
        let files = std::fs::read_dir(format!("/proc/{}/fd", visitor.pid)).unwrap();
        let mut links: Vec<String> = files
            .map(|file| std::fs::read_link(file.unwrap().path()).unwrap().display().to_string())
            .map(|link| link.split(':').next().unwrap().to_owned())
            .filter(|link| ["socket", "anon_inode", "/memfd"].contains(&link.as_str()))
            .collect();
        links.sort();
        // Its way to the driver, and the one to the gate.
        assert_eq!(links, ["socket", "socket"]);
    }
    drop(visitors);
    all_ok(stays);
    // Nor does a program that one starts have anything but what this one's have.
    assert_eq!(pool.inherited().soon().unwrap(), Hand.inherited());
    pool.stop().unwrap();
}

#[test]
fn spares_that_are_killed_cost_no_call() {
    let _turn = alone();
    let pool = Hand::options().init().unwrap();
    pool.pid().soon().unwrap();
    for round in 0..10 {
        let (_, spares) = at_rest();
        spares.iter().take(1 + round % 2).for_each(|&pid| end(pid));
        let answers = all_ok((0..4).map(|_| pool.pid()));
        assert_eq!(answers.iter().collect::<BTreeSet<_>>().len(), 4);
        assert!(spares.iter().take(1 + round % 2).all(|pid| !answers.contains(pid)));
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (41, 0, 0));
    pool.stop().unwrap();
    assert_eq!(children(), []);
}

#[test]
fn a_zygote_that_is_killed_is_replaced() {
    let _turn = alone();
    let pool = Hand::options().init().unwrap();
    let (mut before, mut calls) = (0, 0);
    for _ in 0..10 {
        // The first may be run by spares of the one that was killed just now.
        eventually("another zygote", || {
            all_ok((0..2).map(|_| pool.pid()));
            calls += 2;
            seen().zygotes.iter().any(|&zygote| zygote != before)
        });
        let (zygote, _) = at_rest();
        assert_ne!(zygote, before);
        end(zygote);
        before = zygote;
    }
    // It is reaped although nobody calls.
    eventually("no child", || children().is_empty());
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (calls, 0, 0));
    pool.stop().unwrap();
}

#[test]
fn calls_go_on_while_zygotes_are_killed() {
    let _turn = alone();
    let journal = Journal::new();
    let pool = Hand::options().init().unwrap();
    let (over, kills) = (AtomicBool::new(false), Mutex::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for pid in seen().zygotes {
                    end(pid);
                    *kills.lock().unwrap() += 1;
                }
            }
        });
        let mut expected = Vec::new();
        for round in 0..30 {
            let ids = round * 10..round * 10 + 10;
            assert_eq!(all_ok(ids.clone().map(|id| pool.note(journal.page(), id))), ids.clone().collect::<Vec<_>>());
            expected.extend(ids);
        }
        over.store(true, Ordering::Relaxed);
        let mut noted = journal.numbers();
        noted.sort_unstable();
        assert_eq!(noted, expected);
    });
    assert!(*kills.lock().unwrap() > 0);
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed), (300, 0));
    pool.stop().unwrap();
    assert_eq!(children(), []);
}

#[test]
fn whatever_is_killed_each_call_is_settled_once_and_runs_at_most_once() {
    let _turn = alone();
    let journal = Journal::new();
    let pool = Hand::options().init().unwrap();
    let over = AtomicBool::new(false);
    let outcomes = std::thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut kills = 0u64;
            while !over.load(Ordering::Relaxed) {
                for (at, pid) in children().into_iter().enumerate() {
                    if at as u64 % 3 == kills % 3 {
                        end(pid);
                    }
                    kills += 1;
                }
                std::thread::yield_now();
            }
            kills
        });
        let outcomes: Vec<_> = (0..30u64)
            .flat_map(|round| all_soon((0..10).map(|id| pool.note(journal.page(), round * 10 + id))))
            .collect();
        over.store(true, Ordering::Relaxed);
        assert!(killer.join().unwrap() > 0);
        outcomes
    });
    let (mut completed, mut failed) = (0, 0);
    for (id, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(value) => {
                assert_eq!(value, id as u64);
                completed += 1;
            }
            Err(error @ (Error::WorkerDied { .. } | Error::InitFailed { .. })) => {
                assert!(error.to_string().contains("SIGKILL"), "{error}");
                failed += 1;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (completed, failed, 0, 0));
    let noted = journal.numbers();
    assert_eq!(noted.iter().collect::<BTreeSet<_>>().len(), noted.len(), "a call ran twice");
    assert!(noted.len() >= completed as usize);
    // Nothing of that lasts.
    all_ok((0..10).map(|_| pool.pid()));
    pool.stop().unwrap();
    assert_eq!(children(), []);
}

#[test]
fn a_pool_whose_zygote_stands_still_can_be_aborted() {
    let _turn = alone();
    let pool = Hand::options().max_workers(3).init().unwrap();
    pool.pid().soon().unwrap();
    let (zygote, spares) = at_rest();
    freeze(zygote);
    spares.iter().for_each(|&pid| end(pid));
    eventually("no spares", || seen().spares.is_empty());
    let futures: Vec<_> = (0..5).map(|_| pool.pid()).collect();
    pool.abort().unwrap();
    for outcome in all_soon(futures) {
        assert!(matches!(outcome, Err(Error::Stopped { .. })), "{outcome:?}");
    }
    assert_eq!(children(), []);
}

#[test]
fn deaths_are_told_as_those_of_workers_that_were_started() {
    let _turn = alone();
    let pool = Hand::options().init().unwrap();
    for way in Way::DEATHS {
        let error = pool.say_and_end(format!("before {way:?}"), way).soon().unwrap_err();
        assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
        assert!(error.to_string().contains(way.words()), "{error}");
        assert!(
            matches!(error, Error::WorkerDied { stderr, .. } if stderr.starts_with(&format!("before {way:?}"))),
            "{way:?}"
        );
    }
    at_rest();
    pool.stop().unwrap();
}

/// Comes up once all the others are there.
struct Crowd;

#[worker(mode = "process", max_workers = 4)]
impl Crowd {
    pub fn new(door: Door) -> Self {
        door.knock();
        Crowd
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }
}

#[test]
fn the_workers_of_a_pool_start_side_by_side() {
    let _turn = alone();
    let gate = Gate::new();
    std::thread::scope(|scope| {
        let making = scope.spawn(|| Crowd::options().init(gate.door()).unwrap());
        // Four are in their constructors before the first of them has left it.
        let visitors: Vec<_> = (0..4).map(|_| gate.visitor()).collect();
        let there: BTreeSet<u32> = visitors.iter().map(|visitor| visitor.pid).collect();
        assert_eq!(there.len(), 4);
        drop(visitors);
        let pool = making.join().unwrap();
        assert_eq!(all_ok(pool.broadcast(CrowdClient::pid)).into_iter().collect::<BTreeSet<_>>(), there);
        pool.stop().unwrap();
    });
}
