//! What a method may know of the call that it is running: [`CallContext`].

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::call::Call;
use crate::limits::Limits;

/// Who tells whether the call was cancelled.
#[derive(Clone)]
pub(crate) enum Cancel {
    Never,
    Call(Call, u32),
    Flag(Arc<AtomicBool>),
}

/// The call that is running, seen from its method: a parameter of type `&CallContext` is filled in by the runtime and
/// is no parameter of the client's method.
///
/// [`CallContext::default()`] stands outside any pool, for calling a method directly, as tests do.
///
/// ```
/// use concurry::prelude::*;
/// let context = CallContext::default();
/// assert_eq!(context.attempt(), 1);
/// assert!(!context.is_cancelled());
/// ```
#[derive(Clone)]
pub struct CallContext {
    pub(crate) cancel: Cancel,
    pub(crate) attempt: u32,
    pub(crate) worker_index: usize,
    pub(crate) pool_name: Arc<str>,
    pub(crate) method: &'static str,
    pub(crate) deadline: Option<Instant>,
    pub(crate) limits: Limits,
}

impl Default for CallContext {
    fn default() -> Self {
        CallContext {
            cancel: Cancel::Never,
            attempt: 1,
            worker_index: 0,
            pool_name: Arc::from(""),
            method: "",
            deadline: None,
            limits: Limits::default(),
        }
    }
}

impl CallContext {
    /// Whether the caller has cancelled this call, its time is up, or its pool is being aborted. A method that runs
    /// for long looks now and then, and returns early.
    pub fn is_cancelled(&self) -> bool {
        let told = match &self.cancel {
            Cancel::Never => false,
            Cancel::Call(call, attempt) => call.header().is_over(*attempt),
            Cancel::Flag(flag) => flag.load(Ordering::Acquire),
        };
        told || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The limits of the pool; of a pool that was given none, nothing can be acquired.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The index of the worker in its pool, from 0.
    pub fn worker_index(&self) -> usize {
        self.worker_index
    }

    /// The name of the pool.
    pub fn pool_name(&self) -> &str {
        &self.pool_name
    }

    /// The method's name.
    pub fn method(&self) -> &str {
        self.method
    }

    /// When the call times out, if it does.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl fmt::Debug for CallContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallContext")
            .field("pool_name", &self.pool_name)
            .field("method", &self.method)
            .field("worker_index", &self.worker_index)
            .field("attempt", &self.attempt)
            .field("deadline", &self.deadline)
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

thread_local! {
    static CURRENT: RefCell<Option<CallContext>> = const { RefCell::new(None) };
}

/// The context of the call that this thread is running, for code that does not have it as a parameter.
pub fn current() -> Option<CallContext> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// When the call that this thread is running times out, if it runs one that does.
pub(crate) fn deadline() -> Option<Instant> {
    CURRENT.try_with(|current| current.borrow().as_ref()?.deadline).ok().flatten()
}

/// Makes `context` the current one until the guard goes; what was current before is so again then.
pub(crate) struct Entered(Option<CallContext>);

pub(crate) fn enter(context: &CallContext) -> Entered {
    Entered(CURRENT.try_with(|current| current.replace(Some(context.clone()))).ok().flatten())
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.0.take();
        let ours = CURRENT.try_with(|current| current.replace(before));
        drop(ours);
    }
}
