//! What a policy tries again: errors by their type or as a closure says, values that a closure refuses.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use super::Attempt;
use crate::error::Error;

/// What a user says of an error.
type OfError = dyn Fn(&Error, &Attempt) -> bool + Send + Sync;
/// What a user says of a value whose type is forgotten.
type OfValue = dyn Fn(&dyn Any) -> bool + Send + Sync;

/// Which errors are tried again; any one of a policy's suffices.
#[derive(Clone)]
pub(super) enum Condition {
    /// The method's own error is of a type, or comes from another process and bears its name.
    On { type_name: &'static str, is: fn(&Error) -> bool },
    /// A closure says so.
    If(Arc<OfError>),
}

impl Condition {
    pub(super) fn on<E: std::error::Error + 'static>() -> Self {
        Condition::On { type_name: std::any::type_name::<E>(), is: |error| error.is::<E>() }
    }

    fn covers(&self, error: &Error, attempt: &Attempt) -> bool {
        match self {
            Condition::On { is, .. } => is(error),
            Condition::If(says) => says(error, attempt),
        }
    }
}

/// Whether `error` is one to try again: by any of `conditions`, or where there are none, as all policies do.
pub(super) fn covers(conditions: &[Condition], error: &Error, attempt: &Attempt) -> bool {
    // Nobody is left who wants the result, or nobody is left who could make it.
    if matches!(error, Error::Cancelled { .. } | Error::Stopped { .. }) {
        return false;
    }
    if conditions.is_empty() {
        return error.is_failed() || error.is_panicked() || error.is_worker_died() || error.is_timed_out();
    }
    conditions.iter().any(|condition| condition.covers(error, attempt))
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::On { type_name, .. } => write!(f, "on {type_name}"),
            Condition::If(_) => f.write_str("retry_if"),
        }
    }
}

/// Which values of one type are accepted.
#[derive(Clone)]
pub(super) struct Until {
    pub(super) type_id: TypeId,
    pub(super) type_name: &'static str,
    says: Arc<OfValue>,
}

impl Until {
    pub(super) fn new<T: 'static>(says: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        Until {
            type_id: TypeId::of::<T>(),
            type_name: std::any::type_name::<T>(),
            // Of another type it has nothing to say, and so nothing against it.
            says: Arc::new(move |value| value.downcast_ref::<T>().is_none_or(&says)),
        }
    }
}

/// Whether `value` is accepted by all that have something to say of its type.
pub(super) fn accepts(untils: &[Until], value: &dyn Any) -> bool {
    untils.iter().all(|until| (until.says)(value))
}

impl fmt::Debug for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until, of {}", self.type_name)
    }
}
