//! What becomes of what a function returned: a value as it is, or the `Ok` value of a result.

use std::marker::PhantomData;

use serde::Serialize;

use crate::error::IntoFailure;
use crate::worker::{Replied, Reply};

/// How a function's return becomes a reply.
pub(super) trait Outcome<R>: 'static {
    /// What the future gives.
    type Value: Send + 'static;
    fn reply(returned: R, reply: Reply<'_>) -> Replied;
}

/// The value itself, which may be encoded.
pub(super) struct Value;

impl<T: Serialize + Send + 'static> Outcome<T> for Value {
    type Value = T;
    fn reply(value: T, reply: Reply<'_>) -> Replied {
        reply.value(value)
    }
}

/// The value itself, which stays in this process.
pub(super) struct LocalValue;

impl<T: Send + 'static> Outcome<T> for LocalValue {
    type Value = T;
    fn reply(value: T, reply: Reply<'_>) -> Replied {
        reply.local_value(value)
    }
}

/// The `Ok` value, which may be encoded.
pub(super) struct Try<M>(PhantomData<fn() -> M>);

impl<T, E, M> Outcome<Result<T, E>> for Try<M>
where
    T: Serialize + Send + 'static,
    E: IntoFailure<M>,
    M: 'static,
{
    type Value = T;
    fn reply(result: Result<T, E>, reply: Reply<'_>) -> Replied {
        match result {
            Ok(value) => reply.value(value),
            Err(error) => reply.failure(error.into_failure()),
        }
    }
}

/// The `Ok` value, which stays in this process.
pub(super) struct LocalTry<M>(PhantomData<fn() -> M>);

impl<T, E, M> Outcome<Result<T, E>> for LocalTry<M>
where
    T: Send + 'static,
    E: IntoFailure<M>,
    M: 'static,
{
    type Value = T;
    fn reply(result: Result<T, E>, reply: Reply<'_>) -> Replied {
        match result {
            Ok(value) => reply.local_value(value),
            Err(error) => reply.failure(error.into_failure()),
        }
    }
}
