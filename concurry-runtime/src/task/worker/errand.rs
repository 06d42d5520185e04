//! [`Errand`]: a function with its argument, on its way to a [`TaskWorker`](super::TaskWorker).
//!
//! To a worker that shares memory both go as they are. To any other goes the name of the function (see
//! `backend::process::sys::function`) and the encoded argument; a closure that captures has no name.

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
use crate::wire::frame::MOST;
use crate::worker::{Replied, Reply};

/// A function with its argument.
pub struct Errand {
    call: Call,
    work: Work,
}

enum Work {
    /// A closure that can be called once, and never leaves this process.
    Once(Box<dyn FnOnce(Reply<'_>) -> Replied + Send>),
    /// A function with an argument, which stay in this process.
    Here(Box<dyn Here>),
    /// To be sent.
    Away(Named, Box<dyn Encodes>),
    /// As it came.
    Arrived(Arrived),
}

/// A function and its argument as they are.
trait Here: Send {
    fn run(self: Box<Self>, reply: Reply<'_>) -> Replied;
    /// The same once more, for another attempt.
    fn copy(&self) -> Result<Box<dyn Here>, String>;
}

struct With<O, A, R, F> {
    function: Arc<F>,
    argument: A,
    marker: PhantomData<fn(O) -> R>,
}

impl<O, A, R, F> With<O, A, R, F> {
    fn new(function: Arc<F>, argument: A) -> Self {
        With { function, argument, marker: PhantomData }
    }
}

impl<O, A, R, F> Here for With<O, A, R, F>
where
    O: Outcome<R>,
    A: Serialize + DeserializeOwned + Send + 'static,
    R: 'static,
    F: Fn(A) -> R + Send + Sync + 'static,
{
    fn run(self: Box<Self>, reply: Reply<'_>) -> Replied {
        O::reply((self.function)(self.argument), reply)
    }

    fn copy(&self) -> Result<Box<dyn Here>, String> {
        let mut bytes = Vec::new();
        codec::encode_result(CODEC, &self.argument, &mut bytes, MOST)?;
        let argument = codec::decode_result::<A>(CODEC, bytes)?;
        Ok(Box::new(With::<O, A, R, F>::new(self.function.clone(), argument)))
    }
}

/// An argument that is to be encoded.
trait Encodes: Send {
    fn encode(&self, bytes: &mut Vec<u8>, most: usize) -> Result<(), String>;
}

impl<A: Serialize + Send + 'static> Encodes for A {
    fn encode(&self, bytes: &mut Vec<u8>, most: usize) -> Result<(), String> {
        codec::encode_result(CODEC, self, bytes, most)
    }
}

/// Runs a function of `A` that returns `R` in a worker's process.
struct Run<O, A, R>(PhantomData<fn(O, A) -> R>);

impl<O, A, R, F> Body<F> for Run<O, A, R>
where
    O: Outcome<R>,
    A: DeserializeOwned + 'static,
    R: 'static,
    F: Fn(A) -> R,
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
            Err(why) => reply.error(Error::codec(format!("an argument {why}"))),
        }
    }
}

impl Errand {
    /// `function`, to be run where memory is shared.
    pub(super) fn once<O, R, F>(call: Call, function: F) -> Self
    where
        O: Outcome<R>,
        F: FnOnce() -> R + Send + 'static,
    {
        Errand { call, work: Work::Once(Box::new(move |reply| O::reply(function(), reply))) }
    }

    /// `function` with `argument`; `remote` where the worker shares no memory with us.
    pub(super) fn with<O, A, R, F>(call: Call, remote: bool, argument: A, function: &Arc<F>) -> Result<Self>
    where
        O: Outcome<R>,
        A: Serialize + DeserializeOwned + Send + 'static,
        R: 'static,
        F: Fn(A) -> R + Send + Sync + 'static,
    {
        let work = if remote {
            let named = Named::new::<Run<O, A, R>, F>(function).map_err(|why| nameless(call, why))?;
            Work::Away(named, Box::new(argument))
        } else {
            Work::Here(Box::new(With::<O, A, R, F>::new(function.clone(), argument)))
        };
        Ok(Errand { call, work })
    }

    pub(super) fn method(&self) -> usize {
        self.call as usize
    }

    /// The same errand for another attempt; `None` where there cannot be one, which [`encode`](Self::encode) explains.
    pub(super) fn copy(&self) -> Option<Self> {
        match &self.work {
            Work::Here(here) => Some(Errand { call: self.call, work: Work::Here(here.copy().ok()?) }),
            _ => None,
        }
    }

    pub(super) fn encode(&self, most: usize) -> Result<Vec<u8>, String> {
        let (named, argument) = match &self.work {
            Work::Away(named, argument) => (named, argument),
            Work::Here(here) => {
                let why = here.copy().err().unwrap_or_else(|| "stays in this process".to_owned());
                return Err(why);
            }
            _ => {
                return Err("cannot be kept for another attempt: a closure without arguments is called once; use `submit_with`, whose argument can be copied, or a pool without retries".to_owned());
            }
        };
        let mut bytes = Vec::new();
        named.write(&mut bytes);
        argument.encode(&mut bytes, most)?;
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        // Which method it was called by is in the frame; here it is all the same.
        Ok(Errand { call: Call::SubmitWith, work: Work::Arrived(Arrived::read(bytes)?) })
    }

    pub(super) fn run(self, reply: Reply<'_>) -> Replied {
        match self.work {
            Work::Once(run) => run(reply),
            Work::Here(here) => here.run(reply),
            Work::Arrived(arrived) => arrived.run(reply),
            Work::Away(..) => reply.error(Error::codec("a function that was to be sent was not")),
        }
    }
}

fn nameless(call: Call, why: Nameless) -> Error {
    let why = match why {
        Nameless::Captures => {
            "the closure captures variables, which cannot leave this process; pass them in with its argument, or use mode `thread`"
        }
        Nameless::Elsewhere(ref why) => why,
    };
    Error::unsupported(format!("TaskWorker::{}: {why}", call.name()))
}
