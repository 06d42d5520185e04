//! How an [`Error`] reads.

use std::fmt::{self, Display, Formatter};
use std::iter;
use std::time::Duration;

use super::{Error, Failure, Name, TimeoutScope};

/// `Worker::method`, or whichever of the two is known.
struct Place<'a>(&'a Name, &'a Name);

impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.0.is_empty(), self.1.is_empty()) {
            (true, true) => f.write_str("a call"),
            (true, false) => write!(f, "{}", self.1),
            (false, true) => write!(f, "{}", self.0),
            // A task's method is called as the task is.
            (false, false) if self.0.split('[').next() == Some(&**self.1) => write!(f, "{}", self.0),
            (false, false) => write!(f, "{}::{}", self.0, self.1),
        }
    }
}

/// `Worker::method: `, or nothing for what is about no call.
struct Of<'a>(&'a Name, &'a Name);

impl Display for Of<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() && self.1.is_empty() { Ok(()) } else { write!(f, "{}: ", Place(self.0, self.1)) }
    }
}

/// ` (gave up after 3 attempts)`, or nothing for a call that was tried once.
struct Tries(u32);

impl Display for Tries {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 > 1 { write!(f, " (gave up after {} attempts)", self.0) } else { Ok(()) }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Error::Failed { worker, method, source, attempts } => {
                if !(worker.is_empty() && method.is_empty()) {
                    write!(f, "{} failed: ", Place(worker, method))?;
                }
                write!(f, "{source}{}{}", Causes(source, f.alternate()), Tries(*attempts))
            }
            Error::Panicked { worker, method, message, location, attempts } => {
                let at = if location.is_empty() { "an unknown place" } else { location };
                write!(f, "{} panicked at {at}: {message}{}", Place(worker, method), Tries(*attempts))
            }
            Error::WorkerDied { worker, method, status, stderr, attempts } => {
                write!(f, "{}: the worker died: {status}{}", Place(worker, method), Tries(*attempts))?;
                if f.alternate() && !stderr.is_empty() {
                    write!(f, "; it wrote to stderr:{}", Indented(stderr))?;
                }
                Ok(())
            }
            Error::InitFailed { worker, message, source } => {
                let what: &str = if worker.is_empty() { "a worker" } else { worker };
                match source {
                    Some(source) => {
                        let causes = Causes(source, f.alternate());
                        write!(f, "{what} could not be started: {message}: {source}{causes}")
                    }
                    None => write!(f, "{what} could not be started: {message}"),
                }
            }
            Error::Cancelled { worker, method } => {
                write!(f, "{} was cancelled", Place(worker, method))
            }
            Error::TimedOut { scope: TimeoutScope::Call, worker, method, after, attempts } => {
                write!(f, "{} timed out{}{}", Place(worker, method), After(*after), Tries(*attempts))
            }
            Error::TimedOut { scope: TimeoutScope::Wait, worker, method, after, .. } => {
                write!(f, "waiting for {} timed out{}", Place(worker, method), After(*after))
            }
            Error::Stopped { worker, method } => write!(
                f,
                "{} was not run to its end: its pool is stopped; make a new pool, or stop this one after the last result",
                Place(worker, method)
            ),
            Error::Full { worker, method, max_pending } => write!(
                f,
                "{} was not accepted: {max_pending} {} not resolved, which is as many as `max_pending` allows; wait for some of them, raise it, or set `on_full` to `block`",
                Place(worker, method),
                if *max_pending == 1 { "call of its pool is" } else { "calls of its pool are" }
            ),
            Error::Invalid { worker, method, message, attempts } => {
                write!(f, "{}{message}{}", Of(worker, method), Tries(*attempts))
            }
            Error::Limit { worker, method, message } => write!(f, "{}{message}", Of(worker, method)),
            Error::Codec { worker, method, message } => write!(f, "{}: {message}", Place(worker, method)),
            Error::Unsupported { message } | Error::Config { message } | Error::Ray { message } => f.write_str(message),
        }
    }
}

/// What a failure comes from, if it is to be shown.
struct Causes<'a>(&'a Failure, bool);

impl Display for Causes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let first = if self.1 { self.0.error().source() } else { None };
        iter::successors(first, |cause| cause.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}

/// Lines of somebody else's, each on one of its own.
pub(crate) struct Indented<'a>(pub(crate) &'a str);

impl Display for Indented<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.lines().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

struct After(Option<Duration>);

impl Display for After {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |after| write!(f, " after {after:?}"))
    }
}
