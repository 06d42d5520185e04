//! Where a worker lives: [`Mode`].

use serde::{Deserialize, Serialize};

use crate::words::{self, Words};

/// Where the workers of a pool live and how their methods run.
///
/// ```
/// use concurry::prelude::*;
/// assert_eq!("proc".parse::<Mode>().unwrap(), Mode::Process);
/// assert_eq!(Mode::Thread.to_string(), "thread");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Mode {
    /// Inline, on the thread that called `init`, before the call returns.
    Sync,
    /// One operating-system thread a worker; one call at a time.
    #[default]
    Thread,
    /// A tokio runtime on a thread of its own a worker; needs the feature `tokio`.
    ///
    /// - `async fn`s that take `&self` run side by side in a worker, as many as `max_queued_tasks` allows; without it,
    ///   all. The worker stays on its thread, so it may hold a `Cell` or an `Rc`.
    /// - One that takes `&mut self` begins when those before it are done, and those behind it begin when it is. It must
    ///   not wait for a call to its own worker: that would wait for it in turn.
    /// - A method that is not `async` runs to its end on the worker's thread, between two polls of the others, which
    ///   have their turn after it. What takes long is better `async`, or given to
    ///   [`spawn_blocking`](https://docs.rs/tokio/latest/tokio/task/fn.spawn_blocking.html), or to other workers.
    /// - A call that is cancelled, or times out, while it runs is dropped at the await point where it is.
    /// - After a panic the worker is built anew for later calls. Those that were running beside the one that panicked
    ///   end on the old one.
    /// - What a method has spawned and nobody waits for ends with the worker.
    ///
    /// In the other modes an `async fn` runs alone in its worker. With the feature `tokio` there is a tokio runtime
    /// under it in these too; what it has spawned goes on whenever the worker runs an `async fn`.
    Async,
    /// One operating-system process a worker, running the same executable.
    Process,
    /// One actor of a Ray cluster a worker; needs the feature `ray`.
    Ray,
}

impl Words for Mode {
    const WHAT: &'static str = "mode";
    const TABLE: &'static [(Self, &'static [&'static str])] = concurry_options::modes!([words::table] Mode);
}

impl Mode {
    /// Every mode, each at the place of its number.
    pub(crate) const ALL: [Mode; 5] = concurry_options::modes!([words::all] Mode);
}

words::in_words!(Mode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_at_the_place_of_its_number() {
        for (place, mode) in Mode::ALL.into_iter().enumerate() {
            assert_eq!(mode as usize, place, "{mode}");
        }
    }
}
