//! A thread's own tokio runtime: timers, sockets and `spawn_local` for the `async fn`s that run on it.
//!
//! tokio lets no runtime block a thread that is inside another, as the caller of a `sync` pool may be. A thread of a
//! runtime with several threads can step out of it for as long as the call takes; a runtime of one thread has nobody
//! else to go on with, so there the call is refused.

use std::cell::RefCell;
use std::io;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::task::{LocalSet, block_in_place};

use super::park;

/// A runtime and the tasks that stay on this thread.
struct Home(Option<(LocalSet, Runtime)>);

thread_local! {
    /// Not there before it is needed, nor while a call has it.
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

impl Home {
    fn new() -> io::Result<Home> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Home(Some((LocalSet::new(), runtime))))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some((local, runtime)) if is_inside() => block_in_place(|| local.block_on(runtime, future)),
            Some((local, runtime)) => local.block_on(runtime, future),
            None => park::block_on(future),
        }
    }

    /// Drops the tasks, then ends the runtime by `end`.
    fn end(&mut self, end: impl FnOnce(Runtime)) {
        let Some((local, runtime)) = self.0.take() else { return };
        // A thread that is being torn down has nowhere to enter it any more; the tasks go all the same.
        let torn_down = Handle::try_current().is_err_and(|error| error.is_thread_local_destroyed());
        let entered = (!torn_down).then(|| runtime.enter());
        drop(local);
        drop(entered);
        end(runtime);
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Without waiting: this may be the end of a thread, or the inside of another runtime.
        self.end(Runtime::shutdown_background);
    }
}

/// Keeps the runtime for the next call, even if the future panics.
struct Lent(Option<Home>);

impl Drop for Lent {
    fn drop(&mut self) {
        let home = self.0.take();
        let before = HOME.try_with(|place| place.replace(home));
        drop(before);
    }
}

fn is_inside() -> bool {
    Handle::try_current().is_ok()
}

/// See [`super::refusal`].
pub(super) fn refusal() -> Option<&'static str> {
    let handle = Handle::try_current().ok()?;
    (handle.runtime_flavor() != RuntimeFlavor::MultiThread).then_some(
        "an `async fn` of mode `sync` would block the only thread of the tokio runtime that it is called in; \
         use mode `thread` or `async`, or a runtime of flavor `multi_thread`",
    )
}

/// See [`super::block_on`].
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let kept = HOME.try_with(RefCell::take).ok().flatten();
    // A thread that can have no runtime still runs what needs none.
    let lent = Lent(kept.or_else(|| Home::new().ok()));
    match &lent.0 {
        Some(home) => home.block_on(future),
        None => park::block_on(future),
    }
}

/// See [`super::close`].
pub(super) fn close(patiently: bool) {
    let kept = HOME.try_with(RefCell::take).ok().flatten();
    if let Some(mut home) = kept
        && patiently
    {
        home.end(drop);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;
    use std::time::Duration;

    use super::*;

    async fn nap() -> u8 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        tokio::task::yield_now().await;
        7
    }

    #[test]
    fn timers_and_local_tasks_work_and_live_on() {
        let done = Rc::new(Cell::new(false));
        let theirs = done.clone();
        block_on(async move {
            tokio::task::spawn_local(async move {
                nap().await;
                theirs.set(true);
            });
        });
        assert!(!done.get());
        block_on(async {
            while !done.get() {
                nap().await;
            }
        });
        assert!(done.get());
        close(true);
    }

    #[test]
    fn a_panic_leaves_the_runtime_usable() {
        let panicked = catch_unwind(AssertUnwindSafe(|| block_on(async { panic!("as planned") })));
        assert!(panicked.is_err());
        assert_eq!(block_on(nap()), 7);
    }

    #[test]
    fn it_works_inside_a_runtime_of_several_threads() {
        let outer = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let twice = || {
            assert!(refusal().is_none());
            let panicked = catch_unwind(AssertUnwindSafe(|| block_on(async { panic!("as planned") })));
            assert!(panicked.is_err());
            block_on(async { tokio::spawn(nap()).await.unwrap() + tokio::task::spawn_local(nap()).await.unwrap() })
        };
        assert_eq!(outer.block_on(async { twice() }), 14);
        assert_eq!(outer.block_on(async { tokio::spawn(async move { twice() }).await.unwrap() }), 14);
    }

    #[test]
    fn it_is_refused_inside_a_runtime_of_one_thread() {
        let outer = Builder::new_current_thread().build().unwrap();
        let error = outer.block_on(async { refusal() });
        assert!(error.is_some_and(|error| error.contains("multi_thread")));
        assert!(block_on(async { refusal() }).is_some());
        assert!(refusal().is_none());
    }
}
