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

/// How a worker's messages travel to where its memory is not shared.
pub struct Wire<W: Worker> {
    pub(crate) codec: Codec,
    pub(crate) encode: fn(Codec, &W::Message) -> Result<Vec<u8>, String>,
    pub(crate) decode: fn(Codec, &[u8]) -> Result<W::Message, String>,
    pub(crate) encode_init: fn(Codec, &W::Init) -> Result<Vec<u8>, String>,
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
        encode: codec::encode::<W::Message>,
        decode: codec::decode::<W::Message>,
        encode_init: codec::encode::<W::Init>,
        decode_init: codec::decode::<W::Init>,
    }
}

/// An answer on its way out of a worker's process.
pub(crate) struct RemoteReply {
    pub(crate) codec: Codec,
    pub(crate) outcome: Option<Result<Vec<u8>, Error>>,
}

enum Sink<'a> {
    Local(&'a Job),
    Remote(&'a mut RemoteReply),
}

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

    /// The method's value.
    pub fn value<T: Serialize + Send + 'static>(self, value: T) -> Replied {
        match self.0 {
            Sink::Local(job) => complete(job, value),
            Sink::Remote(reply) => {
                let done = codec::checked(|| {
                    let mut bytes = Vec::new();
                    codec::encode_result(reply.codec, &value, &mut bytes).map(|()| bytes)
                });
                reply.outcome = Some(done.map_err(|why| Error::codec(format!("the result {why}"))));
            }
        }
        Replied(())
    }

    /// The value of a method of a `local` type.
    pub fn local_value<T: Send + 'static>(self, value: T) -> Replied {
        match self.0 {
            Sink::Local(job) => complete(job, value),
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
    note = "mark the function `#[worker(value)]` to return this type as it is"
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
            Ok(bytes.to_vec())
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
