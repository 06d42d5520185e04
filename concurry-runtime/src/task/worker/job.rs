//! [`Job`]: a function with its argument, on its way to a [`TaskWorker`](super::TaskWorker).
//!
//! To a worker that shares memory it goes as a closure that has everything in it. To any other goes the name of the
//! function (see `backend::process::sys::function`) and the encoded argument; a closure that captures has no name.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::Outcome;
use super::{CODEC, Call};
use crate::backend::process::{Arrived, Body, Named, Nameless};
use crate::error::{Error, Result};
use crate::panics;
use crate::wire::codec;
use crate::worker::{Replied, Reply};

/// A function with its argument.
pub struct Job {
    call: Call,
    work: Work,
}

enum Work {
    /// All of it, in a closure.
    Here(Box<dyn FnOnce(Reply<'_>) -> Replied + Send>),
    /// To be sent.
    Away(Named, Box<dyn Argument>),
    /// As it came.
    Arrived(Arrived),
}

/// An argument that is to be encoded.
trait Argument: Send {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), String>;
}

impl<A: Serialize + Send + 'static> Argument for A {
    fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), String> {
        codec::encode_result(CODEC, self, bytes)
    }
}

/// Runs a function of `A` that returns `R` in a worker's process.
struct Run<O, A, R>(PhantomData<fn(O, A) -> R>);

impl<O, A, R, F> Body<F> for Run<O, A, R>
where
    O: Outcome<R>,
    A: DeserializeOwned + 'static,
    R: 'static,
    F: FnOnce(A) -> R,
{
    type Argument = A;
    type Returned = R;

    fn run(function: F, argument: Vec<u8>, reply: Reply<'_>) -> Replied {
        let decoded = catch_unwind(AssertUnwindSafe(|| codec::decode_result::<A>(CODEC, argument)));
        let decoded = decoded.unwrap_or_else(|payload| {
            Err(format!("cannot be decoded: its `Deserialize` panicked: {}", panics::message(&*payload)))
        });
        match decoded {
            Ok(argument) => O::reply(function(argument), reply),
            Err(why) => reply.error(Error::codec(format!("the argument {why}"))),
        }
    }
}

impl Job {
    /// `function`, to be run where memory is shared.
    pub(super) fn here<O, R, F>(call: Call, function: F) -> Self
    where
        O: Outcome<R>,
        F: FnOnce() -> R + Send + 'static,
    {
        Job { call, work: Work::Here(Box::new(move |reply| O::reply(function(), reply))) }
    }

    /// `function` with `argument`; `remote` where the worker shares no memory with us.
    pub(super) fn with<O, A, R, F>(call: Call, remote: bool, argument: A, function: F) -> Result<Self>
    where
        O: Outcome<R>,
        A: Serialize + DeserializeOwned + Send + 'static,
        R: 'static,
        F: FnOnce(A) -> R + Send + 'static,
    {
        if remote {
            return Self::away::<O, A, R, F>(call, argument, &function);
        }
        Ok(Self::here::<O, R, _>(call, move || function(argument)))
    }

    /// As `with`, for a function that is used again.
    pub(super) fn again<O, A, R, F>(call: Call, remote: bool, argument: A, function: &Arc<F>) -> Result<Self>
    where
        O: Outcome<R>,
        A: Serialize + DeserializeOwned + Send + 'static,
        R: 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
    {
        if remote {
            return Self::away::<O, A, R, F>(call, argument, function);
        }
        let function = function.clone();
        Ok(Self::here::<O, R, _>(call, move || function(argument)))
    }

    fn away<O, A, R, F>(call: Call, argument: A, function: &F) -> Result<Self>
    where
        O: Outcome<R>,
        A: Serialize + DeserializeOwned + Send + 'static,
        R: 'static,
        F: FnOnce(A) -> R + Send + 'static,
    {
        let named = Named::new::<Run<O, A, R>, F>(function).map_err(|why| {
            let why = match why {
                Nameless::Captures => "the closure captures variables, which cannot leave this process; pass them in with its argument, or use mode `thread`".to_owned(),
                Nameless::Elsewhere(why) => why,
            };
            Error::unsupported(format!("TaskWorker::{}: {why}", call.name()))
        })?;
        Ok(Job { call, work: Work::Away(named, Box::new(argument)) })
    }

    pub(super) fn method(&self) -> usize {
        self.call as usize
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let Work::Away(named, argument) = &self.work else {
            return Err("cannot be encoded: a closure cannot leave its process".to_owned());
        };
        let mut bytes = Vec::new();
        named.write(&mut bytes);
        argument.encode(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        // Which method it was called by is in the frame; here it is all the same.
        Ok(Job { call: Call::SubmitWith, work: Work::Arrived(Arrived::read(bytes)?) })
    }

    pub(super) fn run(self, reply: Reply<'_>) -> Replied {
        match self.work {
            Work::Here(run) => run(reply),
            Work::Arrived(arrived) => arrived.run(reply),
            Work::Away(..) => reply.error(Error::codec("a function that was to be sent was not")),
        }
    }
}
