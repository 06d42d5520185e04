//! What the macro writes for a type: the [`Worker`] trait, and the means that its code uses.

use std::any::{Any, TypeId};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::call::Job;
use crate::config::Attributes;
use crate::context::CallContext;
use crate::error::{BoxError, Captured, Error};
use crate::run::Run;
use crate::wire::codec::{self, Codec};

/// One method of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Whether it takes `&mut self`.
    pub exclusive: bool,
    /// Whether it is an `async fn`.
    pub asynchronous: bool,
    /// What its own attribute says.
    pub said: Attributes,
    /// The type of its value, a result's being that of its `Ok`; none where it may be any.
    pub output: Option<fn() -> TypeId>,
}

/// What is known of a worker's type without having it.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name.
    pub(crate) name: &'static str,
    pub(crate) methods: &'static [Method],
}

/// Gives each worker its [`Kind`], once for all of its calls.
pub(crate) trait OfAKind: Worker {
    const KIND: &'static Kind = &Kind { name: Self::NAME, methods: Self::METHODS };
}

impl<W: Worker> OfAKind for W {}

/// What a type without an attribute on its `struct` has; the attribute gives it an inherent constant that wins.
pub trait NoDefaults {
    #[doc(hidden)]
    const __CONCURRY_DEFAULTS: Attributes = Attributes::NONE;
}

impl<T: ?Sized> NoDefaults for T {}

/// A type that runs as a worker. `#[worker]` implements it; nobody else does.
pub trait Worker: Sized + 'static {
    /// One variant a method, one field an argument.
    type Message: Send + 'static;
    /// The constructor's arguments.
    type Init: Clone + Send + Sync + 'static;
    /// The type's name.
    const NAME: &'static str;
    /// The methods, in the order of the messages' numbers.
    const METHODS: &'static [Method];
    /// What the attributes say.
    fn attributes() -> Attributes;
    /// Runs the constructor.
    fn construct(init: Self::Init) -> Run<'static, Result<Self, Error>>;
    /// Which method a message is for.
    fn method_of(message: &Self::Message) -> usize;
    /// A copy of a message, for another attempt; `None` where one of its arguments has no `Clone`.
    fn copy_message(message: &Self::Message) -> Option<Self::Message>;
    /// Calls a method that takes `&self`, or no `self` at all: the asynchronous ones can run side by side.
    fn share<'a>(&'a self, message: Self::Message, context: &'a CallContext, reply: Reply<'a>) -> Run<'a, Replied> {
        let _ = (message, context);
        reply.astray()
    }
    /// Calls a method that takes `&mut self`.
    fn own<'a>(&'a mut self, message: Self::Message, context: &'a CallContext, reply: Reply<'a>) -> Run<'a, Replied> {
        let _ = (message, context);
        reply.astray()
    }
    /// Runs a method to its end, whatever it is, and replies.
    #[inline]
    fn call(&mut self, message: Self::Message, context: &CallContext, reply: Reply<'_>) -> Replied {
        let method = Self::METHODS.get(Self::method_of(&message));
        let run = if method.is_some_and(|method| method.exclusive) {
            self.own(message, context, reply)
        } else {
            self.share(message, context, reply)
        };
        run.wait()
    }
    /// Makes a method's own error, or for [`INIT`] the constructor's, of its encoding, where that is possible.
    fn decode_error(method: usize, codec: Codec, bytes: &[u8]) -> Option<BoxError>;
    /// How messages travel; `None` for types that only run in modes that share memory.
    fn wire() -> Option<Wire<Self>>;
}

/// Encodes a value in so many bytes at most.
pub(crate) type Encode<T> = fn(Codec, &T, usize) -> Result<Vec<u8>, String>;

/// How a worker's messages travel to where its memory is not shared.
pub struct Wire<W: Worker> {
    pub(crate) codec: Codec,
    pub(crate) encode: Encode<W::Message>,
    pub(crate) decode: fn(Codec, &[u8]) -> Result<W::Message, String>,
    pub(crate) encode_init: Encode<W::Init>,
    pub(crate) decode_init: fn(Codec, &[u8]) -> Result<W::Init, String>,
}

impl<W: Worker> Clone for Wire<W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W: Worker> Copy for Wire<W> {}

/// The wire of a worker whose messages are serializable.
pub fn wire<W: Worker>(codec: Codec) -> Wire<W>
where
    W::Message: Serialize + DeserializeOwned,
    W::Init: Serialize + DeserializeOwned,
{
    Wire {
        codec,
        encode: codec::encode_within::<W::Message>,
        decode: codec::decode::<W::Message>,
        encode_init: codec::encode_within::<W::Init>,
        decode_init: codec::decode::<W::Init>,
    }
}

/// An answer on its way out of a worker's process.
pub(crate) struct RemoteReply {
    pub(crate) codec: Codec,
    /// How many bytes it may take.
    pub(crate) most: usize,
    pub(crate) outcome: Option<Result<Vec<u8>, Error>>,
}

enum Sink<'a> {
    Local(&'a Job),
    Remote(&'a mut RemoteReply),
    Bundled(Bundled<'a>),
}

/// Where the outcome of one call of many goes, on the thread that runs them: the value into an `Option` of its type.
struct Bundled<'a> {
    value: &'a mut dyn Any,
    error: &'a mut Option<Error>,
}

impl Bundled<'_> {
    #[inline]
    fn complete<T: 'static>(self, value: T) {
        match self.value.downcast_mut::<Option<T>>() {
            Some(place) => *place = Some(value),
            None => *self.error = Some(Error::codec(ANOTHER_TYPE)),
        }
    }
}

/// What is wrong with a value that nobody knows how to take.
pub(crate) const ANOTHER_TYPE: &str = "the method returned a value of another type than its client expects";

/// Where a method's outcome goes.
pub struct Reply<'a>(Sink<'a>);

/// Proof that a reply was given.
pub struct Replied(());

impl<'a> Reply<'a> {
    pub(crate) fn local(job: &'a Job) -> Self {
        Reply(Sink::Local(job))
    }

    pub(crate) fn remote(reply: &'a mut RemoteReply) -> Self {
        Reply(Sink::Remote(reply))
    }

    #[inline]
    pub(crate) fn bundled<T: 'static>(value: &'a mut Option<T>, error: &'a mut Option<Error>) -> Self {
        Reply(Sink::Bundled(Bundled { value, error }))
    }

    /// The method's value.
    #[inline]
    pub fn value<T: Serialize + Send + 'static>(self, value: T) -> Replied {
        match self.0 {
            Sink::Local(job) => complete(job, value),
            Sink::Bundled(bundled) => bundled.complete(value),
            Sink::Remote(reply) => {
                let mut value = Some(value);
                let done = codec::checked(|| codec::take_result(reply.codec, &mut value, reply.most));
                reply.outcome = Some(done.map_err(|why| Error::codec(format!("the result {why}"))));
            }
        }
        Replied(())
    }

    /// The value of a method of a `local` type.
    #[inline]
    pub fn local_value<T: Send + 'static>(self, value: T) -> Replied {
        match self.0 {
            Sink::Local(job) => complete(job, value),
            Sink::Bundled(bundled) => bundled.complete(value),
            Sink::Remote(reply) => {
                reply.outcome = Some(Err(Error::unsupported("a `local` worker has no results to send")));
            }
        }
        Replied(())
    }

    /// An error of ours: the method was not run, or its value is lost.
    pub(crate) fn error(self, error: Error) -> Replied {
        match self.0 {
            Sink::Local(job) => job.give_up(error),
            Sink::Bundled(bundled) => *bundled.error = Some(error),
            Sink::Remote(reply) => reply.outcome = Some(Err(error)),
        }
        Replied(())
    }

    /// The answer to a message that came to the wrong door: code and runtime do not match then.
    pub fn astray(self) -> Run<'a, Replied> {
        Run::Done(self.error(Error::codec("the message is for another method than its worker has")))
    }

    /// The method's own error.
    pub fn failure(self, failure: Captured) -> Replied {
        match self.0 {
            Sink::Local(job) => job.fail(failure.into_error(None)),
            Sink::Bundled(bundled) => *bundled.error = Some(failure.into_error(None)),
            Sink::Remote(reply) => reply.outcome = Some(Err(failure.into_error(Some(reply.codec)))),
        }
        Replied(())
    }
}

fn complete<T: 'static>(job: &Job, value: T) {
    let mut value = Some(value);
    job.complete(&mut value as &mut dyn Any);
}

/// The trait that projects a result type, whatever alias it is written as.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `std::result::Result`",
    label = "taken for a result, since it is called `Result` or marked `#[worker(result)]`",
    note = "to return this type as it is, mark the function `#[worker(value)]`, or drop its `#[worker(result)]`"
)]
pub trait ResultLike {
    /// What `Ok` holds.
    type Value;
    /// What `Err` holds.
    type Error;
    /// The plain result.
    fn into_result(self) -> Result<Self::Value, Self::Error>;
}

impl<T, E> ResultLike for Result<T, E> {
    type Value = T;
    type Error = E;
    fn into_result(self) -> Result<T, E> {
        self
    }
}

/// Stands for the constructor where a method's number is asked for.
pub const INIT: usize = usize::MAX;

/// The error of a constructor, encoded in the way of its type.
pub fn init_failed(codec: Codec, captured: Captured) -> Error {
    match captured.into_error(Some(codec)) {
        Error::Failed { source, .. } => {
            Error::InitFailed { worker: "".into(), message: "its constructor failed".to_owned(), source: Some(source) }
        }
        other => other,
    }
}

/// `Vec<u8>` as bytes instead of element by element. The macro guesses by names; a type that only looks like one goes
/// its own way.
pub mod bytes {
    use std::any::Any;
    use std::fmt;

    use serde::Serialize;
    use serde::de::{DeserializeOwned, Deserializer, Error, SeqAccess, Visitor};
    use serde::ser::Serializer;

    use crate::wire::link::room;

    #[doc(hidden)]
    pub fn serialize<T: Serialize + 'static, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        match (value as &dyn Any).downcast_ref::<Vec<u8>>() {
            Some(bytes) => serializer.serialize_bytes(bytes),
            None => value.serialize(serializer),
        }
    }

    #[doc(hidden)]
    pub fn deserialize<'de, T: DeserializeOwned + 'static, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        let mut value: Option<T> = None;
        match (&mut value as &mut dyn Any).downcast_mut::<Option<Vec<u8>>>() {
            Some(slot) => *slot = Some(deserializer.deserialize_byte_buf(Bytes)?),
            None => value = Some(T::deserialize(deserializer)?),
        }
        value.ok_or_else(|| D::Error::custom("no bytes"))
    }

    struct Bytes;

    impl<'de> Visitor<'de> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(room::copy(bytes))
        }
        fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<u8>, A::Error> {
            let mut bytes = Vec::new();
            while let Some(byte) = items.next_element()? {
                bytes.push(byte);
            }
            Ok(bytes)
        }
    }
}
