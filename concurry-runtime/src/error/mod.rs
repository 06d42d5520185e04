//! Everything that can go wrong with a call or a pool: [`Error`].

mod capture;
mod death;
mod describe;
mod failure;
mod into_failure;
mod names;
mod wire;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::iter;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

pub use capture::{BoxError, Captured, MethodError, Probe, capture_traits};
pub(crate) use death::Death;
pub(crate) use describe::Indented;
pub use failure::{Failure, RemoteError};
pub use into_failure::IntoFailure;
pub(crate) use wire::Told;

/// A result of concurry's; the error type may be given to make it any result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A name in an error: a worker's type or a method.
pub type Name = Cow<'static, str>;

/// What a timeout was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum TimeoutScope {
    /// The call itself took longer than its timeout allows; it is resolved.
    Call,
    /// Only the wait ended (`result_within`, `gather(..).timeout(..)`, `acquire_within`); the call goes on.
    Wait,
}

impl fmt::Display for TimeoutScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeoutScope::Call => "call",
            TimeoutScope::Wait => "wait",
        })
    }
}

/// Why a call has no value, or why a pool could not be made.
///
/// Every message names the worker's type, the method and, where there is one, the remedy. `{:#}` adds what is behind it: the
/// causes of a method's own error, the last lines that a dead process wrote to its stderr. Cloning is cheap: the method's
/// own error is shared, not copied.
///
/// ```
/// use concurry::Error;
/// let error = Error::failed(std::io::Error::other("disk on fire"));
/// assert!(matches!(error, Error::Failed { .. }));
/// assert!(error.is::<std::io::Error>());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The method returned an error of its own; [`Error::downcast_ref`] gives it back.
    #[non_exhaustive]
    Failed {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// The method's error.
        source: Failure,
        /// How often the call was tried.
        attempts: u32,
    },
    /// The method panicked. The worker has been built anew.
    #[non_exhaustive]
    Panicked {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// What the panic said.
        message: String,
        /// Where it panicked, as `file:line:column`.
        location: String,
        /// How often the call was tried.
        attempts: u32,
    },
    /// The worker died while it ran this call, or no worker is left to run it.
    #[non_exhaustive]
    WorkerDied {
        /// The worker's type, with its index where it is known.
        worker: Name,
        /// The method.
        method: Name,
        /// How it ended, such as `killed by signal 9 (SIGKILL)`.
        status: String,
        /// The last that its process had written to its stderr: at most 20 lines and 4 KiB, without the frames of
        /// backtraces. Empty for a worker without a process of its own, and with `capture_stderr` off. What the call
        /// itself wrote is the last of it; what is before may be older. `{:#}` shows it behind the message.
        stderr: Arc<str>,
        /// How often the call was tried.
        attempts: u32,
    },
    /// A worker could not be started or its constructor failed.
    #[non_exhaustive]
    InitFailed {
        /// The worker's type.
        worker: Name,
        /// What went wrong.
        message: String,
        /// The constructor's own error, where it returned one.
        source: Option<Failure>,
    },
    /// The call was cancelled before it began, or while it waited for limits, or its future was dropped while it ran
    /// (mode `async`).
    #[non_exhaustive]
    Cancelled {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
    },
    /// Time ran out.
    #[non_exhaustive]
    TimedOut {
        /// For the call itself, or only for the wait.
        scope: TimeoutScope,
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// How long was allowed.
        after: Option<Duration>,
        /// How often the call was tried.
        attempts: u32,
    },
    /// The pool was stopped before the call was run.
    #[non_exhaustive]
    Stopped {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
    },
    /// The pool had as many unresolved calls as its option `max_pending` allows, and the call was not accepted.
    #[non_exhaustive]
    Full {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// How many unresolved calls the pool may have.
        max_pending: usize,
    },
    /// What was asked for cannot be done here: a mode, a feature, a platform.
    #[non_exhaustive]
    Unsupported {
        /// What, and what to do instead.
        message: String,
    },
    /// A value that the rules do not allow: an index out of range, a value that a retry's `until` never accepted.
    #[non_exhaustive]
    Invalid {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// What is wrong with it.
        message: String,
        /// How often the call was tried.
        attempts: u32,
    },
    /// An argument or a result could not be encoded or decoded. The worker lives on.
    #[non_exhaustive]
    Codec {
        /// The worker's type.
        worker: Name,
        /// The method.
        method: Name,
        /// What the codec said, and what to do about it.
        message: String,
    },
    /// A limit that can never be met, or is not there.
    #[non_exhaustive]
    Limit {
        /// The worker's type; empty outside of calls.
        worker: Name,
        /// The method; empty outside of calls.
        method: Name,
        /// What is wrong with the request.
        message: String,
    },
    /// A setting that cannot be: names its source, its value and what is allowed.
    #[non_exhaustive]
    Config {
        /// What is wrong with the setting.
        message: String,
    },
    /// The Ray cluster, or the way to it, failed.
    #[non_exhaustive]
    Ray {
        /// What went wrong there.
        message: String,
    },
}

const NOWHERE: Name = Cow::Borrowed("");

impl Error {
    /// An error of a user's own, as if a method had returned it.
    pub fn failed<E>(error: E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let type_name = std::any::type_name::<E>();
        let boxed: Box<dyn std::error::Error + Send + Sync> = error.into();
        match boxed.downcast::<Error>() {
            Ok(own) => *own,
            Err(boxed) => Error::from_failure(Failure::boxed(boxed, type_name)),
        }
    }

    pub(crate) fn from_failure(source: Failure) -> Self {
        Error::Failed { worker: NOWHERE, method: NOWHERE, source, attempts: 1 }
    }

    pub(crate) fn panicked(message: String, location: String) -> Self {
        Error::Panicked { worker: NOWHERE, method: NOWHERE, message, location, attempts: 1 }
    }

    pub(crate) fn worker_died(death: impl Into<Death>) -> Self {
        let Death { status, stderr } = death.into();
        Error::WorkerDied { worker: NOWHERE, method: NOWHERE, status, stderr, attempts: 1 }
    }

    pub(crate) fn init_failed(message: impl Into<String>) -> Self {
        Error::InitFailed { worker: NOWHERE, message: message.into(), source: None }
    }

    pub(crate) fn cancelled() -> Self {
        Error::Cancelled { worker: NOWHERE, method: NOWHERE }
    }

    pub(crate) fn stopped() -> Self {
        Error::Stopped { worker: NOWHERE, method: NOWHERE }
    }

    pub(crate) fn full(max_pending: usize) -> Self {
        Error::Full { worker: NOWHERE, method: NOWHERE, max_pending }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Error::Unsupported { message: message.into() }
    }

    /// The Ray cluster, or the way to it, failed.
    #[cfg(feature = "ray")]
    pub(crate) fn ray(message: impl Into<String>) -> Self {
        Error::Ray { message: message.into() }
    }

    /// The system refused what a worker needs; where that has a bound, it is named.
    pub(crate) fn refused(what: impl fmt::Display, error: &io::Error) -> Self {
        let bound = match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EAGAIN) => {
                " (`ulimit -u`, and the control group, bound how many processes and threads there can be)"
            }
            Some(Errno::EMFILE | Errno::ENFILE) => " (`ulimit -n` bounds how many descriptors there can be)",
            _ => "",
        };
        Error::init_failed(format!("{what}: {error}{bound}"))
    }

    /// In a fork of the process that made a pool.
    pub(crate) fn in_a_fork() -> Self {
        Error::unsupported(
            "this process is a fork of one that has made pools, and has none of its threads; use pools in the parent, or in a program that the fork starts by `exec`",
        )
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::Invalid { worker: NOWHERE, method: NOWHERE, message: message.into(), attempts: 1 }
    }

    pub(crate) fn codec(message: impl Into<String>) -> Self {
        Error::Codec { worker: NOWHERE, method: NOWHERE, message: message.into() }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Error::Limit { worker: NOWHERE, method: NOWHERE, message: message.into() }
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Error::Config { message: message.into() }
    }

    pub(crate) fn timed_out(scope: TimeoutScope, after: Option<Duration>) -> Self {
        Error::TimedOut { scope, worker: NOWHERE, method: NOWHERE, after, attempts: 1 }
    }

    /// The same error, saying after how many attempts it was given up.
    pub(crate) fn after_attempts(mut self, tried: u32) -> Self {
        match &mut self {
            Error::Failed { attempts, .. }
            | Error::Panicked { attempts, .. }
            | Error::WorkerDied { attempts, .. }
            | Error::TimedOut { attempts, .. }
            | Error::Invalid { attempts, .. } => *attempts = tried,
            _ => {}
        }
        self
    }

    fn failure(&self) -> Option<&Failure> {
        match self {
            Error::Failed { source, .. } | Error::InitFailed { source: Some(source), .. } => Some(source),
            _ => None,
        }
    }

    /// The method's own error, if it is an `E` or an `E` is among its causes.
    ///
    /// Modes that share memory keep the error itself; from a process it comes back where `E` is serializable, else
    /// as a [`RemoteError`].
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        let mut causes =
            iter::successors(self.failure().map(Failure::error), |&error| match error.downcast_ref::<Error>() {
                // One of ours inside of another error, whose `source` leaves the method's own error out.
                Some(inner) => inner.failure().map(Failure::error),
                None => error.source(),
            });
        causes.find_map(|error| error.downcast_ref::<E>())
    }

    /// Whether the method's own error is an `E`, has one among its causes, or is a [`RemoteError`] of that name.
    pub fn is<E: std::error::Error + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
            || self.downcast_ref::<RemoteError>().is_some_and(|remote| remote.type_name == std::any::type_name::<E>())
    }

    /// Whether trying again may help: what died, panicked, timed out, found a pool full or failed for a reason of the
    /// moment.
    ///
    /// A method's own error counts as transient unless it is an [`io::Error`] of a kind that stays, such as
    /// `NotFound` or `PermissionDenied`.
    pub fn is_transient(&self) -> bool {
        use io::ErrorKind::{InvalidInput, NotFound, PermissionDenied, Unsupported};
        match self {
            Error::Panicked { .. }
            | Error::WorkerDied { .. }
            | Error::TimedOut { .. }
            | Error::Full { .. }
            | Error::Ray { .. } => true,
            Error::Failed { .. } => !self
                .downcast_ref::<io::Error>()
                .is_some_and(|error| matches!(error.kind(), NotFound | PermissionDenied | InvalidInput | Unsupported)),
            _ => false,
        }
    }

    pub(crate) fn is_failed(&self) -> bool {
        matches!(self, Error::Failed { .. })
    }

    pub(crate) fn is_panicked(&self) -> bool {
        matches!(self, Error::Panicked { .. })
    }

    pub(crate) fn is_worker_died(&self) -> bool {
        matches!(self, Error::WorkerDied { .. })
    }

    pub(crate) fn is_timed_out(&self) -> bool {
        matches!(self, Error::TimedOut { .. })
    }

    /// The wait for `what`, which is not a call, took longer than `after`.
    pub(crate) fn timed_out_waiting(what: impl Into<Name>, after: Option<Duration>) -> Self {
        Error::timed_out(TimeoutScope::Wait, after).at(what, NOWHERE)
    }
}

impl std::error::Error for Error {
    /// What the method's own error comes from. That error itself is told by this one's text already, and whoever shows a
    /// whole chain would show it twice; [`Error::downcast_ref`] gives it.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure()?.error().source()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::failed(error)
    }
}

#[cfg(test)]
mod tests;
