//! What a method may know of the call that it is running: [`CallContext`].

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::bell::Watched;
use crate::limits::Limits;
use crate::observe::spans::Inside;

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
    /// The call itself; none outside any pool.
    pub(crate) call: Option<Arc<dyn Watched>>,
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
            call: None,
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
        let told = self.call.as_ref().is_some_and(|call| call.is_over(self.attempt));
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
    static CURRENT: RefCell<Option<Rc<CallContext>>> = const { RefCell::new(None) };
    /// Room for a context, so that a thread that runs one call after the other need not ask for it each time.
    static SPARE: RefCell<Option<Rc<CallContext>>> = const { RefCell::new(None) };
}

/// The context of the call that this thread is running, for code that does not have it as a parameter; `None` outside of
/// any call, and on threads that a method has started.
///
/// ```
/// use concurry::prelude::*;
///
/// /// Somewhere below a worker's method.
/// fn note(what: &str) -> String {
///     match concurry::current() {
///         Some(call) => format!("{}, attempt {}: {what}", call.method(), call.attempt()),
///         None => what.to_owned(),
///     }
/// }
///
/// #[task]
/// fn noted(what: &str) -> String {
///     note(what)
/// }
///
/// assert_eq!(noted("read").result()?, "noted, attempt 1: read");
/// assert_eq!(note("read"), "read");
/// # Ok::<(), concurry::Error>(())
/// ```
pub fn current() -> Option<CallContext> {
    CURRENT.try_with(|current| current.borrow().as_deref().cloned()).ok().flatten()
}

/// When the call that this thread is running times out, if it runs one that does.
pub(crate) fn deadline() -> Option<Instant> {
    CURRENT.try_with(|current| current.borrow().as_ref()?.deadline).ok().flatten()
}

/// The context of the call that this thread is inside of until it goes; what was current before is so again then.
pub(crate) struct Entered {
    own: Rc<CallContext>,
    before: Option<Rc<CallContext>>,
    /// Left last.
    _span: Inside,
}

/// Makes `context` the current one, and the call's span that of this thread.
pub(crate) fn enter(context: CallContext) -> Entered {
    let span = Inside::of(&context);
    enter_in(context, span)
}

/// The same in a worker process, where the call has a span of its own.
pub(crate) fn enter_apart(context: CallContext) -> Entered {
    let span = Inside::here(&context);
    enter_in(context, span)
}

fn enter_in(context: CallContext, span: Inside) -> Entered {
    let spare = SPARE.try_with(|spare| spare.borrow_mut().take()).ok().flatten();
    // It is nobody else's while it is spare.
    let own = match spare {
        Some(mut spare) => {
            *Rc::make_mut(&mut spare) = context;
            spare
        }
        None => Rc::new(context),
    };
    let before = CURRENT.try_with(|current| current.replace(Some(own.clone()))).ok().flatten();
    Entered { own, before, _span: span }
}

impl Entered {
    /// Has `context` be the current one instead.
    pub(crate) fn turn_to(&mut self, context: CallContext) {
        drop(CURRENT.try_with(RefCell::take));
        self.own = Rc::new(context);
        let _ = CURRENT.try_with(|current| current.replace(Some(self.own.clone())));
    }
}

impl Deref for Entered {
    type Target = CallContext;
    fn deref(&self) -> &CallContext {
        &self.own
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        drop(CURRENT.try_with(|current| current.replace(before)));
        if let Some(own) = Rc::get_mut(&mut self.own) {
            // Nothing of the call stays.
            let (call, limits) = (own.call.take(), std::mem::take(&mut own.limits));
            drop((call, limits));
            let old = SPARE.try_with(|spare| spare.replace(Some(self.own.clone())));
            drop(old);
        }
    }
}
