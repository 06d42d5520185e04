//! [`TaskHome`]: a task's own pool, which the first call starts and the first call after a stop starts anew.
//!
//! ```text
//! idle ──first call──> starting ──> up ──stop──> stopping ──> idle
//!   ^                      │              a call meanwhile: starts another pool
//!   └────could not start───┘
//! ```
//!
//! One thread starts the pool while the others that call wait for it; where it cannot start, the call that tried gets
//! the error and the next one tries again. A call that has picked the pool just before a `stop` is either accepted by
//! it, and then finishes, or comes back with its arguments and goes to the next pool: none is lost.
//!
//! In mode `sync` a worker is the thread that made its pool, and nobody has called `init` here: each thread that calls
//! the task has a pool of its own, which goes with the thread.
//!
//! The home owns the pool as a client does, and a static is never dropped: the pool lives until `stop`, or as long as
//! the program.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::{CALL, Task};
use crate::error::Result;
use crate::future::{Args, TaskFuture};
use crate::mode::Mode;
use crate::options::Options;
use crate::pool::{Client, Pool, start};

/// The place of a task's own pool.
pub struct TaskHome<T: Task> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T: Task> {
    /// A thread is starting a pool.
    starting: bool,
    /// The pool that all threads share.
    shared: Option<Client<T>>,
    /// The pools of mode `sync`, one a thread.
    inline: Vec<(ThreadId, Client<T>)>,
    /// Pools that are being stopped.
    stopping: Vec<Pool>,
}

impl<T: Task> TaskHome<T> {
    /// Nothing is started yet.
    #[allow(clippy::new_without_default, reason = "it is made in statics, by generated code alone")]
    pub const fn new() -> Self {
        TaskHome {
            state: Mutex::new(State { starting: false, shared: None, inline: Vec::new(), stopping: Vec::new() }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing of the user's runs under this lock, so a poisoned one is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool for calls from this thread, started where there is none.
    fn client(&self) -> Result<Client<T>> {
        let me = thread::current().id();
        let mut state = self.lock();
        loop {
            if let Some(client) = state.find(me) {
                return Ok(client.clone());
            }
            if !state.starting {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.starting = true;
        drop(state);
        // Lets the next one try, also where starting panics.
        let _starting = Starting(self);
        let client = start::<T>(Options::new::<T>(), T::no_arguments())?;
        let mut state = self.lock();
        if client.pool().core().settings.mode == Mode::Sync {
            state.inline.push((me, client.clone()));
            drop(state);
            leave_with_thread::<T>(me);
        } else {
            state.shared = Some(client.clone());
        }
        Ok(client)
    }

    /// Forgets a pool that takes no more calls.
    fn forget(&self, client: &Client<T>) {
        let is_it = |other: &Client<T>| Arc::ptr_eq(other.pool().core(), client.pool().core());
        let mut state = self.lock();
        let shared = state.shared.take_if(|other| is_it(other));
        let inline: Vec<_> = state.inline.extract_if(.., |(_, other)| is_it(other)).collect();
        drop(state);
        drop((shared, inline));
    }

    /// Lets go of the pool of a thread that ends.
    fn leave(&self, thread: ThreadId) {
        let gone: Vec<_> = self.lock().inline.extract_if(.., |(of, _)| *of == thread).collect();
        drop(gone);
    }

    fn stop(&self) -> Result<()> {
        let mut state = self.lock();
        let taken: Vec<_> = state.shared.take().into_iter().chain(state.inline.drain(..).map(|(_, own)| own)).collect();
        state.stopping.extend(taken.iter().map(|client| client.pool().clone()));
        // What another thread is stopping is waited for as well: when `stop` returns, nothing of it is left.
        let stopping = state.stopping.clone();
        drop(state);
        let mut outcome = Ok(());
        for pool in &stopping {
            outcome = outcome.and(pool.stop());
        }
        let is_stopped = |pool: &Pool| stopping.iter().any(|other| Arc::ptr_eq(other.core(), pool.core()));
        let gone: Vec<_> = self.lock().stopping.extract_if(.., |pool| is_stopped(pool)).collect();
        drop((gone, taken));
        outcome
    }
}

impl<T: Task> State<T> {
    fn find(&self, me: ThreadId) -> Option<&Client<T>> {
        let own = || self.inline.iter().find(|(thread, _)| *thread == me).map(|(_, client)| client);
        self.shared.as_ref().or_else(own)
    }
}

impl<T: Task> fmt::Debug for TaskHome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHome").field("task", &T::NAME).finish_non_exhaustive()
    }
}

/// The thread that holds this is starting the pool.
struct Starting<'a, T: Task>(&'a TaskHome<T>);

impl<T: Task> Drop for Starting<'_, T> {
    fn drop(&mut self) {
        self.0.lock().starting = false;
        self.0.changed.notify_all();
    }
}

thread_local! {
    static LEAVING: RefCell<Vec<Leaving>> = const { RefCell::new(Vec::new()) };
}

/// Takes the pool that a thread has of a task with the thread.
struct Leaving {
    task: TypeId,
    thread: ThreadId,
    leave: fn(ThreadId),
}

impl Drop for Leaving {
    fn drop(&mut self) {
        (self.leave)(self.thread);
    }
}

fn leave_with_thread<T: Task>(thread: ThreadId) {
    let task = TypeId::of::<T>();
    // A thread that is being torn down already keeps its pool; nobody can call it any more.
    let _ = LEAVING.try_with(|leaving| {
        let mut leaving = leaving.borrow_mut();
        if leaving.iter().all(|known| known.task != task) {
            leaving.push(Leaving { task, thread, leave: |thread| T::home().leave(thread) });
        }
    });
}

/// The pool of a task that calls are made in now, started where there is none.
pub(super) fn client<T: Task>() -> Result<Client<T>> {
    loop {
        let client = T::home().client()?;
        if !client.pool().is_stopped() {
            return Ok(client);
        }
        T::home().forget(&client);
    }
}

/// Calls a task in its own pool; `patient` waits where there is no room in it, whatever its options say.
pub(super) fn call<T: Task, A: Args>(
    args: A,
    build: fn(A::Values) -> T::Message,
    patient: bool,
) -> TaskFuture<T::Output> {
    let mut args = args;
    loop {
        let client = match T::home().client() {
            Ok(client) if patient => client.patient(),
            Ok(client) => client,
            Err(error) => return Client::<T>::refuse(CALL, error),
        };
        match client.offer(CALL, args, build, T::decode().0) {
            Ok(future) => return future,
            Err(back) => {
                T::home().forget(&client);
                args = back;
            }
        }
    }
}

/// What a task's function is to its callers.
pub fn task_call<T: Task, A: Args>(args: A, build: fn(A::Values) -> T::Message) -> TaskFuture<T::Output> {
    call::<T, A>(args, build, false)
}

/// `stop` of a task.
///
/// # Errors
/// As [`Pool::stop`].
pub fn task_stop<T: Task>() -> Result<()> {
    T::home().stop()
}
