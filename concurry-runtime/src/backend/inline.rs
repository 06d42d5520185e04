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

use super::{Recipe, dismiss, run_local};
use crate::call::Call;
use crate::error::{Error, Result};
use crate::executor;
use crate::worker::Worker;

/// Runs calls here and now.
pub(crate) trait Inline: Send + Sync {
    fn run(&self, call: &Call);
    /// Lets the worker go, once it is not running.
    fn close(&self);
}

thread_local! {
    static WORKERS: RefCell<HashMap<u64, Option<Box<dyn Any>>>> = RefCell::default();
}

static NEXT: AtomicU64 = AtomicU64::new(0);

pub(crate) struct InlineWorker<W: Worker> {
    recipe: Arc<Recipe<W>>,
    key: u64,
    home: ThreadId,
    closed: AtomicBool,
    marker: PhantomData<fn() -> W>,
}

enum Found<W> {
    Worker(Box<W>),
    Busy,
    Closed,
}

impl<W: Worker> InlineWorker<W> {
    pub(crate) fn start(recipe: Arc<Recipe<W>>) -> Result<Self> {
        let worker = recipe.make()?;
        let key = NEXT.fetch_add(1, Ordering::Relaxed);
        put(key, Some(Box::new(worker)));
        Ok(InlineWorker {
            recipe,
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
                Err(_) => Found::Closed,
            },
            Ok(Some(None)) => Found::Busy,
            _ => Found::Closed,
        }
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
    fn run(&self, call: &Call) {
        if thread::current().id() != self.home {
            call.fail(
                Error::unsupported(format!(
                    "{}::{}: a pool of mode `sync` can be called only by the thread that made it; use mode `thread`",
                    W::NAME,
                    call.header().method_name()
                )),
                true,
            );
            return;
        }
        let method = call.header().methods.get(call.header().method);
        if method.is_some_and(|method| method.asynchronous)
            && let Some(why) = executor::refusal()
        {
            call.fail(Error::unsupported(format!("{}::{}: {why}", W::NAME, call.header().method_name())), true);
            return;
        }
        let worker = match self.take() {
            Found::Worker(worker) => worker,
            Found::Busy => {
                call.fail(
                    Error::unsupported(format!(
                        "{}::{}: a worker of mode `sync` was called from inside itself, which would wait for ever; use mode `thread` with another worker",
                        W::NAME,
                        call.header().method_name()
                    )),
                    true,
                );
                return;
            }
            Found::Closed => {
                call.fail(Error::stopped(), true);
                return;
            }
        };
        let survivor = match run_local(*worker, call, &self.recipe.pool_name, 0) {
            Some(worker) => Ok(worker),
            None => self.recipe.rebuild(),
        };
        match survivor {
            Ok(worker) if !self.closed.load(Ordering::Acquire) => put(self.key, Some(Box::new(worker))),
            // Without a worker, later calls find the place empty and say so.
            _ => remove(self.key),
        }
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
