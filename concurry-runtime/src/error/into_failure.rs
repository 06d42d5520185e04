//! [`IntoFailure`]: errors of any type that are handed over by value, outside of generated code.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::ops::Deref;

use super::capture_traits::{ViaBox, ViaDeref};
use super::{Captured, Probe};

/// The error of a function that [`try_submit`](crate::TaskWorkerClient::try_submit) and its like run, or that a fake
/// [answers](crate::Answer::error) with: an error type, something that holds one (`anyhow::Error`,
/// `Box<dyn Error + Send + Sync>`), or a text.
///
/// `M` tells these apart and is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a task or of an answer",
    label = "not an error",
    note = "such an error is an `std::error::Error + Send + Sync + 'static`, a box of one such as `anyhow::Error`, a `String` or a `&'static str`"
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
