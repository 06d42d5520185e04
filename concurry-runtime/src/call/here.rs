//! Which worker this thread is, if it is one, and so which calls it must not wait for.
//!
//! A worker that blocks on a call that it would have to run itself waits for ever. What can be told cheaply is told:
//! the call is with this very worker, or bound for it. A ring of several workers is not seen.

use std::cell::Cell;
use std::sync::Arc;

use super::{Header, NONE, Phase};
use crate::error::Error;
use crate::fork::is_fork;

/// What a worker's thread is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One call at a time.
    Thread,
    /// An event loop.
    #[cfg_attr(not(feature = "tokio"), allow(dead_code, reason = "there are event loops with the feature only"))]
    Loop,
}

#[derive(Clone, Copy)]
struct Here {
    /// Where its pool is in memory.
    pool: *const (),
    lane: usize,
    kind: Kind,
}

thread_local! {
    static HERE: Cell<Option<Here>> = const { Cell::new(None) };
}

/// This thread is the worker at `lane` of the pool that lives at `pool`, from now on.
pub(crate) fn settle(pool: *const (), lane: usize, kind: Kind) {
    HERE.set(Some(Here { pool, lane, kind }));
}

fn here() -> Option<Here> {
    HERE.try_with(Cell::get).ok().flatten()
}

/// Whether this thread has to look before it waits: it is a worker, or in a fork of the process where its calls are.
pub(crate) fn looks() -> bool {
    is_fork() || here().is_some()
}

/// Whether this thread is a worker of the pool that lives at `pool`.
pub(crate) fn is_of<P>(pool: &Arc<P>) -> bool {
    here().is_some_and(|here| std::ptr::eq(Arc::as_ptr(pool).cast(), here.pool))
}

/// Why this thread must not block on `call`, if it must not.
pub(crate) fn refusal(call: &Header) -> Option<Error> {
    if is_fork() && call.phase() != Phase::Settled {
        return Some(Error::in_a_fork());
    }
    let here = here()?;
    if !std::ptr::eq(Arc::as_ptr(&call.ledger).cast(), here.pool) {
        return None;
    }
    let lane = match call.phase() {
        Phase::Settled => return None,
        Phase::Waiting => call.pinned(),
        _ => call.lane(),
    };
    let ours = if lane == NONE { call.ledger.workers() == 1 } else { lane == here.lane };
    ours.then(|| waits_for_itself(call.worker(), call.method_name()))
}

/// The error of a call that is to be run by the worker that this thread is, and is waited for here.
pub(crate) fn waits_for_itself(worker: &str, method: &str) -> Error {
    let remedy = match here().map(|here| here.kind) {
        Some(Kind::Loop) => "`.await` the future in an `async fn (&self)` instead",
        Some(Kind::Thread) | None => "call another pool, or let the caller make the call",
    };
    Error::unsupported(format!(
        "{worker}::{method}: the call is to be run by the worker that waits for it, which would never end; {remedy}",
    ))
}
