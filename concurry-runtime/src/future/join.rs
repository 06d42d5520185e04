//! [`Join`]: the arguments of a call that are not all there.
//!
//! Each future tells it when it has settled; the last one (or the first error) hands everything on. Giving up the join
//! cancels the futures that it owns, but for those that somebody asked to be shown: they have more to do than to be an
//! argument.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::argument::Args;
use super::slot::Notify;
use crate::depth;
use crate::error::{Error, Result};

/// So far down a chain of calls is looked for one that must not be waited for.
const FAR: usize = 100;

/// Something that waits and can be told not to.
pub(crate) trait Waiting: Send + Sync {
    fn give_up(&self);
    /// Why this thread must not wait for it too.
    fn refusal(&self) -> Option<Error>;
}

/// Arguments that are not all there, and what to do once they are.
struct Join<A, F> {
    held: Mutex<Option<(A, F)>>,
    left: AtomicUsize,
}

impl<A, F> Join<A, F> {
    fn lock(&self) -> MutexGuard<'_, Option<(A, F)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Args, F: FnOnce(Result<A>) + Send + 'static> Notify for Join<A, F> {
    fn notify(self: Arc<Self>, position: usize) {
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        let taken = {
            let mut held = self.lock();
            let failed = held.as_ref().is_some_and(|(args, _)| args.failed(position));
            if last || failed { held.take().map(|held| (held, failed)) } else { None }
        };
        let Some(((mut args, then), failed)) = taken else { return };
        if failed {
            if let Err(error) = args.arrive(position) {
                args.abandon();
                then(Err(error));
            }
            return;
        }
        let mut result = Ok(());
        for position in 0..A::COUNT {
            result = result.and_then(|()| args.arrive(position));
        }
        then(result.map(|()| args));
    }
}

impl<A: Args, F: Send> Waiting for Join<A, F> {
    fn give_up(&self) {
        let held = self.lock().take();
        if let Some((args, _then)) = held {
            args.abandon();
        }
    }

    fn refusal(&self) -> Option<Error> {
        depth::within(FAR, || self.lock().as_ref().and_then(|(args, _)| args.refusal())).flatten()
    }
}

/// Calls `then` with `args` once all are there, or with the first error to happen.
pub(crate) fn gather_args<A, F>(args: A, then: F) -> Arc<dyn Waiting>
where
    A: Args,
    F: FnOnce(Result<A>) + Send + 'static,
{
    let mut watches = Vec::new();
    args.watches(0, &mut watches);
    let join = Arc::new(Join { left: AtomicUsize::new(watches.len()), held: Mutex::new(Some((args, then))) });
    for watch in watches {
        (watch.0)(join.clone());
    }
    join
}
