//! What was asked for, and what it came to.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use concurry::Error;

/// The figures of a pool, or of all of them.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) submitted: AtomicU64,
    pub(crate) resolved: AtomicU64,
    pub(crate) values: AtomicU64,
    pub(crate) errors: Mutex<BTreeMap<&'static str, u64>>,
    /// What must not have happened, as far as there is room for it.
    pub(crate) wrong: Mutex<Vec<String>>,
}

/// What may come of a call, besides what it is for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) death: bool,
    pub(crate) cancelled: bool,
    pub(crate) timeout: bool,
    pub(crate) stopped: bool,
}

impl Books {
    /// A call is made.
    pub(crate) fn submit(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    /// A call came to something; whatever that is, this happens once.
    pub(crate) fn resolve(&self) {
        self.resolved.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn complain(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if wrong.len() < 100 {
            wrong.push(what);
        }
    }

    /// Looks at an error that has nothing to do with what the call is for.
    pub(crate) fn judge(&self, error: &Error, allowed: Allowed, what: &str) {
        let (kind, allowed) = match error {
            // Of nothing but what is done to them.
            Error::WorkerDied { status, .. } => ("died", allowed.death && status.contains("SIGKILL")),
            Error::Cancelled { .. } => ("cancelled", allowed.cancelled),
            Error::TimedOut { .. } => ("timed out", allowed.timeout),
            Error::Stopped { .. } => ("stopped", allowed.stopped),
            Error::Failed { .. } => ("failed", false),
            Error::Panicked { .. } => ("panicked", false),
            _ => ("other", false),
        };
        self.count(kind);
        if !allowed {
            self.complain(format!("{what}: {error}"));
        }
    }

    pub(crate) fn value(&self) {
        self.values.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, kind: &'static str) {
        *self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    /// Adds another's figures to these.
    pub(crate) fn take_in(&self, other: &Books) {
        self.submitted.fetch_add(other.submitted.load(Ordering::SeqCst), Ordering::SeqCst);
        self.resolved.fetch_add(other.resolved.load(Ordering::SeqCst), Ordering::SeqCst);
        self.values.fetch_add(other.values.load(Ordering::SeqCst), Ordering::SeqCst);
        for (kind, count) in other.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            *self.errors.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(kind).or_default() += count;
        }
        for what in other.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..) {
            self.complain(what);
        }
    }
}
