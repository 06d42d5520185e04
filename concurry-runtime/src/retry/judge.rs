//! The decision: [`Policy`] and [`Verdict`], and which method has which policy.

use std::any::{Any, TypeId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::condition::{accepts, covers};
use super::{Attempt, Retry};
use crate::draw::Draw;
use crate::error::Error;
use crate::panics;

/// What an attempt has come to.
#[derive(Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// A value, of the method's own type. One that only exists as bytes must be decoded first if the policy
    /// [judges](Policy::judges) its type, and may be anything if not.
    Value(&'a dyn Any),
    /// An error.
    Error(&'a Error),
}

/// What comes of an attempt.
#[derive(Debug)]
#[must_use]
pub(crate) enum Verdict {
    /// The value stands.
    Accept,
    /// The call is tried again, this much later.
    Again {
        /// How much later.
        delay: Duration,
    },
    /// The error stands; it is to say after how many attempts.
    GiveUp,
    /// The value does not stand, or it cannot be told: this error does, which says after how many attempts. It still
    /// is to name worker and method.
    Refuse(Error),
}

/// A policy at work.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    retry: Arc<Retry>,
    /// Where it differs from the policy's own.
    num_retries: u32,
    /// Shared by all that were made of the same [`Retry`] of a pool.
    budget: Option<Arc<Budget>>,
    draw: Arc<Draw>,
}

impl Policy {
    pub(crate) fn new(retry: Retry) -> Self {
        let budget = retry.budget.map(|terms| Arc::new(Budget::new(terms)));
        Policy { num_retries: retry.num_retries, retry: Arc::new(retry), budget, draw: Arc::default() }
    }

    /// The same, with the same budget, but this many retries.
    pub(crate) fn with(&self, num_retries: u32) -> Self {
        Policy { num_retries, ..self.clone() }
    }

    #[cfg(test)]
    pub(super) fn retry(&self) -> &Retry {
        &self.retry
    }

    pub(crate) fn num_retries(&self) -> u32 {
        self.num_retries
    }

    /// Whether it looks at values of this type.
    pub(crate) fn judges(&self, value: TypeId) -> bool {
        self.retry.untils.iter().any(|until| until.type_id == value)
    }

    /// What comes of `attempt`, which has just ended. To be asked once after every attempt, also one that ended well,
    /// since those earn the retries of others. Calls the user's conditions, so no lock may be held.
    pub(crate) fn after(&self, outcome: Outcome<'_>, attempt: &Attempt) -> Verdict {
        let wanted = catch_unwind(AssertUnwindSafe(|| match outcome {
            Outcome::Value(value) => !accepts(&self.retry.untils, value),
            // What has no tries left is not worth a question to the user's code.
            Outcome::Error(error) => self.has_tries(attempt) && covers(&self.retry.conditions, error, attempt),
        }));
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(payload) => {
                let said = panics::message(&*payload);
                // The payload is the user's, and its destructor may panic too.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
                self.settle(attempt);
                return Verdict::Refuse(puzzled(outcome, &said, attempt));
            }
        };
        if wanted && self.has_tries(attempt) && self.is_paid(attempt) {
            return Verdict::Again { delay: self.retry.delay_by(&self.draw, attempt.number) };
        }
        if !wanted || !self.has_tries(attempt) {
            self.settle(attempt);
        }
        match outcome {
            Outcome::Value(_) if !wanted => Verdict::Accept,
            Outcome::Value(_) => Verdict::Refuse(
                Error::invalid(format!(
                    "its value was refused by the `until` of its retry policy{}",
                    self.why(attempt)
                ))
                .after_attempts(attempt.number),
            ),
            Outcome::Error(_) => Verdict::GiveUp,
        }
    }

    fn has_tries(&self, attempt: &Attempt) -> bool {
        attempt.number <= self.num_retries
    }

    fn is_paid(&self, attempt: &Attempt) -> bool {
        match &self.budget {
            None => true,
            Some(budget) if attempt.number <= 1 => budget.earn_and_spend(),
            Some(budget) => budget.spend(),
        }
    }

    /// A first attempt without a retry earns one for others.
    fn settle(&self, attempt: &Attempt) {
        if let Some(budget) = self.budget.as_deref().filter(|_| attempt.number <= 1) {
            budget.earn();
        }
    }

    fn why(&self, attempt: &Attempt) -> &'static str {
        if self.has_tries(attempt) { ", and the budget for retries is spent" } else { "" }
    }
}

/// The user's condition panicked, so nobody can say what should come of it.
fn puzzled(outcome: Outcome<'_>, said: &str, attempt: &Attempt) -> Error {
    let message = match outcome {
        Outcome::Value(_) => format!("the `until` of its retry policy panicked: {said}"),
        Outcome::Error(error) => {
            format!("the `retry_if` of its retry policy panicked: {said}; what it was asked about was: {error}")
        }
    };
    Error::invalid(message).after_attempts(attempt.number)
}

/// The policy of each method of a pool; one without is tried once.
#[derive(Clone, Default, Debug)]
pub(crate) struct Retries(Vec<Option<Policy>>);

impl Retries {
    /// Of the policies in the order of the methods. One that never tries again is as good as none.
    pub(crate) fn new(policies: impl IntoIterator<Item = Option<Policy>>) -> Self {
        let kept = |policy: &Policy| policy.num_retries > 0 || !policy.retry.untils.is_empty();
        Retries(policies.into_iter().map(|policy| policy.filter(kept)).collect())
    }

    /// The policy of the method with this number.
    pub(crate) fn of(&self, method: usize) -> Option<&Policy> {
        self.0.get(method)?.as_ref()
    }
}
