//! Workers on the nodes of a Ray cluster keep what workers in processes keep.
#![cfg(feature = "ray")]

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::parent_id;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, RayStrategy};
use concurry_tests::clusters::{Interpreter, has_python};
use concurry_tests::{Door, Gate, Journal, Page, Soon, Way, all_ok, all_soon, eventually_is, is_alive};

struct Far {
    page: Page,
    calls: u64,
}

#[worker(mode = "ray")]
impl Far {
    pub fn new(page: Page) -> Self {
        Far { page, calls: 0 }
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

    /// The worker's node, its process, and that of its guardian.
    pub fn place(&self) -> (String, u32, u32) {
        (std::env::var("CONCURRY_NODE_ID").unwrap(), std::process::id(), parent_id())
    }

    pub fn variable(&self, name: String) -> Option<String> {
        std::env::var(name).ok()
    }

    pub fn echo(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    pub fn missing(&self) -> io::Result<u64> {
        Err(io::Error::new(io::ErrorKind::NotFound, "no such page"))
    }

    pub fn last_words(&self) -> u64 {
        eprintln!("these are the last words");
        std::process::abort()
    }

    /// Never ends, unless it is told to.
    pub fn wait(&self, door: Door, ctx: &CallContext) -> bool {
        door.knock();
        while !ctx.is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Holds what is there one at a time.
    pub fn hold(&self, ctx: &CallContext) -> concurry::Result<u64> {
        let _held = ctx.limits().acquire([("key", 1)])?;
        self.page.note(1);
        std::thread::sleep(Duration::from_millis(2));
        self.page.note(2);
        Ok(7)
    }
}

#[test]
fn two_workers_are_on_two_nodes_and_nothing_is_left() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let ray = python.options().strategy(RayStrategy::Spread).env("OWN", "one's own");
    let pool = Far::options().max_workers(2).ray(ray).init(journal.page()).unwrap();
    let places = all_ok((0..2).map(|index| pool.worker(index).place()));
    let nodes: BTreeSet<_> = places.iter().map(|(node, ..)| node.clone()).collect();
    assert_eq!(nodes.len(), 2, "{places:?}");
    let answers = all_ok((0..100).map(|id| pool.note(id)));
    assert_eq!(answers.iter().map(|(double, _)| double).sum::<u64>(), (0..100).map(|id| id * 2).sum());
    let mut noted = journal.numbers();
    noted.sort_unstable();
    assert_eq!(noted, (0..100).collect::<Vec<_>>());
    assert_eq!(pool.variable("OWN".to_owned()).soon().unwrap().as_deref(), Some("one's own"));
    assert_eq!(pool.variable("OMP_NUM_THREADS".to_owned()).soon().unwrap(), None);
    let stats = pool.stats();
    let told: Vec<_> = stats.workers.iter().map(|worker| worker.pid).collect();
    assert_eq!(told, places.iter().map(|(_, pid, _)| Some(*pid)).collect::<Vec<_>>());
    assert_eq!((stats.completed, stats.failed, stats.restarts), (104, 0, 0));
    pool.stop().unwrap();
    assert!(!is_alive(python.bridge()), "the bridge ends before `stop` returns");
    python.nothing_left(&places.iter().flat_map(|(_, pid, guardian)| [*pid, *guardian]).collect::<Vec<_>>());
}

/// Calls behind one that ends the worker's process.
fn costs_one_call(way: Way, window: usize) {
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let pool = Far::options().max_queued_tasks(window).ray(python.options()).init(journal.page()).unwrap();
    let (_, first, guardian) = pool.place().soon().unwrap();
    let stays = pool.stay(gate.door());
    let visitor = gate.visitor();
    let ends = pool.end(way);
    let behind: Vec<_> = (1..=50).map(|id| pool.note(id)).collect();
    visitor.pass("go");
    assert_eq!(stays.soon().unwrap(), "go");
    let error = ends.soon().unwrap_err();
    assert!(matches!(error, Error::WorkerDied { .. }), "{error:?}");
    let text = error.to_string();
    let words = if way == Way::Overflow { "killed by signal" } else { way.words() };
    assert!(text.contains("Far") && text.contains("end") && text.contains(words), "{text}");
    for (id, answer) in (1..).zip(all_soon(behind)) {
        assert_eq!(answer.unwrap(), (id * 2, id), "{way:?}");
    }
    // The successor was started where its predecessor was.
    let (_, second, same) = pool.place().soon().unwrap();
    assert!(second != first && same == guardian, "{first} {second} {guardian} {same}");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.restarts), (53, 1, 1), "{way:?}");
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (0..=50).collect::<Vec<_>>(), "{way:?}");
    python.nothing_left(&[first, second, guardian]);
}

#[test]
fn a_process_that_dies_costs_the_call_that_it_was_running() {
    if !has_python() {
        return;
    }
    for way in [Way::Kill, Way::Exit(3), Way::Abort, Way::Overflow] {
        costs_one_call(way, 100);
    }
    costs_one_call(Way::Kill, 3);
}

#[test]
fn what_a_worker_wrote_last_is_in_the_error_of_its_death() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    match pool.last_words().soon().unwrap_err() {
        Error::WorkerDied { status, stderr, .. } => {
            assert!(status.contains("SIGABRT"), "{status}");
            assert_eq!(&*stderr, "these are the last words");
        }
        other => panic!("{other:?}"),
    }
    pool.stop().unwrap();
}

#[test]
fn errors_keep_their_type_and_panics_their_place() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    let error = pool.missing().soon().unwrap_err();
    assert!(matches!(error, Error::Failed { .. }) && error.to_string().contains("no such page"), "{error}");
    let error = pool.end(Way::Panic).soon().unwrap_err();
    assert!(matches!(error, Error::Panicked { .. }) && error.to_string().contains("the way of panic"), "{error}");
    // It was built anew where it is.
    assert_eq!(pool.note(1).soon().unwrap(), (2, 1));
    assert_eq!((pool.stats().restarts, pool.stats().failed), (0, 2));
    pool.stop().unwrap();
}

#[test]
fn large_values_go_there_and_back() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let pool = Far::options().max_workers(2).ray(python.options()).init(journal.page()).unwrap();
    let sizes = [0, 1, 31, 100_000, 5 << 20, 24 << 20];
    let values = sizes.map(|size| (0..size).map(|at: usize| (at * 7 % 251) as u8).collect::<Vec<u8>>());
    let echoes: Vec<_> = values.iter().map(|value| pool.echo(value.clone())).collect();
    for (value, echo) in values.iter().zip(all_ok(echoes)) {
        assert!(*value == echo, "{} bytes came back as {}", value.len(), echo.len());
    }
    pool.stop().unwrap();
}

#[test]
fn cancelled_and_late_calls_end_as_in_processes() {
    if !has_python() {
        return;
    }
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    let (_, first, guardian) = pool.place().soon().unwrap();
    // One that has begun sees it; one that was sent and has not begun does not run; one that waits here neither.
    let begun = pool.wait(gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (1..=5).map(|id| pool.note(id)).collect();
    assert!(behind.iter().all(TaskFuture::cancel));
    for error in all_soon(behind) {
        assert!(matches!(error, Err(Error::Cancelled { .. })), "{error:?}");
    }
    assert!(begun.cancel());
    visitor.pass("go");
    assert!(begun.soon().unwrap(), "it was told");
    assert_eq!(pool.place().soon().unwrap().1, first);
    assert_eq!(journal.numbers(), []);
    pool.stop().unwrap();
    // One that takes too long costs its worker's process, and no death.
    let slow = Far::options().ray(python.options()).timeout(Duration::from_secs(3)).init(journal.page()).unwrap();
    let late = slow.stay(gate.door());
    let stuck = gate.visitor();
    assert!(matches!(late.soon(), Err(Error::TimedOut { .. })));
    eventually_is("the late one's process", false, || is_alive(stuck.pid));
    drop(stuck);
    slow.stop().unwrap();
    assert_eq!((slow.stats().completed, slow.stats().failed), (0, 1));
    python.nothing_left(&[first, guardian]);
}

#[test]
fn limits_are_kept_by_the_driver_for_all_nodes() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let limits = LimitSet::new().resource("key", 1);
    let ray = python.options().strategy(RayStrategy::Spread);
    let pool = Far::options().max_workers(2).limits(limits).ray(ray).init(journal.page()).unwrap();
    assert_eq!(all_ok((0..20).map(|_| pool.hold())), vec![7; 20]);
    pool.stop().unwrap();
    // Never two at once.
    assert_eq!(journal.numbers(), [1, 2].repeat(20));
}

#[test]
fn a_stop_finishes_what_was_accepted_and_an_abort_ends_it() {
    if !has_python() {
        return;
    }
    let (journal, gate, python) = (Journal::new(), Gate::new(), Interpreter::new());
    let pool = Far::options().max_workers(2).ray(python.options()).init(journal.page()).unwrap();
    let calls: Vec<_> = (0..60).map(|id| pool.note(id)).collect();
    pool.stop().unwrap();
    assert_eq!(all_ok(calls).len(), 60);
    assert_eq!(journal.numbers().len(), 60);
    assert!(matches!(pool.note(1).soon(), Err(Error::Stopped { .. })));
    python.nothing_left(&[]);

    let pool = Far::options().ray(python.options()).init(journal.page()).unwrap();
    let (_, process, guardian) = pool.place().soon().unwrap();
    let stays = pool.stay(gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (0..10).map(|id| pool.note(id)).collect();
    pool.abort().unwrap();
    for result in all_soon(behind).into_iter().map(|result| result.map(drop)).chain([stays.soon().map(drop)]) {
        assert!(matches!(result, Err(Error::Stopped { .. })), "{result:?}");
    }
    python.nothing_left(&[process, guardian]);
    drop(visitor);
    assert_eq!(journal.numbers().len(), 60);
}

#[test]
fn a_worker_on_demand_is_an_actor_of_its_own() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let ray = python.options();
    let pool = Far::options().on_demand(true).max_workers(2).ray(ray).init(journal.page()).unwrap();
    let places = all_ok((0..4).map(|_| pool.place()));
    let of = |which: fn(&(String, u32, u32)) -> u32| places.iter().map(which).collect::<BTreeSet<_>>().len();
    assert_eq!((of(|place| place.1), of(|place| place.2)), (4, 4), "{places:?}");
    pool.stop().unwrap();
    python.nothing_left(&places.iter().flat_map(|(_, pid, guardian)| [*pid, *guardian]).collect::<Vec<_>>());
}

#[test]
fn an_executable_that_is_there_already_has_to_be_the_same() {
    if !has_python() {
        return;
    }
    let (journal, python) = (Journal::new(), Interpreter::new());
    let own = std::env::current_exe().unwrap();
    let pool = Far::options().ray(python.options().exe_path(&own)).init(journal.page()).unwrap();
    assert_eq!(pool.note(3).soon().unwrap(), (6, 1));
    pool.stop().unwrap();
    for (path, word) in [("/bin/true", "another executable"), ("/nowhere/app", "no executable")] {
        let error = Far::options().ray(python.options().exe_path(path)).init(journal.page()).unwrap_err();
        assert!(matches!(error, Error::Ray { .. }), "{error:?}");
        assert!(error.to_string().contains(path) && error.to_string().contains(word), "{error}");
        python.nothing_left(&[]);
    }
}

#[test]
fn a_constructor_that_fails_is_told_by_init() {
    struct Picky(String);

    #[worker(mode = "ray")]
    impl Picky {
        pub fn new(word: String) -> Result<Self, String> {
            if word == "this" { Err(format!("not with `{word}`")) } else { Ok(Picky(word)) }
        }

        pub fn word(&self) -> String {
            self.0.clone()
        }
    }

    if !has_python() {
        return;
    }
    let python = Interpreter::new();
    let error = Picky::options().ray(python.options()).init("this".to_owned()).unwrap_err();
    assert!(error.to_string().contains("not with `this`"), "{error}");
    python.nothing_left(&[]);
    let pool = Picky::options().ray(python.options()).init("that".to_owned()).unwrap();
    assert_eq!(pool.word().soon().unwrap(), "that");
    pool.stop().unwrap();
}
