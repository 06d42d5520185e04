//! Mode `sync`: the worker lives on the thread that made the pool, and calls run there before they return.
//!
//! The worker need be neither `Send` nor `Sync`, so it stays in a thread-local table under a number of its pool's. It
//! is out of the table while it runs, which is how a call from inside itself is recognised.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ThreadId};

use super::{Post, Recipe, dismiss, run_local};
use crate::call::Job;
use crate::error::{Error, Result};
use crate::executor;
use crate::panics;
use crate::worker::Worker;

/// Runs calls here and now.
pub(crate) trait Inline: Send + Sync {
    fn run(&self, job: &Job);
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
    key: u64,
    home: ThreadId,
    closed: AtomicBool,
    marker: PhantomData<fn() -> W>,
}

enum Found<W> {
    Worker(Box<W>),
    Busy,
    Missing,
}

impl<W: Worker> InlineWorker<W> {
    pub(crate) fn start(recipe: Arc<Recipe<W>>) -> Result<Self> {
        let worker = recipe.make()?;
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        put(key, Some(Box::new(worker)));
        let post = recipe.post(0, false);
        Ok(InlineWorker {
            recipe,
            post,
            key,
            home: thread::current().id(),
            closed: AtomicBool::new(false),
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

    /// Builds the worker that could not be built when the last one had panicked.
    fn try_again(&self) -> Result<W> {
        put(self.key, None);
        self.recipe.rebuild().map_err(|error| {
            remove(self.key);
            Error::worker_died(format!("it could not be built anew after a panic: {}", panics::text_of(&error)))
        })
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
    fn run(&self, job: &Job) {
        if thread::current().id() != self.home {
            job.give_up(Error::unsupported(format!(
                "{}::{}: a pool of mode `sync` can be called only by the thread that made it; use mode `thread`",
                W::NAME,
                job.header().method_name()
            )));
            return;
        }
        let method = job.header().methods.get(job.header().method);
        if method.is_some_and(|method| method.asynchronous)
            && let Some(why) = executor::refusal()
        {
            job.give_up(Error::unsupported(format!("{}::{}: {why}", W::NAME, job.header().method_name())));
            return;
        }
        let worker = match self.take() {
            Found::Worker(worker) => worker,
            Found::Busy => {
                job.give_up(Error::unsupported(format!(
                        "{}::{}: a worker of mode `sync` was called from inside itself, which would wait for ever; use mode `thread` with another worker",
                        W::NAME,
                        job.header().method_name()
                    )));
                return;
            }
            Found::Missing if self.closed.load(Ordering::Acquire) => {
                job.give_up(Error::stopped());
                return;
            }
            Found::Missing => match self.try_again() {
                Ok(worker) => Box::new(worker),
                Err(error) => {
                    job.give_up(error);
                    return;
                }
            },
        };
        let survivor = run_local(*worker, job, &self.post).or_else(|| self.recipe.rebuild().ok());
        match survivor {
            Some(worker) if !self.closed.load(Ordering::Acquire) => put(self.key, Some(Box::new(worker))),
            // Where it could not be built anew, the next call tries again.
            survivor => {
                remove(self.key);
                dismiss(survivor);
            }
        }
    }

    fn is_inside(&self) -> bool {
        // Its place is empty for as long as it runs, and only this thread sees that place.
        thread::current().id() == self.home
            && WORKERS.try_with(|workers| matches!(workers.borrow().get(&self.key), Some(None))).unwrap_or(false)
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if thread::current().id() == self.home
            && let Found::Worker(worker) = self.take()
        {
            remove(self.key);
            dismiss(worker);
        }
    }
}
