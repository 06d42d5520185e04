//! [`TaskWorker`]: a worker that runs any function.
//!
//! [`client`] is what users call, [`errand`] what travels, [`outcome`] what becomes of what a function returns, [`map`]
//! runs a function over inputs.

mod client;
mod errand;
mod map;
mod outcome;

pub use client::TaskWorkerClient;
pub use map::{TaskWorkerMap, TaskWorkerMapUnordered};

use self::errand::Errand;
use crate::config::Attributes;
use crate::context::CallContext;
use crate::error::{BoxError, Error, Result};
use crate::options::Options;
use crate::pool::start;
use crate::run::Run;
use crate::wire::codec::{self, Codec};
use crate::worker::{Method, Replied, Reply, Wire, Worker};

/// A worker that runs any function, without a type or a `#[task]` of its own.
///
/// In modes that share memory it runs closures ([`submit`](TaskWorkerClient::submit)); in every mode it runs functions,
/// and closures that capture nothing, with arguments that are serializable
/// ([`submit_with`](TaskWorkerClient::submit_with), [`map`](TaskWorkerClient::map)).
///
/// ```
/// use concurry::prelude::*;
///
/// let pool = TaskWorker::options().mode(Mode::Thread).max_workers(4).init()?;
/// let words = vec!["a", "b"];
/// assert_eq!(pool.submit(move || words.join("-")).result()?, "a-b");
/// assert_eq!(pool.submit_with((3, 4), |(a, b)| a * b).result()?, 12);
/// let squares: Vec<u64> = pool.map(0..3, |x| x * x).collect::<concurry::Result<_>>()?;
/// assert_eq!(squares, [0, 1, 4]);
/// pool.stop()?;
/// # Ok::<(), concurry::Error>(())
/// ```
#[derive(Debug)]
pub struct TaskWorker(());

impl TaskWorker {
    /// The options of a pool.
    pub fn options() -> TaskWorkerOptions {
        TaskWorkerOptions(Options::new::<TaskWorker>())
    }

    /// Starts a pool; the same as `options().init()`.
    ///
    /// # Errors
    /// As [`TaskWorkerOptions::init`].
    pub fn init() -> Result<TaskWorkerClient> {
        Self::options().init()
    }
}

/// The options of a pool of [`TaskWorker`]s; `init` starts it.
#[must_use = "options do nothing until `init` starts the pool"]
#[derive(Clone, Debug)]
pub struct TaskWorkerOptions(Options);

impl TaskWorkerOptions {
    crate::__option_setters!(0);

    /// Starts the pool.
    ///
    /// # Errors
    /// A bad option, or a mode that cannot run here.
    pub fn init(self) -> Result<TaskWorkerClient> {
        start::<TaskWorker>(self.0, ()).map(TaskWorkerClient::new)
    }
}

const CODEC: Codec = Codec::Bincode;

/// The methods of the client, by their place in [`Worker::METHODS`].
#[derive(Clone, Copy, Debug)]
enum Call {
    Submit,
    SubmitWith,
    Map,
    MapUnordered,
    TrySubmit,
    TrySubmitWith,
    TryMap,
    TryMapUnordered,
}

impl Call {
    fn name(self) -> &'static str {
        TaskWorker::METHODS.get(self as usize).map_or("", |method| method.name)
    }
}

const fn method(name: &'static str) -> Method {
    Method { name, exclusive: false, asynchronous: false, said: Attributes::NONE, output: None }
}

/// A method whose closure can be called once, so that there is nothing to try again.
const fn once(name: &'static str) -> Method {
    Method { said: Attributes { num_retries: Some(0), ..Attributes::NONE }, ..method(name) }
}

impl Worker for TaskWorker {
    type Message = Errand;
    type Init = ();
    const NAME: &'static str = "TaskWorker";
    const METHODS: &'static [Method] = &[
        once("submit"),
        method("submit_with"),
        method("map"),
        method("map_unordered"),
        once("try_submit"),
        method("try_submit_with"),
        method("try_map"),
        method("try_map_unordered"),
    ];

    fn attributes() -> Attributes {
        Attributes::NONE
    }

    fn construct((): ()) -> Run<'static, Result<Self, Error>> {
        Run::Done(Ok(TaskWorker(())))
    }

    fn method_of(errand: &Errand) -> usize {
        errand.method()
    }

    fn copy_message(errand: &Errand) -> Option<Errand> {
        errand.copy()
    }

    fn share<'a>(&'a self, errand: Errand, _context: &'a CallContext, reply: Reply<'a>) -> Run<'a, Replied> {
        Run::Done(errand.run(reply))
    }

    fn decode_error(_: usize, _: Codec, _: &[u8]) -> Option<BoxError> {
        // A generic function does not know whether its error is serializable, so none is encoded.
        None
    }

    fn wire() -> Option<Wire<Self>> {
        Some(Wire {
            codec: CODEC,
            encode: |_, errand, most| errand.encode(most),
            decode: |_, bytes| Errand::decode(bytes),
            encode_init: codec::encode_within::<()>,
            decode_init: codec::decode::<()>,
        })
    }
}
