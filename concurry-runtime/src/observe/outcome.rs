//! [`Outcome`]: what a call, or an attempt of one, came to, in a word.

use crate::error::Error;

/// What a call came to, by the names that timelines, spans and figures share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Failed,
    Panicked,
    WorkerDied,
    TimedOut,
    Cancelled,
    Stopped,
    /// What has to do with neither the method nor its worker: arguments that cannot travel, a value that was refused.
    Error,
}

impl Outcome {
    /// How many there are.
    pub(crate) const COUNT: usize = 8;

    pub(crate) const ALL: [Outcome; Self::COUNT] = [
        Outcome::Ok,
        Outcome::Failed,
        Outcome::Panicked,
        Outcome::WorkerDied,
        Outcome::TimedOut,
        Outcome::Cancelled,
        Outcome::Stopped,
        Outcome::Error,
    ];

    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Failed { .. } => Outcome::Failed,
            Error::Panicked { .. } => Outcome::Panicked,
            Error::WorkerDied { .. } => Outcome::WorkerDied,
            Error::TimedOut { .. } => Outcome::TimedOut,
            Error::Cancelled { .. } => Outcome::Cancelled,
            Error::Stopped { .. } => Outcome::Stopped,
            _ => Outcome::Error,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Panicked => "panicked",
            Outcome::WorkerDied => "worker_died",
            Outcome::TimedOut => "timed_out",
            Outcome::Cancelled => "cancelled",
            Outcome::Stopped => "stopped",
            Outcome::Error => "error",
        }
    }
}

/// How many calls came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes([u64; Outcome::COUNT]);

impl Outcomes {
    pub(crate) fn add(&mut self, outcome: Outcome, calls: u64) {
        self.0[outcome as usize] += calls;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own += more);
    }

    /// Those of which there are any.
    pub(crate) fn each(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.0).filter(|(_, calls)| *calls > 0)
    }
}
