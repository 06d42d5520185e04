//! [`Retry`]: what a user says about retries.

use std::any::TypeId;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::Attempt;
use super::backoff::{Backoff, Growth};
use super::budget::Terms;
use super::condition::{Condition, Until};
use crate::draw::{self, Draw};
use crate::error::Error;

/// How calls that did not succeed are tried again, for `.retry(..)` and `.retry_method("name", ..)` of a builder.
///
/// A call is tried once and then again up to [`num_retries`](Self::num_retries) times, 3 unless told otherwise, after
/// delays that grow with the attempts. It is tried again where it failed, panicked, timed out or its worker died; where
/// [`on`](Self::on) or [`retry_if`](Self::retry_if) is given, only for what they name. A call that was cancelled or
/// whose pool is stopped is not. While a retry waits, its worker is free for other calls, and no limit is held.
///
/// Without any `Retry` (and without `num_retries`, which is `Retry::exponential()` with that number) a call is tried
/// once.
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use concurry::Error;
/// use concurry::prelude::*;
///
/// let retry = Retry::exponential()
///     .num_retries(5)
///     .wait(Duration::from_millis(100))
///     .max_wait(Duration::from_secs(10))
///     .on::<io::Error>()
///     .retry_if(|error, attempt| matches!(error, Error::WorkerDied { .. }) && attempt.number < 3);
/// assert!(retry.delay(1) <= Duration::from_millis(100));
/// assert!(retry.delay(40) <= Duration::from_secs(10));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a retry policy does nothing until a builder has it"]
pub struct Retry {
    pub(super) num_retries: u32,
    pub(super) backoff: Backoff,
    pub(super) conditions: Vec<Condition>,
    pub(super) untils: Vec<Until>,
    pub(super) budget: Option<Terms>,
}

impl Retry {
    fn growing(growth: Growth) -> Self {
        Retry {
            num_retries: 3,
            backoff: Backoff { growth, wait: Duration::from_secs(1), max_wait: None, jitter: 0.3 },
            conditions: Vec::new(),
            untils: Vec::new(),
            budget: Some(Terms::default()),
        }
    }

    /// Delays that double: after `n` failed attempts, `wait × 2ⁿ⁻¹`. With the defaults 1 s, 2 s and 4 s.
    pub fn exponential() -> Self {
        Retry::growing(Growth::Exponential)
    }

    /// Delays that grow evenly: after `n` failed attempts, `wait × n`. With the defaults 1 s, 2 s and 3 s.
    pub fn linear() -> Self {
        Retry::growing(Growth::Linear)
    }

    /// Delays that stay the same: `wait`.
    pub fn fixed() -> Self {
        Retry::growing(Growth::Fixed)
    }

    /// Delays of which each is the sum of the two before it: after `n` failed attempts, `wait` times the `n`-th of 1, 1,
    /// 2, 3, 5, 8 and so on. Slower than doubling.
    pub fn fibonacci() -> Self {
        Retry::growing(Growth::Fibonacci)
    }

    /// How often a call is tried again after its first attempt; 3 unless told otherwise, and 0 for never.
    pub fn num_retries(mut self, num_retries: u32) -> Self {
        self.num_retries = num_retries;
        self
    }

    /// The first delay, from which the others grow; 1 s unless told otherwise.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.backoff.wait = wait;
        self
    }

    /// The longest delay; without it there is none. It is applied before the jitter, so delays that have reached it
    /// still differ, and none is longer.
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.backoff.max_wait = Some(max_wait);
        self
    }

    /// Which part of a delay is left to chance, from 0 to 1; 0.3 unless told otherwise. With 0.3 a delay is what the
    /// formula says less up to 30 %, all equally likely; with 0 it is exact, and with 1 anything from 0 on (the "full
    /// jitter" of Brooker, "Exponential Backoff And Jitter", 2015). So calls that failed together come back one by one.
    ///
    /// What is outside of 0 to 1 is an [`Error::Config`] of `init`.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.backoff.jitter = jitter;
        self
    }

    /// Tries again where the method returned an `E`, or an `E` is among its error's causes. An error from a process whose
    /// type could not travel is known by its name. May be given several times, and with [`retry_if`](Self::retry_if): any
    /// one suffices. Once one is given, only what they name is tried again, no panic or death of a worker.
    pub fn on<E: std::error::Error + 'static>(mut self) -> Self {
        self.conditions.push(Condition::on::<E>());
        self
    }

    /// Tries again where `condition` says so of the error and of the attempt that has just ended. May be given several
    /// times, and with [`on`](Self::on): any one suffices.
    ///
    /// It is called on a thread of the runtime and should return at once. If it panics, the call resolves to
    /// [`Error::Invalid`], which says so.
    ///
    /// ```
    /// use concurry::Error;
    /// use concurry::prelude::*;
    /// let on_crashes = Retry::fixed().retry_if(|error, _| matches!(error, Error::WorkerDied { .. }));
    /// # drop(on_crashes);
    /// ```
    pub fn retry_if(mut self, condition: impl Fn(&Error, &Attempt) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Condition::If(Arc::new(condition)));
        self
    }

    /// Tries again where a method that returns `T` returned a value that `accepts` refuses; other methods are not
    /// concerned. Where none returns `T`, `init` is an [`Error::Config`]. When the last attempt's value is refused too,
    /// the call resolves to [`Error::Invalid`]. Several for the same `T` must all accept.
    ///
    /// Errors are tried again as ever. It is called as `retry_if` is.
    ///
    /// ```
    /// use concurry::prelude::*;
    /// let until_answered = Retry::fixed().until(|reply: &String| !reply.is_empty());
    /// # drop(until_answered);
    /// ```
    pub fn until<T: 'static>(mut self, accepts: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        self.untils.push(Until::new(accepts));
        self
    }

    /// How many retries the calls of a pool may make together, so that a service that is down is not hammered: each
    /// call earns `per_call` retries (from 0 to 1000), each retry costs one, and up to `reserve` are there from the
    /// beginning and can be saved. Where none is left, a call gives up though it has tries left.
    ///
    /// By default a call earns one, and 10 000 are in reserve: every call can be tried again once, whatever happens, and
    /// a pool must fail thousands of times before it gives up any earlier than told. `budget(0.2, 100)` is strict: about
    /// one retry in five calls.
    pub fn budget(mut self, per_call: f64, reserve: u32) -> Self {
        self.budget = Some(Terms { per_call, reserve });
        self
    }

    /// As many retries as it takes, whatever other calls do.
    pub fn without_budget(mut self) -> Self {
        self.budget = None;
        self
    }

    /// The delay that would be made after `attempt` failed attempts, so that `delay(1)` stands before the second one. It
    /// is drawn anew each time unless the jitter is 0. However large `attempt` is, it is 584 years at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use concurry::prelude::*;
    /// let retry = Retry::linear().wait(Duration::from_millis(10)).jitter(0.0);
    /// assert_eq!(retry.delay(3), Duration::from_millis(30));
    /// ```
    pub fn delay(&self, attempt: u32) -> Duration {
        static DRAW: LazyLock<Draw> = LazyLock::new(Draw::random);
        let draw = draw::seeded().map_or_else(|| DRAW.unit(), |seeds| seeds.unit());
        self.backoff.delay(attempt, draw)
    }

    /// The same, by what `draw` draws.
    pub(super) fn delay_by(&self, draw: &Draw, attempt: u32) -> Duration {
        self.backoff.delay(attempt, draw.unit())
    }

    /// What of it cannot be, as a sentence that begins with "its".
    pub(crate) fn check(&self) -> Result<(), String> {
        let jitter = self.backoff.jitter;
        if !(0.0..=1.0).contains(&jitter) {
            return Err(format!("its jitter is {jitter}, but from 0.0 to 1.0 are allowed"));
        }
        self.budget.as_ref().map_or(Ok(()), Terms::check)
    }

    /// The types that its `until`s speak of.
    pub(crate) fn until_types(&self) -> impl Iterator<Item = (TypeId, &'static str)> {
        self.untils.iter().map(|until| (until.type_id, until.type_name))
    }
}
