//! Fakes: a function of a test's answers in the place of workers, on the thread that makes the call.
//!
//! The function runs under no lock, so it may call its own client, and may run on several threads at once. It is let go
//! of when the pool has stopped, or when the last call is done that was running it then. Its panic is that of the call.

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::Answer;
use super::dismiss;
use super::inline::Inline;
use crate::call::Job;
use crate::error::Error;
use crate::panics;

static NEXT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The fakes whose functions this thread is inside of, by their numbers.
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// What answers for workers whose messages are `M`.
pub(crate) struct Fake<M, F> {
    /// None once the pool has stopped.
    answer: Mutex<Option<Arc<F>>>,
    key: u64,
    message: PhantomData<fn(M)>,
}

impl<M, F> Fake<M, F>
where
    M: Send + 'static,
    F: Fn(M) -> Answer + Send + Sync + 'static,
{
    pub(crate) fn new(answer: F) -> Self {
        Fake {
            answer: Mutex::new(Some(Arc::new(answer))),
            key: NEXT.fetch_add(1, Ordering::Relaxed),
            message: PhantomData,
        }
    }

    fn message(job: &Job) -> Result<Option<M>, Error> {
        let mut message: Option<M> = None;
        job.call().take_message(job.attempt(), &mut message as &mut dyn Any)?;
        Ok(message)
    }
}

impl<M, F> Inline for Fake<M, F>
where
    M: Send + 'static,
    F: Fn(M) -> Answer + Send + Sync + 'static,
{
    fn run(&self, job: &Job) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(answer) = answer else {
            job.give_up(Error::stopped());
            return false;
        };
        let _inside = Inside::of(self.key);
        match Self::message(job) {
            Ok(Some(message)) => match panics::caught(|| answer(message)) {
                Ok(answer) => answer.give(job),
                Err(error) => job.fail(error),
            },
            // It was settled meanwhile, and its message dropped.
            Ok(None) => {}
            Err(error) => job.give_up(error),
        }
        // The pool may have been stopped meanwhile, and this be the last of it.
        dismiss(answer);
        false
    }

    fn close(&self) {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        dismiss(answer);
    }

    fn is_inside(&self) -> bool {
        INSIDE.try_with(|inside| inside.borrow().contains(&self.key)).unwrap_or(false)
    }
}

impl<M, F> Drop for Fake<M, F> {
    fn drop(&mut self) {
        dismiss(self.answer.get_mut().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Says that this thread is inside a fake's function, until it goes.
struct Inside;

impl Inside {
    fn of(key: u64) -> Self {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().push(key));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.borrow_mut().pop());
    }
}
