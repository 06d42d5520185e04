//! Taking a method's error of whatever type: what it can do (be encoded, be looked into) is found out by method
//! resolution on a [`Probe`], since generated code cannot ask the compiler whether a type has a trait.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Error, Failure};
use crate::wire::codec::{self, Codec};

/// An error of any type.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A method's error, not yet turned into an [`Error`]: whether it is to be encoded is decided by who asks.
pub struct Captured(Box<dyn FnOnce(Option<Codec>) -> Error>);

impl Captured {
    fn new(make: impl FnOnce(Option<Codec>) -> Error + 'static) -> Self {
        Captured(Box::new(make))
    }

    /// The error; with a codec also its encoding, to rebuild it in another process.
    pub(crate) fn into_error(self, codec: Option<Codec>) -> Error {
        (self.0)(codec)
    }
}

/// The error of a method or a constructor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a worker's function",
    label = "it is no `std::error::Error` and cannot be made one",
    note = "an error is whatever is `Into<Box<dyn std::error::Error + Send + Sync>>`: implement `std::error::Error` for the type, or use `String`, `anyhow::Error` or `Box<dyn Error + Send + Sync>` (`Box<dyn Error>` by itself cannot leave its thread)",
    note = "where this result is a plain value to be returned as it is, mark the function `#[worker(value)]`"
)]
pub trait MethodError: Into<BoxError> + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError> + 'static> MethodError for E {}

/// Stands for the error type `E` in the traits of [`capture_traits`].
pub struct Probe<E>(PhantomData<fn() -> E>);

impl<E> Probe<E> {
    /// A probe of the type that is named.
    #[allow(clippy::new_without_default, reason = "generated code alone makes these")]
    pub const fn new() -> Self {
        Probe(PhantomData)
    }

    /// A probe of the type of `error`, which need not be named.
    pub const fn of(_error: &E) -> Self {
        Probe(PhantomData)
    }
}

/// The traits that generated code brings into scope; `(&&&&probe).capture(e)` picks the best that `E` has.
pub mod capture_traits {
    use super::*;

    /// For fixed texts. Serde borrows these from what it reads, so they cannot be rebuilt; to the compiler they look as if
    /// they could be.
    pub trait ViaText<E> {
        #[doc(hidden)]
        fn capture(&self, error: E) -> Captured;
        #[doc(hidden)]
        fn decode(&self, _codec: Codec, _bytes: &[u8]) -> Option<BoxError> {
            None
        }
    }

    impl ViaText<&'static str> for &&&Probe<&'static str> {
        fn capture(&self, error: &'static str) -> Captured {
            Captured::new(move |_| Error::failed(error))
        }
    }

    /// For errors that hold another: boxes, `anyhow::Error`.
    pub trait ViaDeref<E> {
        #[doc(hidden)]
        fn capture(&self, error: E) -> Captured;
        #[doc(hidden)]
        fn decode(&self, _codec: Codec, _bytes: &[u8]) -> Option<BoxError> {
            None
        }
    }

    impl<E> ViaDeref<E> for &&Probe<E>
    where
        E: Deref<Target = dyn StdError + Send + Sync> + Send + Sync + 'static,
    {
        fn capture(&self, error: E) -> Captured {
            Captured::new(move |_| match error.downcast_ref::<Error>() {
                Some(own) => own.clone(),
                None => Error::from_failure(Failure::deref(error, std::any::type_name::<E>())),
            })
        }
    }

    /// For errors that can be encoded.
    pub trait ViaSerde<E> {
        #[doc(hidden)]
        fn capture(&self, error: E) -> Captured;
        #[doc(hidden)]
        fn decode(&self, codec: Codec, bytes: &[u8]) -> Option<BoxError>;
    }

    impl<E> ViaSerde<E> for &Probe<E>
    where
        E: Serialize + DeserializeOwned + Into<BoxError> + 'static,
    {
        fn capture(&self, error: E) -> Captured {
            Captured::new(move |codec| {
                // An error that cannot be encoded after all still arrives as a `RemoteError`.
                let encoded = codec.and_then(|codec| codec::checked(|| codec::encode(codec, &error)).ok());
                let boxed: BoxError = error.into();
                match boxed.downcast::<Error>() {
                    Ok(own) => *own,
                    Err(boxed) => Error::from_failure(Failure::encoded(boxed, std::any::type_name::<E>(), encoded)),
                }
            })
        }

        fn decode(&self, codec: Codec, bytes: &[u8]) -> Option<BoxError> {
            codec::decode::<E>(codec, bytes).ok().map(Into::into)
        }
    }

    /// For every other error.
    pub trait ViaBox<E> {
        #[doc(hidden)]
        fn capture(&self, error: E) -> Captured
        where
            E: MethodError;
        #[doc(hidden)]
        fn decode(&self, _codec: Codec, _bytes: &[u8]) -> Option<BoxError> {
            None
        }
    }

    impl<E> ViaBox<E> for Probe<E> {
        fn capture(&self, error: E) -> Captured
        where
            E: MethodError,
        {
            Captured::new(move |_| Error::failed(error))
        }
    }
}
