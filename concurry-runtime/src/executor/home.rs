//! A thread's own tokio runtime: timers, sockets and `spawn_local` for the `async fn`s that run on it.
//!
//! The runtime belongs to the thread and is lent to one call at a time. A call from inside another (a method that calls
//! into a pool of mode `sync`) finds it lent, and has one of its own for as long as it takes.
//!
//! tokio lets no runtime block a thread that is inside another, as the caller of a `sync` pool may be. There the future
//! runs under the parking executor, and a thread that lives as long as the call drives the timers and sockets.

use std::cell::RefCell;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{LocalSet, unconstrained};

use super::park;

/// A runtime and the tasks that stay on this thread.
struct Home(Option<(LocalSet, Runtime)>);

enum Place {
    Empty,
    Kept(Home),
    Lent,
}

thread_local! {
    static HOME: RefCell<Place> = const { RefCell::new(Place::Empty) };
}

impl Home {
    fn new() -> io::Result<Home> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Home(Some((LocalSet::new(), runtime))))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some((local, runtime)) if Handle::try_current().is_ok() => driven(runtime, local, future),
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

/// Puts a runtime back where it was lent from, even if the future panics.
struct Lent(Option<Home>);

impl Drop for Lent {
    fn drop(&mut self) {
        let home = self.0.take();
        let before = HOME.try_with(|place| place.replace(home.map_or(Place::Empty, Place::Kept)));
        drop(before);
    }
}

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let place = HOME.try_with(|place| place.replace(Place::Lent)).unwrap_or(Place::Lent);
    let home = match place {
        Place::Lent => {
            return match Home::new() {
                Ok(home) => home.block_on(future),
                Err(_) => park::block_on(future),
            };
        }
        Place::Kept(home) => Some(home),
        // A thread that can have no runtime still runs what needs none.
        Place::Empty => Home::new().ok(),
    };
    let lent = Lent(home);
    match &lent.0 {
        Some(home) => home.block_on(future),
        None => park::block_on(future),
    }
}

/// See [`super::close`].
pub(super) fn close(patiently: bool) {
    let place = HOME.try_with(|place| {
        let kept = matches!(*place.borrow(), Place::Kept(_));
        if kept { place.replace(Place::Empty) } else { Place::Empty }
    });
    if let Ok(Place::Kept(mut home)) = place
        && patiently
    {
        home.end(drop);
    }
}

/// Runs `future` on this thread, which is inside another runtime, while a thread made for it drives `runtime`.
fn driven<F: Future>(runtime: &Runtime, local: &LocalSet, future: F) -> F::Output {
    let bell = Bell::default();
    thread::scope(|scope| {
        let driver = thread::Builder::new().name("concurry-driver".to_owned());
        // Without a thread there is the runtime around us: it may drive what the future needs.
        let driver = driver.spawn_scoped(scope, || runtime.block_on(bell.rung())).is_ok();
        let _entered = driver.then(|| runtime.enter());
        let _ring = Ring(&bell);
        // What the runtime around us allows a task in one go has nothing to do with this.
        park::block_on(unconstrained(local.run_until(future)))
    })
}

/// Tells the driver that it is no longer needed.
#[derive(Default)]
struct Bell(Mutex<(bool, Option<Waker>)>);

impl Bell {
    async fn rung(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.0 {
                return Poll::Ready(());
            }
            state.1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Rings when it goes, even if the future panics.
struct Ring<'a>(&'a Bell);

impl Drop for Ring<'_> {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
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
    fn it_works_inside_a_runtime() {
        let outer = Builder::new_current_thread().enable_all().build().unwrap();
        let inside = outer.block_on(async {
            // More than a task may do in one go.
            for _ in 0..300 {
                assert_eq!(block_on(nap()), 7);
            }
            block_on(async {
                for _ in 0..300 {
                    tokio::task::spawn(nap()).await.unwrap();
                }
                tokio::task::spawn_local(nap()).await.unwrap()
            })
        });
        assert_eq!(inside, 7);
        let caught =
            outer.block_on(async { catch_unwind(AssertUnwindSafe(|| block_on(async { panic!("as planned") }))) });
        assert!(caught.is_err());
    }

    #[test]
    fn it_works_inside_itself() {
        let twice = block_on(async {
            nap().await;
            let inner = block_on(async { block_on(nap()) + nap().await });
            inner + nap().await
        });
        assert_eq!(twice, 21);
        assert_eq!(block_on(nap()), 7);
    }
}
