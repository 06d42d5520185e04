//! Limits across a link: what a worker process and its driver say to each other about them.
//!
//! In the worker, [`Remote`] stands for a keeper; in the driver, a [`Desk`] for each worker asks the real one on its
//! behalf. Both only make and take messages; what carries them is somebody else's matter, as long as they arrive in
//! the order in which they were sent. The worker numbers its requests. A request is answered once, unless it is cancelled
//! before; a grant that crosses with a cancellation goes back when the cancellation arrives at the desk.
//!
//! When the worker dies, or the link ends, the desk is closed: what the worker held is given back, it leaves all lines,
//! and what comes for it later goes back as unused.

mod desk;
mod worker;

use serde::{Deserialize, Serialize};

use super::keeper::{End, Grant};
use super::request::Request;
use super::stats::LimitSetStats;
use crate::error::Result;

pub(crate) use desk::Desk;
pub(crate) use worker::Remote;

/// What a worker process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Take this if that needs no waiting. Answered.
    Attempt { number: u64, task: u64, request: Request },
    /// Take this when it can be had. Answered then.
    Request { number: u64, task: u64, request: Request },
    /// A request is not waited for any more.
    Cancel { number: u64 },
    /// The true use of a rate.
    Update { grant: Grant, place: u32, used: u64 },
    /// A grant comes back.
    GiveBack { grant: Grant, end: End },
    /// How do the sets stand? Answered.
    Stats { number: u64 },
}

/// What its driver says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// To an attempt or a request; `None` where an attempt would have had to wait.
    Grant { number: u64, result: Result<Option<Grant>> },
    /// To the question for statistics.
    Stats { number: u64, result: Result<Vec<LimitSetStats>> },
}

#[cfg(test)]
mod tests;
