//! What becomes of what a function returned: a value as it is, or the `Ok` value of a result.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;

use crate::error::capture_traits::{ViaBox, ViaDeref};
use crate::error::{Captured, Probe};
use crate::worker::{Replied, Reply};

/// The error of a function that [`try_submit`](super::TaskWorkerClient::try_submit) and its like run: an error type,
/// something that holds one (`anyhow::Error`, `Box<dyn Error + Send + Sync>`), or a text.
///
/// `M` tells these apart and is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task",
    label = "not an error",
    note = "a task's error is an `std::error::Error + Send + Sync + 'static`, a box of one such as `anyhow::Error`, a `String` or a `&'static str`"
)]
pub trait IntoFailure<M>: 'static {
    #[doc(hidden)]
    fn into_failure(self) -> Captured;
}

/// Errors.
#[derive(Debug)]
pub struct Plain;

/// What holds an error.
#[derive(Debug)]
pub struct Held;

/// Texts.
#[derive(Debug)]
pub struct Text;

impl<E: StdError + Send + Sync + 'static> IntoFailure<Plain> for E {
    fn into_failure(self) -> Captured {
        ViaBox::capture(&Probe::of(&self), self)
    }
}

impl<E> IntoFailure<Held> for E
where
    E: Deref<Target = dyn StdError + Send + Sync> + Send + Sync + 'static,
{
    fn into_failure(self) -> Captured {
        ViaDeref::capture(&&&Probe::of(&self), self)
    }
}

macro_rules! texts {
    ($($text:ty)*) => {
        $(impl IntoFailure<Text> for $text {
            fn into_failure(self) -> Captured {
                ViaBox::capture(&Probe::of(&self), self)
            }
        })*
    };
}

texts! { String &'static str Cow<'static, str> }

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
