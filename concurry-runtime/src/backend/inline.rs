//! Mode `sync`: the worker lives on the thread that made the pool, and calls run there before they return.
//!
//! The worker need be neither `Send` nor `Sync`, so it stays in a thread-local table under a number of its pool's. It
//! is out of the table while it runs, which is how a call from inside itself is recognised.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::{Post, Recipe, dismiss, run_local};
use crate::bell::Bell;
use crate::call::Job;
use crate::error::{Error, Result};
use crate::executor;
use crate::panics;
use crate::worker::Worker;

/// Runs calls here and now.
pub(crate) trait Inline: Send + Sync {
    /// Runs a call; whether another worker was built for it, since the one before had done enough.
    fn run(&self, job: &Job) -> bool;
    /// Lets the worker go, once it is not running.
    fn close(&self);
    /// Whether this thread is inside the worker.
    fn is_inside(&self) -> bool;
}

thread_local! {
    static WORKERS: RefCell<HashMap<u64, Option<Box<dyn Any>>>> = RefCell::default();
}

static NEXT: AtomicU64 = AtomicU64::new(0);

pub(crate) struct InlineWorker<W: Worker> {
    recipe: Arc<Recipe<W>>,
    post: Post,
    bell: Arc<Bell>,
    key: u64,
    home: ThreadId,
    closed: AtomicBool,
    /// How many calls the present worker has run.
    served: AtomicUsize,
    /// It has run as many as it may and is gone; the next call has another built.
    spent: AtomicBool,
    marker: PhantomData<fn() -> W>,
}

enum Found<W> {
    Worker(Box<W>),
    Busy,
    Missing,
}

impl<W: Worker> InlineWorker<W> {
    pub(crate) fn start(recipe: Arc<Recipe<W>>) -> Result<Self> {
        let worker = in_time(recipe.init_timeout, || recipe.make())?;
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        put(key, Some(Box::new(worker)));
        let bell = Arc::<Bell>::default();
        let post = recipe.post(0, false, bell.clone());
        Ok(InlineWorker {
            recipe,
            post,
            bell,
            key,
            home: thread::current().id(),
            closed: AtomicBool::new(false),
            served: AtomicUsize::new(0),
            spent: AtomicBool::new(false),
            marker: PhantomData,
        })
    }

    fn take(&self) -> Found<W> {
        let taken = WORKERS.try_with(|workers| workers.borrow_mut().get_mut(&self.key).map(Option::take));
        match taken {
            Ok(Some(Some(worker))) => match worker.downcast::<W>() {
                Ok(worker) => Found::Worker(worker),
                Err(_) => Found::Missing,
            },
            Ok(Some(None)) => Found::Busy,
            _ => Found::Missing,
        }
    }

    fn rebuild(&self) -> Result<W> {
        in_time(self.recipe.init_timeout, || self.recipe.rebuild())
    }

    /// Builds the worker that is not there: it could not be built when the last one had panicked, or that has done enough.
    fn try_again(&self) -> Result<W> {
        put(self.key, None);
        self.rebuild().map_err(|error| {
            remove(self.key);
            let after = if self.spent.load(Ordering::Acquire) { "`max_calls_per_worker`" } else { "a panic" };
            Error::worker_died(format!("it could not be built anew after {after}: {}", panics::text_of(&error)))
        })
    }
}

/// Builds a worker. Nobody can end that on the caller's own thread, but it can be said afterwards that it took too long.
fn in_time<W>(limit: Option<Duration>, build: impl FnOnce() -> Result<W>) -> Result<W> {
    let begun = Instant::now();
    let worker = build()?;
    let took = begun.elapsed();
    match limit {
        Some(limit) if took >= limit => {
            dismiss(worker);
            Err(Error::init_failed(format!(
                "worker 0 was not built within {limit:?} (`init_timeout`): its constructor took {took:?}; raise `init_timeout`, or let the constructor do less"
            )))
        }
        _ => Ok(worker),
    }
}

fn put(key: u64, worker: Option<Box<dyn Any>>) {
    // Where the thread is being torn down its workers go with it.
    let old = WORKERS.try_with(|workers| workers.borrow_mut().insert(key, worker));
    drop(old);
}

fn remove(key: u64) {
    let worker = WORKERS.try_with(|workers| workers.borrow_mut().remove(&key));
    dismiss(worker);
}

impl<W: Worker> Inline for InlineWorker<W> {
    fn run(&self, job: &Job) -> bool {
        if thread::current().id() != self.home {
            job.give_up(Error::unsupported(format!(
                "{}::{}: a pool of mode `sync` can be called only by the thread that made it; use mode `thread`",
                W::NAME,
                job.header().method_name()
            )));
            return false;
        }
        let method = job.header().method();
        if method.is_some_and(|method| method.asynchronous)
            && let Some(why) = executor::refusal()
        {
            job.give_up(Error::unsupported(format!("{}::{}: {why}", W::NAME, job.header().method_name())));
            return false;
        }
        let mut recycled = false;
        let worker = match self.take() {
            Found::Worker(worker) => worker,
            Found::Busy => {
                job.give_up(Error::unsupported(format!(
                        "{}::{}: a worker of mode `sync` was called from inside itself, which would wait for ever; use mode `thread` with another worker",
                        W::NAME,
                        job.header().method_name()
                    )));
                return false;
            }
            Found::Missing if self.closed.load(Ordering::Acquire) => {
                job.give_up(Error::stopped());
                return false;
            }
            Found::Missing => match self.try_again() {
                Ok(worker) => {
                    recycled = self.spent.swap(false, Ordering::AcqRel);
                    Box::new(worker)
                }
                Err(error) => {
                    job.give_up(error);
                    return false;
                }
            },
        };
        let survivor = run_local(*worker, job, &self.post);
        let served = self.served.fetch_add(1, Ordering::AcqRel) + 1;
        if self.recipe.max_calls.is_some_and(|most| served >= most) {
            self.served.store(0, Ordering::Release);
            self.spent.store(true, Ordering::Release);
            remove(self.key);
            dismiss(survivor);
            return recycled;
        }
        match survivor.or_else(|| self.rebuild().ok()) {
            Some(worker) if !self.closed.load(Ordering::Acquire) => put(self.key, Some(Box::new(worker))),
            // Where it could not be built anew, the next call tries again.
            survivor => {
                remove(self.key);
                dismiss(survivor);
            }
        }
        recycled
    }

    fn is_inside(&self) -> bool {
        // Its place is empty for as long as it runs, and only this thread sees that place.
        thread::current().id() == self.home
            && WORKERS.try_with(|workers| matches!(workers.borrow().get(&self.key), Some(None))).unwrap_or(false)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Where it is running all the same, its pool was aborted, and what its method waits for it need not wait for.
        self.bell.end();
        if thread::current().id() == self.home
            && let Found::Worker(worker) = self.take()
        {
            remove(self.key);
            dismiss(worker);
        }
    }
}
