//! Futures settled by hand, and what waits for them.

mod gathering;
mod mapping;
mod shapes;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::future::slot::{Slot, Value};
use crate::future::{Outcome, Promise, TaskFuture};

pub(super) fn promise<T: Send + 'static>() -> (Arc<Promise<T>>, TaskFuture<T>) {
    let promise = Promise::new(("Worker", "method"));
    (promise.clone(), TaskFuture(promise))
}

pub(super) fn promises<T: Send + 'static>(count: usize) -> (Vec<Arc<Promise<T>>>, Vec<TaskFuture<T>>) {
    (0..count).map(|_| promise()).unzip()
}

/// An error, as a worker process sends it: nobody knows before it is decoded.
pub(super) struct Encoded {
    pub(super) slot: Slot<u32>,
    pub(super) decoded: Arc<AtomicUsize>,
}

impl Encoded {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Encoded { slot: Slot::new(), decoded: Arc::default() })
    }

    pub(super) fn settle(&self, result: Result<u32>) {
        let decoded = self.decoded.clone();
        self.slot.settle(Value::Encoded(Box::new(move || {
            decoded.fetch_add(1, Ordering::Relaxed);
            result
        })));
    }
}

impl Outcome<u32> for Encoded {
    fn slot(&self) -> &Slot<u32> {
        &self.slot
    }
    fn id(&self) -> u64 {
        0
    }
    fn cancel(&self) -> bool {
        false
    }
    fn cancel_asked(&self) -> bool {
        false
    }
    fn names(&self) -> (&'static str, &'static str) {
        ("Worker", "encoded")
    }
}

pub(super) fn oops(what: &str) -> Error {
    Error::invalid(what)
}
