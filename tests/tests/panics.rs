//! A panic of the user's code, wherever it is, costs what it was part of: the pool goes on, and nobody waits for ever.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use concurry::prelude::*;
use concurry::{Error, RemoteError};
use concurry_tests::{Door, Gate, Journal, Page, Soon, all_ok, all_soon, apart, eventually_is, modes};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Default)]
struct Touchy {
    calls: u64,
}

/// Panics as it is dropped.
struct Bomb(&'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{} went off", self.0);
    }
}

#[worker]
impl Touchy {
    /// Counts calls since the worker was built.
    pub fn count(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    pub fn panic(&mut self, text: &str) -> u64 {
        self.calls += 1;
        panic!("{text}")
    }

    pub fn panic_with_a_number(&self) {
        std::panic::panic_any(7u8)
    }

    pub fn panic_with_a_bomb(&self) {
        std::panic::panic_any(Bomb("the payload"))
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }
}

#[test]
fn the_error_tells_what_the_panic_said_and_where() {
    for mode in modes() {
        let pool = Touchy::options().mode(mode).init().unwrap();
        let error = pool.panic("the roof is on fire").soon().unwrap_err();
        let Error::Panicked { worker, method, message, location, .. } = &error else { panic!("{error:?}") };
        assert_eq!((&**worker, &**method, &**message), ("Touchy", "panic", "the roof is on fire"));
        let line = location.strip_prefix(concat!(file!(), ":")).expect(location);
        assert!(line.split(':').all(|number| number.parse::<u32>().is_ok()), "{location}");
        let text = error.to_string();
        assert_eq!(text, format!("Touchy::panic panicked at {location}: the roof is on fire"), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn the_worker_is_built_anew_and_that_is_no_restart() {
    for mode in modes() {
        let pool = Touchy::options().mode(mode).max_restarts(0).init().unwrap();
        for _ in 0..5 {
            assert_eq!(pool.count().soon().unwrap(), 1, "{mode}");
            assert_eq!(pool.count().soon().unwrap(), 2, "{mode}");
            assert!(matches!(pool.panic("again").soon(), Err(Error::Panicked { .. })));
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.restarts), (10, 5, 0), "{mode}");
        assert!(stats.workers[0].alive);
        pool.stop().unwrap();
    }
}

#[test]
fn a_process_outlives_the_panic_of_its_method() {
    let pool = Touchy::options().mode(Mode::Process).init().unwrap();
    let before = pool.stats().workers[0].pid;
    assert!(before.is_some());
    pool.panic("again").soon().unwrap_err();
    pool.count().soon().unwrap();
    assert_eq!(pool.stats().workers[0].pid, before);
    pool.stop().unwrap();
}

#[test]
fn a_payload_of_any_kind_will_do() {
    for mode in modes() {
        let pool = Touchy::options().mode(mode).init().unwrap();
        let error = pool.panic_with_a_number().soon().unwrap_err();
        assert!(matches!(&error, Error::Panicked { message, .. } if message == "a panic without a text"), "{error:?}");
        let error = pool.panic_with_a_bomb().soon().unwrap_err();
        assert!(matches!(&error, Error::Panicked { message, .. } if message == "a panic without a text"), "{error:?}");
        assert_eq!(pool.count().soon().unwrap(), 1, "{mode}");
        pool.stop().unwrap();
    }
}

/// Panics in its destructor, always.
struct Ender;

impl Drop for Ender {
    fn drop(&mut self) {
        panic!("the worker's end");
    }
}

#[worker]
impl Ender {
    pub fn new(page: Page) -> Self {
        page.note("built");
        Ender
    }

    pub fn answer(&self) -> u64 {
        42
    }

    pub fn panic(&self) {
        panic!("in the method")
    }
}

#[test]
fn a_panic_in_the_worker_s_destructor_is_nobody_s_problem() {
    for mode in modes() {
        let journal = Journal::new();
        let pool = Ender::options().mode(mode).init(journal.page()).unwrap();
        assert_eq!(pool.answer().soon().unwrap(), 42);
        let error = pool.panic().soon().unwrap_err();
        assert!(matches!(&error, Error::Panicked { message, .. } if message == "in the method"), "{error:?}");
        assert_eq!(pool.answer().soon().unwrap(), 42);
        pool.stop().unwrap();
        assert_eq!((journal.count("built"), pool.stats().restarts), (2, 0), "{mode}");
    }
    for mode in apart() {
        let journal = Journal::new();
        let pool = Ender::options().mode(mode).on_demand(true).max_workers(2).init(journal.page()).unwrap();
        assert_eq!(all_ok((0..10).map(|_| pool.answer())), [42; 10]);
        pool.stop().unwrap();
    }
}

/// A value that panics where it is told to.
#[derive(Clone, Debug, PartialEq)]
enum Trap {
    None,
    Serialize,
    Deserialize,
}

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(*self != Trap::Serialize, "in serialize");
        u8::from(*self == Trap::Deserialize).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        assert!(u8::deserialize(deserializer)? == 0, "in deserialize");
        Ok(Trap::None)
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trapped: {self:?}")
    }
}

impl std::error::Error for Trap {}

/// An error whose words are a trap too.
#[derive(Debug)]
struct Speechless;

impl fmt::Display for Speechless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Speechless {}

struct Trapper {
    calls: u64,
}

#[worker]
impl Trapper {
    pub fn new(trap: Trap) -> Self {
        let _ = trap;
        Trapper { calls: 0 }
    }

    pub fn take(&mut self, trap: Trap) -> u64 {
        let _ = trap;
        self.calls += 1;
        self.calls
    }

    pub fn give(&mut self, which: u8) -> Trap {
        self.calls += 1;
        [Trap::None, Trap::Serialize, Trap::Deserialize][which as usize].clone()
    }

    pub fn fail(&mut self, which: u8) -> Result<u64, Trap> {
        self.calls += 1;
        Err([Trap::None, Trap::Serialize, Trap::Deserialize][which as usize].clone())
    }

    pub fn fail_without_words(&mut self) -> Result<u64, Speechless> {
        self.calls += 1;
        Err(Speechless)
    }
}

fn codec_error<T: fmt::Debug>(result: concurry::Result<T>, words: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Codec { .. }), "{error:?}");
    assert!(error.to_string().contains("Trapper::") && error.to_string().contains(words), "{error}");
}

#[test]
fn panics_while_values_travel_are_codec_errors_of_the_call_alone() {
    let pool = Trapper::options().mode(Mode::Process).max_restarts(0).init(Trap::None).unwrap();
    codec_error(pool.take(Trap::Serialize).soon(), "in serialize");
    codec_error(pool.take(Trap::Deserialize).soon(), "in deserialize");
    assert_eq!(pool.take(Trap::None).soon().unwrap(), 1);
    codec_error(pool.give(1).soon(), "in serialize");
    codec_error(pool.give(2).soon(), "in deserialize");
    // An error that cannot travel as itself arrives as its words.
    for which in 0..3 {
        let error = pool.fail(which).soon().unwrap_err();
        assert!(matches!(error, Error::Failed { .. }) && error.is::<Trap>(), "{error:?}");
        assert_eq!(error.downcast_ref::<Trap>().is_some(), which == 0, "{error:?}");
        assert!(error.to_string().contains("trapped"), "{error}");
        assert_eq!(error.downcast_ref::<RemoteError>().is_some(), which != 0);
    }
    let error = pool.fail_without_words().soon().unwrap_err();
    assert!(error.is::<Speechless>() && error.to_string().contains("no words"), "{error}");
    // It is the same worker all along.
    assert_eq!(pool.take(Trap::None).soon().unwrap(), 8);
    let stats = pool.stats();
    assert_eq!((stats.restarts, stats.queued, stats.in_flight), (0, 0, 0));
    pool.stop().unwrap();
}

#[test]
fn memory_that_is_shared_needs_no_codec() {
    for mode in [Mode::Sync, Mode::Thread] {
        let pool = Trapper::options().mode(mode).init(Trap::Serialize).unwrap();
        assert_eq!(pool.take(Trap::Serialize).soon().unwrap(), 1);
        assert_eq!(pool.give(2).soon().unwrap(), Trap::Deserialize);
        assert!(matches!(pool.fail(1).soon().unwrap_err().downcast_ref(), Some(Trap::Serialize)));
        assert!(pool.fail_without_words().soon().unwrap_err().is::<Speechless>());
        pool.stop().unwrap();
    }
}

#[test]
fn a_constructor_s_arguments_that_panic_on_their_way_fail_the_init() {
    codec_error(Trapper::options().mode(Mode::Process).init(Trap::Serialize), "in serialize");
    codec_error(Trapper::options().mode(Mode::Process).init(Trap::Deserialize), "in deserialize");
}

#[test]
fn a_callback_that_panics_spoils_nothing() {
    for mode in modes() {
        let pool = Touchy::options().mode(mode).init().unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let futures: Vec<_> = (0..10)
            .map(|_| {
                let future = pool.count();
                for _ in 0..2 {
                    let ran = ran.clone();
                    future.on_done(move |result| {
                        assert!(result.is_ok());
                        ran.fetch_add(1, Ordering::SeqCst);
                        panic!("in a callback");
                    });
                }
                future
            })
            .collect();
        assert_eq!(all_ok(futures), (1..=10).collect::<Vec<_>>(), "{mode}");
        assert_eq!(ran.load(Ordering::SeqCst), 20);
        let mapped = pool.count().map(|_| -> u64 { panic!("in a map") }).soon().unwrap_err();
        assert!(matches!(&mapped, Error::Panicked { message, .. } if message == "in a map"), "{mapped:?}");
        assert_eq!(pool.count().soon().unwrap(), 12);
        pool.stop().unwrap();
        assert_eq!(pool.stats().completed, 12);
    }
}

#[test]
fn a_waker_that_panics_spoils_nothing() {
    struct Grumpy;
    impl std::task::Wake for Grumpy {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    for mode in apart() {
        let gate = Gate::new();
        let pool = Touchy::options().mode(mode).init().unwrap();
        let mut stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let waker = std::task::Waker::from(Arc::new(Grumpy));
        let mut context = std::task::Context::from_waker(&waker);
        assert!(std::pin::Pin::new(&mut stay).poll(&mut context).is_pending());
        visitor.pass("go");
        assert_eq!(stay.soon().unwrap(), "go");
        assert_eq!(pool.count().soon().unwrap(), 1, "{mode}");
        pool.stop().unwrap();
    }
}

/// A value that panics as it is dropped, if it is armed.
#[derive(Serialize, Deserialize)]
struct Mine(bool);

impl Drop for Mine {
    fn drop(&mut self) {
        assert!(!self.0, "stepped on a mine");
    }
}

#[derive(Default)]
struct Field;

#[worker]
impl Field {
    pub fn give(&self, armed: bool) -> Mine {
        Mine(armed)
    }

    pub fn take(&self, mine: Mine) -> bool {
        std::mem::forget(mine);
        true
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }
}

#[test]
fn values_that_panic_as_they_are_dropped_end_no_thread_of_the_pool() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Field::options().mode(mode).max_restarts(0).max_queued_tasks(1).init().unwrap();
        // Dropped by whoever finishes the call, since nobody holds the future any more.
        for _ in 0..5 {
            pool.give(true).on_done(|result| assert!(result.is_ok()));
        }
        assert!(pool.take(Mine(true)).soon().unwrap());
        // Dropped with calls that never run.
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let cancelled: Vec<_> = (0..10).map(|_| pool.take(Mine(true))).collect();
        cancelled.iter().take(5).for_each(|future| assert!(future.cancel()));
        drop(visitor);
        stay.soon().unwrap();
        let outcomes = all_soon(cancelled);
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5, "{mode}: {outcomes:?}");
        // Dropped unopened.
        drop(pool.give(true));
        assert!(pool.take(Mine(false)).soon().unwrap());
        let stats = pool.stats();
        assert_eq!((stats.restarts, stats.queued, stats.in_flight), (0, 0, 0), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn what_is_given_up_may_panic_as_it_is_dropped() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Field::options().mode(mode).max_queued_tasks(4).init().unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let left: Vec<_> = (0..10).map(|_| pool.take(Mine(true))).collect();
        pool.abort().unwrap();
        for outcome in all_soon(left) {
            assert!(matches!(outcome, Err(Error::Stopped { .. })), "{mode}: {outcome:?}");
        }
        assert!(matches!(stay.soon(), Err(Error::Stopped { .. })));
        drop(visitor);
    }
}

#[test]
fn panics_of_many_workers_and_threads_are_counted_exactly() {
    for mode in apart() {
        let pool = Touchy::options().mode(mode).max_workers(3).max_restarts(0).init().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let futures: Vec<_> =
                        (0..60).map(|call| if call % 3 == 0 { pool.panic("third") } else { pool.count() }).collect();
                    let outcomes = all_soon(futures);
                    let bad = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::Panicked { .. }))).count();
                    assert_eq!((outcomes.iter().filter(|outcome| outcome.is_ok()).count(), bad), (40, 20));
                });
            }
        });
        eventually_is("failed", 60, || pool.stats().failed);
        assert_eq!((pool.stats().completed, pool.stats().restarts), (120, 0), "{mode}");
        pool.stop().unwrap();
    }
}
