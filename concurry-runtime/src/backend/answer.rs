//! [`Answer`]: what a fake says becomes of a call.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::Location;

use super::dismiss;
use crate::call::Job;
use crate::error::{Error, IntoFailure};

/// What becomes of a call to a fake client, which is a client without workers: `CpuWorkerClient::fake(|call| ..)`, for
/// each type with `#[worker]`.
///
/// Methods have results of different types, so the type of a value is compared when the call is made. Where it is not
/// the method's own, the call resolves to [`Error::Invalid`], which names worker, method and both types. A number
/// without a type is an `i32`: write `7u64`.
///
/// ```
/// use concurry::prelude::*;
/// use concurry::{Answer, Error};
///
/// #[derive(Default)]
/// struct CpuWorker;
///
/// #[worker(mode = "process", max_workers = 8)]
/// impl CpuWorker {
///     pub fn compute(&self, x: u64) -> u64 {
///         x * x
///     }
///     pub fn save(&self, path: &str) -> Result<(), std::io::Error> {
///         std::fs::write(path, "7")
///     }
/// }
///
/// let fake = CpuWorkerClient::fake(|call| match call {
///     CpuWorkerMessage::Compute { x: 0 } => Answer::died(),
///     CpuWorkerMessage::Compute { x } => Answer::value(x + 1),
///     CpuWorkerMessage::Save { .. } => Answer::error(std::io::Error::other("the disk is full")),
/// });
/// assert_eq!(fake.compute(7).result()?, 8);
/// assert!(matches!(fake.compute(0).result(), Err(Error::WorkerDied { .. })));
/// assert!(fake.save("/etc/seven").result().unwrap_err().is::<std::io::Error>());
/// # Ok::<(), concurry::Error>(())
/// ```
#[must_use = "an answer does nothing unless the fake returns it"]
pub struct Answer(What);

enum What {
    Value {
        /// An `Option` of the value's type.
        value: Box<dyn Any + Send>,
        of: TypeId,
        name: &'static str,
    },
    Error(Error),
}

impl Answer {
    /// The method returns `value`; where it returns a `Result`, `value` is what the `Ok` holds.
    pub fn value<T: Send + 'static>(value: T) -> Self {
        Answer(What::Value { value: Box::new(Some(value)), of: TypeId::of::<T>(), name: type_name::<T>() })
    }

    /// The method returns `error`, of whatever type; the call resolves to [`Error::Failed`], whose
    /// [`downcast_ref`](Error::downcast_ref) gives it back. An [`Error`] of concurry's own is passed on as it is.
    pub fn error<E: IntoFailure<M>, M>(error: E) -> Self {
        Answer(What::Error(error.into_failure().into_error(None)))
    }

    /// The method panics with `message` at the place of this call; the call resolves to [`Error::Panicked`]. No panic
    /// happens.
    #[track_caller]
    pub fn panic(message: impl Into<String>) -> Self {
        Answer(What::Error(Error::panicked(message.into(), Location::caller().to_string())))
    }

    /// The worker dies of the call, which resolves to [`Error::WorkerDied`]. The fake takes further calls, as a pool does
    /// that has started the worker again.
    pub fn died() -> Self {
        Answer(What::Error(Error::worker_died("its fake answered that it died")))
    }

    /// Brings the call of `job` to this.
    pub(super) fn give(self, job: &Job) {
        match self.0 {
            What::Error(error) => job.fail(error),
            What::Value { mut value, of, name } => {
                let (expected, expected_name) = job.call().value_type();
                if of == expected {
                    job.complete(&mut *value);
                } else {
                    job.give_up(Error::invalid(format!(
                        "its fake answered with a value of type `{name}`, but the method's values are of type `{expected_name}`; say `Answer::value::<{expected_name}>(..)`"
                    )));
                }
                // Where nobody took it, its destructor is the user's.
                dismiss(value);
            }
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            What::Value { name, .. } => f.debug_tuple("Answer::Value").field(name).finish(),
            What::Error(error) => f.debug_tuple("Answer::Error").field(error).finish(),
        }
    }
}
