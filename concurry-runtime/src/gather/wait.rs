//! [`wait`]: sorts futures into those that are done and those that are not, when enough of them are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::board::Board;
use crate::call::here;
use crate::error::Result;
use crate::future::TaskFuture;
use crate::future::slot::Notify;
use crate::words::{self, Words};

/// How many futures [`wait`] waits for.
///
/// ```
/// use concurry::prelude::*;
/// assert_eq!("first_completed".parse::<ReturnWhen>().unwrap(), ReturnWhen::FirstCompleted);
/// assert_eq!(ReturnWhen::AllCompleted.to_string(), "all_completed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ReturnWhen {
    /// One of them, with a value or an error.
    FirstCompleted,
    /// The first that comes to an error (a panic, a cancelled call, …), or all where none does.
    FirstException,
    /// All of them.
    #[default]
    AllCompleted,
}

impl Words for ReturnWhen {
    const WHAT: &'static str = "condition to return";
    const TABLE: &'static [(Self, &'static [&'static str])] = &[
        (ReturnWhen::FirstCompleted, &["first_completed", "first"]),
        (ReturnWhen::FirstException, &["first_exception", "first_error", "exception"]),
        (ReturnWhen::AllCompleted, &["all_completed", "all"]),
    ];
}

words::in_words!(ReturnWhen);

/// What [`wait`] found, each part in the order that the futures were given in.
#[derive(Debug)]
#[must_use = "the futures are in here"]
pub struct Waited<T> {
    /// The futures that are done. They still hold their results.
    pub done: Vec<TaskFuture<T>>,
    /// The futures that are not.
    pub pending: Vec<TaskFuture<T>>,
}

/// Waits until as many of `futures` are done as `until` says, or for `timeout`; without one as long as it takes.
///
/// A worker's thread does not wait for a call that this very worker would have to run: it stays pending.
///
/// A timeout is no error here: it gives what is done by then. Errors of calls stay in their futures. Each call costs
/// time proportional to the number of futures, so that taking many one by one is a matter for
/// [`as_completed`](crate::Gather::as_completed).
///
/// ```
/// use concurry::prelude::*;
///
/// let futures: Vec<_> = (0..3).map(TaskFuture::ready).collect();
/// let Waited { done, pending } = wait(futures, ReturnWhen::AllCompleted, None);
/// assert_eq!((done.len(), pending.len()), (3, 0));
/// assert_eq!(gather(done).results()?, [0, 1, 2]);
/// # Ok::<(), concurry::Error>(())
/// ```
pub fn wait<T: Send + 'static>(
    futures: impl IntoIterator<Item = TaskFuture<T>>,
    until: ReturnWhen,
    timeout: Option<Duration>,
) -> Waited<T> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let futures: Vec<_> = futures.into_iter().collect();
    let enough = until == ReturnWhen::FirstCompleted && futures.iter().any(TaskFuture::is_done);
    if !enough {
        watch(&futures, until, deadline);
    }
    let (done, pending) = futures.into_iter().partition(TaskFuture::is_done);
    Waited { done, pending }
}

fn watch<T: Send + 'static>(futures: &[TaskFuture<T>], until: ReturnWhen, deadline: Option<Instant>) {
    let board: Arc<Board> = Arc::default();
    for (index, future) in futures.iter().enumerate() {
        future.0.slot().watch(board.clone(), index);
    }
    let mut left = futures.len();
    if here::looks() {
        let board: Arc<dyn Notify> = board.clone();
        left -= futures.iter().filter(|future| future.refusal().is_some() && future.0.slot().unwatch(&board)).count();
    }
    let mut batch = VecDeque::new();
    while left > 0 && board.wait(&mut batch, deadline) {
        left -= batch.len();
        let enough = match until {
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => batch.iter().any(|&index| futures.get(index).is_some_and(failed)),
            ReturnWhen::AllCompleted => false,
        };
        batch.clear();
        if enough {
            break;
        }
    }
    if left > 0 {
        let board: Arc<dyn Notify> = board;
        for future in futures {
            future.0.slot().unwatch(&board);
        }
    }
}

/// Whether a future that is done came to an error. A value that is still encoded is decoded for this, and stays.
fn failed<T: Send + 'static>(future: &TaskFuture<T>) -> bool {
    let failed = Arc::new(AtomicBool::new(false));
    let told = failed.clone();
    future.on_done(move |result| told.store(result.is_err(), Ordering::Relaxed));
    failed.load(Ordering::Relaxed)
}
