//! How rates are kept: the trait, and one file an algorithm.
//!
//! A [`Meter`] counts one rate. It knows neither keys nor waiters: it says whether an amount may pass now, or from when
//! on, and takes it. Two corrections come later. What was taken and not used is *given back*, but only as far as
//! the meter's guarantee allows: afterwards, the grants must look as if the true use had been asked for in the first
//! place. What was used beyond what was asked is *owed*: it cannot be undone, so it is paid off, as if it stood first in
//! line, before anything else passes.
//!
//! Times are given by the caller and never go back.

mod fixed_window;
mod gcra;
mod leaky_bucket;
mod level;
mod sliding_window;
mod token_bucket;

use serde::{Deserialize, Serialize};

use super::clock::Nanos;
use crate::error::Result;
use crate::words::{self, Words};

/// How a rate of `n` in a window is kept: what may pass in which time, and in what bursts.
///
/// Whichever it is, an amount beyond `n` can never pass. Guarantees are about what was used, where that is told by
/// [`Acquisition::update`](crate::Acquisition::update), else about what was asked; what is used beyond what was asked
/// comes on top, and is paid off before anything else passes.
///
/// ```
/// use concurry::prelude::*;
/// assert_eq!("gcra".parse::<RateAlgorithm>().unwrap(), RateAlgorithm::Gcra);
/// assert_eq!(RateAlgorithm::default().to_string(), "sliding_window");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RateAlgorithm {
    /// A bucket of `n` tokens, full at first, into which tokens drip at `n` a window; what passes takes tokens out
    /// (RFC 2215, section 3.6).
    ///
    /// In any time *t*, at most `n` + `n`·*t*/window pass. So the long-run rate holds, a burst is at most `n`, and a
    /// window that begins with a burst sees up to 2`n`.
    TokenBucket,
    /// A queue that drains at a constant `n` a window, used to smooth traffic (Turner, "New Directions in
    /// Communications", 1986; Tanenbaum, "Computer Networks").
    ///
    /// Nothing passes in bursts: after an amount *a*, nothing passes for *a*·window/`n`. In any time *t*, at most
    /// `n`·*t*/window pass, and one request more.
    LeakyBucket,
    /// A log of what has passed in the last window (the "sliding window log" of Xu, "System Design Interview", 2020,
    /// chapter 4).
    ///
    /// In *any* window, wherever it begins, at most `n` pass; a burst is at most `n`. Up to an `n` of 1024 nothing
    /// waits longer than that requires. Beyond, the log groups what passes within 1/1024 of a window, so that its
    /// size is bounded (32 KiB), and something may wait that much longer.
    #[default]
    SlidingWindow,
    /// A counter that starts anew with each window (Xu, the same chapter); windows follow each other from the first use of
    /// the set on.
    ///
    /// In each of these windows at most `n` pass. Across the border of two, a time as long as one window sees up to
    /// 2`n`.
    FixedWindow,
    /// The generic cell rate algorithm: one number, the theoretical arrival time of the next unit (ITU-T I.371;
    /// ATM Forum, UNI 3.1), with a tolerance that makes the burst `n`.
    ///
    /// It admits exactly what `TokenBucket` admits, at the same times: in any time *t*, at most `n` + `n`·*t*/window.
    Gcra,
}

impl Words for RateAlgorithm {
    const WHAT: &'static str = "rate algorithm";
    const TABLE: &'static [(Self, &'static [&'static str])] = &[
        (RateAlgorithm::TokenBucket, &["token_bucket", "token", "tokenbucket"]),
        (RateAlgorithm::LeakyBucket, &["leaky_bucket", "leaky", "leakybucket"]),
        (RateAlgorithm::SlidingWindow, &["sliding_window", "sliding", "slidingwindow"]),
        (RateAlgorithm::FixedWindow, &["fixed_window", "fixed", "fixedwindow"]),
        (RateAlgorithm::Gcra, &["gcra"]),
    ];
}

words::in_words!(RateAlgorithm);

/// A meter's own mark of when something was taken.
pub(crate) type Mark = u64;

/// What keeps one rate.
pub(crate) trait Meter: Send {
    /// `None` where `amount`, which is at most `n`, may pass now; else the first time at which it may if nothing passes
    /// before.
    fn ready_at(&mut self, now: Nanos, amount: u64) -> Option<Nanos>;
    /// Lets `amount` pass, which may.
    fn take(&mut self, now: Nanos, amount: u64) -> Mark;
    /// Of what was taken at `mark`, `amount` was not used.
    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64);
    /// `amount` more was used than was asked for.
    fn owe(&mut self, now: Nanos, amount: u64);
    /// How much may pass now.
    fn available(&mut self, now: Nanos) -> u64;
    /// How much has to be paid off before anything passes.
    fn owed(&mut self, now: Nanos) -> u64;
}

/// A meter for `n`, which is not zero, in `window` nanoseconds, which are neither zero nor more than 100 years.
pub(crate) fn meter(algorithm: RateAlgorithm, n: u64, window: Nanos, now: Nanos) -> Box<dyn Meter> {
    match algorithm {
        RateAlgorithm::TokenBucket => Box::new(token_bucket::TokenBucket::new(n, window, now)),
        RateAlgorithm::LeakyBucket => Box::new(leaky_bucket::LeakyBucket::new(n, window, now)),
        RateAlgorithm::SlidingWindow => Box::new(sliding_window::SlidingWindow::new(n, window)),
        RateAlgorithm::FixedWindow => Box::new(fixed_window::FixedWindow::new(n, window, now)),
        RateAlgorithm::Gcra => Box::new(gcra::Gcra::new(n, window, now)),
    }
}

#[cfg(test)]
mod tests;
