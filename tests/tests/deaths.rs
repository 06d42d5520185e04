//! A worker that dies costs the call that it was running: the call says how it died, everything else is run by the
//! successor, once.

use std::collections::BTreeSet;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_soon, apart, eventually, eventually_is};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

struct Victim {
    page: Page,
    calls: u64,
}

#[worker]
impl Victim {
    pub fn new(page: Page) -> Self {
        Victim { page, calls: 0 }
    }

    /// Notes `id`; gives it back doubled, with the number of the call in this incarnation.
    pub fn note(&mut self, id: u64) -> (u64, u64) {
        self.page.note(id);
        self.calls += 1;
        (id * 2, self.calls)
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn end(&self, way: Way) -> u64 {
        self.page.note(0);
        way.go()
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }
}

fn send(signal: Signal, pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), signal).unwrap();
}

/// Two hundred calls behind one that ends the worker.
fn costs_one_call(mode: Mode, way: Way, window: usize) {
    let (journal, gate) = (Journal::new(), Gate::new());
    let pool = Victim::options().mode(mode).max_queued_tasks(window).init(journal.page()).unwrap();
    let stays = pool.stay(gate.door());
    let visitor = gate.visitor();
    let ends = pool.end(way);
    let behind: Vec<_> = (1..=200).map(|id| pool.note(id)).collect();
    visitor.pass("go");
    assert_eq!(stays.soon().unwrap(), "go");

    let error = ends.soon().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Victim") && text.contains("end") && text.contains(way.words()), "{text}");
    match way {
        Way::Panic => assert!(matches!(error, Error::Panicked { .. }), "{error:?}"),
        _ => assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}"),
    }
    // The successor is built anew: its calls count from one.
    for (id, answer) in (1..).zip(all_soon(behind)) {
        assert_eq!(answer.unwrap(), (id * 2, id), "{mode} {way:?}");
    }
    let stats = pool.stats();
    let deaths = u64::from(way != Way::Panic);
    assert_eq!((stats.completed, stats.failed, stats.restarts), (201, 1, deaths), "{mode} {way:?}");
    pool.stop().unwrap();
    // Each was run, once and in order.
    assert_eq!(journal.numbers(), (0..=200).collect::<Vec<_>>(), "{mode} {way:?}");
}

#[test]
fn a_panic_costs_one_call_in_threads_and_processes() {
    for mode in apart() {
        costs_one_call(mode, Way::Panic, 100);
    }
}

#[test]
fn every_death_of_a_process_costs_one_call_and_is_reported_as_what_it_is() {
    for way in Way::DEATHS {
        costs_one_call(Mode::Process, way, 100);
    }
}

#[test]
fn it_does_not_matter_how_many_calls_were_sent_ahead() {
    for window in [1, 2, 1000] {
        costs_one_call(Mode::Process, Way::Kill, window);
    }
}

#[test]
fn a_worker_that_died_while_idle_is_missed_by_nobody() {
    let journal = Journal::new();
    let pool = Victim::options().mode(Mode::Process).max_restarts(100).init(journal.page()).unwrap();
    let mut pids = BTreeSet::new();
    for round in 1..=10 {
        let pid = pool.pid().soon().unwrap();
        assert!(pids.insert(pid), "process {pid} was there before");
        send(Signal::SIGKILL, pid);
        if round % 2 == 0 {
            // With the death noticed, and without.
            eventually_is("restarts", round, || pool.stats().restarts);
        }
        assert_eq!(pool.note(round).soon().unwrap(), (round * 2, 1));
    }
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (20, 0, 10));
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (1..=10).collect::<Vec<_>>());
}

#[test]
fn deaths_at_random_while_four_threads_submit_cost_what_was_running() {
    const SUBMITTERS: u64 = 4;
    const EACH: u64 = 400;
    const KILLS: u64 = 12;
    let journal = Journal::new();
    let pool = Victim::options().mode(Mode::Process).max_workers(3).max_restarts(1000).init(journal.page()).unwrap();
    let (progress, done) = std::sync::mpsc::channel();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let submitters: Vec<_> = (0..SUBMITTERS)
            .map(|submitter| {
                let (pool, progress) = (pool.clone(), progress.clone());
                scope.spawn(move || {
                    let futures: Vec<_> = (0..EACH)
                        .map(|call| {
                            let id = submitter * EACH + call;
                            let future = pool.note(id);
                            let progress = progress.clone();
                            future.on_done(move |_| progress.send(()).unwrap());
                            (id, future)
                        })
                        .collect();
                    futures.into_iter().map(|(id, future)| (id, future.soon())).collect::<Vec<_>>()
                })
            })
            .collect();
        for round in 0..KILLS {
            for _ in 0..100 {
                done.recv_timeout(concurry_tests::LONG).unwrap();
            }
            let pid = pool.stats().workers[round as usize % 3].pid;
            if let Some(pid) = pid {
                // It may have ended by itself meanwhile, of the kill before.
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
        submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
    });
    let (mut good, mut died) = (BTreeSet::new(), BTreeSet::new());
    for (id, outcome) in outcomes {
        match outcome {
            Ok((doubled, _)) => {
                assert_eq!(doubled, id * 2);
                assert!(good.insert(id));
            }
            Err(Error::WorkerDied { status, .. }) => {
                assert!(status.contains("SIGKILL"), "{status}");
                assert!(died.insert(id));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    let stats = pool.stats();
    pool.stop().unwrap();
    assert_eq!((good.len() + died.len()) as u64, SUBMITTERS * EACH);
    assert_eq!((stats.completed, stats.failed), (good.len() as u64, died.len() as u64));
    assert!(died.len() as u64 <= stats.restarts && stats.restarts <= KILLS, "{} of {}", died.len(), stats.restarts);
    // What came back was run once; what died was begun once at most.
    let mut seen = BTreeSet::new();
    for id in journal.numbers() {
        assert!(seen.insert(id), "{id} was run twice");
    }
    assert!(good.is_subset(&seen), "something came back that was not run");
}

#[test]
fn the_queue_of_a_worker_that_is_given_up_goes_to_the_others() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let options = Victim::options().mode(Mode::Process).max_workers(2).max_restarts(0).max_queued_tasks(5);
    let pool = options.init(journal.page()).unwrap();
    let stays = pool.worker(0).stay(gate.door());
    let visitor = gate.visitor();
    let ends = pool.worker(0).end(Way::Kill);
    let pinned = pool.worker(0).note(1000);
    let futures: Vec<_> = (1..=50).map(|id| pool.note(id)).collect();
    visitor.pass("go");
    stays.soon().unwrap();
    assert!(matches!(ends.soon(), Err(Error::WorkerDied { .. })));
    for (id, answer) in (1..).zip(all_soon(futures)) {
        assert_eq!(answer.unwrap().0, id * 2);
    }
    // What only the dead worker could run cannot be run.
    let error = pinned.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    assert!(error.to_string().contains("max_restarts"), "{error}");
    assert!(matches!(pool.worker(0).pid().soon(), Err(Error::WorkerDied { .. })));
    let stats = pool.stats();
    assert_eq!(stats.workers.iter().map(|worker| worker.alive).collect::<Vec<_>>(), [false, true]);
    assert_eq!((stats.completed, stats.failed, stats.restarts), (51, 3, 0));

    // Without any worker left, every call comes to the same end: those that wait, and those that come later.
    let gate = Gate::new();
    let stays = pool.stay(gate.door());
    let visitor = gate.visitor();
    let waiting: Vec<_> = (100..150).map(|id| pool.note(id)).collect();
    send(Signal::SIGKILL, visitor.pid);
    assert!(matches!(stays.soon(), Err(Error::WorkerDied { .. })));
    for answer in all_soon(waiting) {
        assert!(matches!(answer, Err(Error::WorkerDied { .. })), "{answer:?}");
    }
    let later = pool.note(200).soon().unwrap_err();
    assert!(matches!(later, Error::WorkerDied { .. }));
    assert!(later.to_string().contains("SIGKILL") && later.to_string().contains("Victim::note"), "{later}");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (51, 55, 0, 0));
    pool.stop().unwrap();
    assert_eq!(journal.numbers().len(), 51);
    assert!(matches!(pool.note(201).soon(), Err(Error::Stopped { .. })));
}

#[test]
fn as_many_deaths_as_allowed_are_survived() {
    let journal = Journal::new();
    let pool = Victim::options().mode(Mode::Process).max_restarts(2).init(journal.page()).unwrap();
    for death in 1..=2 {
        assert!(matches!(pool.end(Way::Exit(3)).soon(), Err(Error::WorkerDied { .. })));
        assert_eq!(pool.note(death).soon().unwrap(), (death * 2, 1));
    }
    assert!(matches!(pool.end(Way::Exit(3)).soon(), Err(Error::WorkerDied { .. })));
    assert!(matches!(pool.note(3).soon(), Err(Error::WorkerDied { .. })));
    assert_eq!(pool.stats().restarts, 2);
    pool.stop().unwrap();
}

#[test]
fn a_shared_queue_survives_its_workers_too() {
    let (journal, gate) = (Journal::new(), Gate::new());
    let options = Victim::options().mode(Mode::Process).max_workers(2).max_restarts(0);
    let pool = options.load_balancing(LoadBalancing::Shared).init(journal.page()).unwrap();
    let (first, second) = (pool.stay(gate.door()), pool.stay(gate.door()));
    let visitors = [gate.visitor(), gate.visitor()];
    let waiting: Vec<_> = (1..=20).map(|id| pool.note(id)).collect();
    let [one, other] = visitors;
    send(Signal::SIGKILL, one.pid);
    eventually("the death to be noticed", || pool.stats().failed == 1);
    other.pass("go");
    let outcomes = [first.soon(), second.soon()];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for (id, answer) in (1..).zip(all_soon(waiting)) {
        assert_eq!(answer.unwrap(), (id * 2, id));
    }
    let last = pool.stats().workers.iter().find_map(|worker| worker.pid).unwrap();
    send(Signal::SIGKILL, last);
    // Whether its death is noticed before or after, the call finds nobody.
    assert!(matches!(pool.note(100).soon(), Err(Error::WorkerDied { .. })));
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (1..=20).collect::<Vec<_>>());
}

/// What a constructor does the next time that it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Fail,
    Panic,
    Die,
}

struct Fragile;

#[worker]
impl Fragile {
    /// Comes up once, then does what the page says.
    pub fn new(page: Page, then: String) -> Result<Self, String> {
        let first = page.is_blank();
        page.note("built");
        match then.as_str() {
            _ if first => Ok(Fragile),
            "Fail" => Err("not a second time".to_owned()),
            "Panic" => panic!("not a second time"),
            _ => std::process::exit(9),
        }
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn answer(&self) -> u64 {
        42
    }
}

#[test]
fn a_worker_that_does_not_come_up_again_is_given_up_after_the_allowed_tries() {
    let cases = [
        (Mode::Process, Way::Kill, Next::Fail),
        (Mode::Process, Way::Kill, Next::Panic),
        (Mode::Process, Way::Kill, Next::Die),
        (Mode::Process, Way::Panic, Next::Fail),
        (Mode::Process, Way::Panic, Next::Panic),
        (Mode::Process, Way::Panic, Next::Die),
        (Mode::Thread, Way::Panic, Next::Fail),
        (Mode::Thread, Way::Panic, Next::Panic),
    ];
    for (mode, way, next) in cases {
        let (journal, gate) = (Journal::new(), Gate::new());
        let pool = Fragile::options().mode(mode).max_restarts(2).init(journal.page(), format!("{next:?}")).unwrap();
        let stays = pool.stay(gate.door());
        let visitor = gate.visitor();
        let ends = pool.end(way);
        let waiting: Vec<_> = (0..10).map(|_| pool.answer()).collect();
        visitor.pass("go");
        stays.soon().unwrap();
        match ends.soon() {
            Err(Error::WorkerDied { .. }) => assert_eq!(way, Way::Kill),
            Err(Error::Panicked { .. }) => assert_eq!(way, Way::Panic),
            other => panic!("{mode} {way:?} {next:?}: {other:?}"),
        }
        for answer in all_soon(waiting) {
            let error = answer.unwrap_err();
            assert!(matches!(error, Error::WorkerDied { .. }), "{mode} {way:?} {next:?}: {error:?}");
            let why = if next == Next::Die { "code 9" } else { "not a second time" };
            assert!(error.to_string().contains(why), "{mode} {way:?} {next:?}: {error}");
        }
        assert!(matches!(pool.answer().soon(), Err(Error::WorkerDied { .. })));
        pool.stop().unwrap();
        // Once at first. After a panic, the rebuild in place; then two restarts.
        let builds = if way == Way::Panic { 4 } else { 3 };
        assert_eq!(journal.count("built"), builds, "{mode} {way:?} {next:?}");
    }
}
