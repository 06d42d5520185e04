//! What the tests of promises share: events that reach across processes, bounded waiting, counting what is left behind,
//! and programs of their own for drivers that are killed.
//!
//! A test never sleeps and hopes. It waits for an event ([`Gate`], [`Program::line`], a future) or, where the kernel
//! tells nobody, looks until something has come true ([`eventually`]); both have a bound, past which the test fails.

mod census;
mod chairs;
#[cfg(feature = "ray")]
pub mod clusters;
mod events;
#[cfg(feature = "ray")]
mod far;
mod gate;
#[cfg(feature = "ray")]
mod gateway;
mod holds;
mod journal;
mod program;
mod temp;
mod watched;
mod way;

use std::time::{Duration, Instant};

use concurry::{Error, LoadBalancing, Mode, Result, TaskFuture, TimeoutScope};

pub use census::{
    Census, begun, census, children_of, freeze, is_alive, is_ignored, is_of_this_session, resident, states, thaw,
    time_on_cpu,
};
pub use chairs::{Chairs, Row, Seat, View};
pub use events::next;
#[cfg(feature = "ray")]
pub use far::{Far, FarClient};
pub use gate::{Door, Gate, Visitor};
#[cfg(feature = "ray")]
pub use gateway::Gateway;
pub use holds::{Bar, Latch, bar, bounded};
pub use journal::{Journal, Page};
pub use program::Program;
pub use temp::TempDir;
pub use watched::{Watched, WatchedClient, WatchedOptions};
pub use way::Way;

/// How long a test waits for what should come at once. Only a test that fails waits this long.
pub const LONG: Duration = Duration::from_secs(60);

/// Every mode that is built.
pub fn modes() -> Vec<Mode> {
    let mut modes = vec![Mode::Sync];
    modes.extend(apart());
    modes
}

/// The modes whose workers are not the caller itself, so that calls wait in queues.
pub fn apart() -> Vec<Mode> {
    vec![Mode::Thread, Mode::Async, Mode::Process]
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

/// Every way to balance.
pub const BALANCING: [LoadBalancing; 6] = [
    LoadBalancing::RoundRobin,
    LoadBalancing::LeastActive,
    LoadBalancing::LeastTotal,
    LoadBalancing::Random,
    LoadBalancing::PowerOfTwo,
    LoadBalancing::Shared,
];

/// The values of `futures`, in order; none may fail, and each has [`LONG`].
#[track_caller]
pub fn all_ok<T>(futures: impl IntoIterator<Item = TaskFuture<T>>) -> Vec<T> {
    let mut values = Vec::new();
    for result in all_soon(futures) {
        values.push(result.unwrap());
    }
    values
}

/// Runs what must not wait for anything: it costs little of a processor's time, and where it does not come to an end at
/// all the whole program does. (The clock on the wall tells what others do on this machine.)
#[track_caller]
pub fn at_once<T>(run: impl FnOnce() -> T) -> T {
    let (done, watched) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if watched.recv_timeout(LONG) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("what must not wait has waited for {LONG:?}");
            std::process::abort();
        }
    });
    let before = time_on_cpu();
    let value = run();
    let took = time_on_cpu() - before;
    drop(done);
    watch.join().unwrap();
    // Far above what it takes: on a virtual machine that stands still for a while, that while counts as well.
    assert!(took < LONG / 4, "it took {took:?}");
    value
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

/// As [`eventually_is`], with a bound of its own. It is counted in time that this thread saw pass: where the whole machine
/// stands still or has too much to do, one look at it counts for little, and the product is given the same leave.
#[track_caller]
pub fn within<T: PartialEq + std::fmt::Debug>(bound: Duration, what: &str, expected: T, now: &mut dyn FnMut() -> T) {
    const LOOK: Duration = Duration::from_millis(1);
    let mut passed = Duration::ZERO;
    loop {
        let begun = Instant::now();
        let seen = now();
        if seen == expected {
            return;
        }
        assert!(passed < bound, "{what}: {seen:?} instead of {expected:?} after {bound:?}");
        std::thread::sleep(LOOK);
        passed += begun.elapsed().min(5 * LOOK);
    }
}
