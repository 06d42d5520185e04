//! What the tests of promises share: events that reach across processes, bounded waiting, counting what is left behind,
//! and programs of their own for drivers that are killed.
//!
//! A test never sleeps and hopes. It waits for an event ([`Gate`], [`Program::line`], a future) or, where the kernel
//! tells nobody, looks until something has come true ([`eventually`]); both have a bound, past which the test fails.

mod census;
mod events;
mod gate;
mod journal;
mod program;
mod temp;
mod way;

use std::time::{Duration, Instant};

use concurry::{Error, Mode, Result, TaskFuture, TimeoutScope};

pub use census::{Census, census, children_of, is_alive};
pub use events::next;
pub use gate::{Door, Gate, Visitor};
pub use journal::{Journal, Page};
pub use program::Program;
pub use temp::TempDir;
pub use way::Way;

/// How long a test waits for what should come at once. Only a test that fails waits this long.
pub const LONG: Duration = Duration::from_secs(60);

/// The same, by the name that some tests know it by.
pub const PATIENCE: Duration = LONG;

/// Every mode that is built.
pub fn modes() -> Vec<Mode> {
    let mut modes = vec![Mode::Sync];
    modes.extend(apart());
    modes
}

/// The modes whose workers are not the caller itself, so that calls wait in queues.
pub fn apart() -> Vec<Mode> {
    vec![Mode::Thread, Mode::Process]
}

/// Waiting for a future with a bound.
pub trait Soon<T> {
    /// What it comes to; the test fails where that takes longer than [`LONG`].
    fn soon(self) -> Result<T>;
}

impl<T> Soon<T> for TaskFuture<T> {
    #[track_caller]
    fn soon(mut self) -> Result<T> {
        match self.result_within(LONG) {
            Err(Error::TimedOut { scope: TimeoutScope::Wait, .. }) => {
                panic!("{self:?} did not resolve within {LONG:?}")
            }
            result => result,
        }
    }
}

/// What `futures` come to, in order; each has [`LONG`].
#[track_caller]
pub fn all_soon<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> Vec<Result<T>> {
    futures.into_iter().map(Soon::soon).collect()
}

/// The values of `futures`, in order; none may fail, and each has [`LONG`].
#[track_caller]
pub fn all_ok<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> Vec<T> {
    let mut values = Vec::new();
    for result in all_soon(futures) {
        values.push(result.unwrap());
    }
    values
}

/// Looks until `true`: for what no event tells, such as the end of a process that is nobody's child here.
#[track_caller]
pub fn eventually(what: &str, holds: impl FnMut() -> bool) {
    eventually_is(what, true, holds);
}

/// Looks until `now` gives `expected`.
#[track_caller]
pub fn eventually_is<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, mut now: impl FnMut() -> T) {
    within(LONG, what, expected, &mut now);
}

/// As [`eventually_is`], with a bound of its own.
#[track_caller]
pub fn within<T: PartialEq + std::fmt::Debug>(bound: Duration, what: &str, expected: T, now: &mut dyn FnMut() -> T) {
    let begun = Instant::now();
    loop {
        let seen = now();
        if seen == expected {
            return;
        }
        assert!(begun.elapsed() < bound, "{what}: {seen:?} instead of {expected:?} after {bound:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
