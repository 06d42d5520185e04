//! [`RemoteRef`]: a value that stays on a cluster, and [`Far`], a call's value that was left there.

use std::fmt;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stored::{Site, Stored};
use crate::call::{DecodeFn, here};
use crate::error::{Error, Result};
use crate::future::slot::{Notify, Slot, Value};
use crate::future::{Outcome, Promise, TaskFuture};
use crate::wire::codec::{self, Codec};
use crate::wire::frame::MOST;

/// A call's value that was left on a cluster.
pub(crate) struct Far<T> {
    pub(crate) stored: Arc<Stored>,
    pub(crate) codec: Codec,
    pub(crate) decode: DecodeFn<T>,
    /// The worker and the method.
    pub(crate) names: (&'static str, &'static str),
}

impl<T> Far<T> {
    /// Waits for it to be brought here.
    pub(crate) fn bring(&self) -> Result<T> {
        let (send, bytes) = channel();
        self.stored.fetch(move |bytes| {
            let _ = send.send(bytes);
        });
        let bytes = bytes.recv().unwrap_or_else(|_| Err(Error::ray("a value on the cluster was not brought")))?;
        open(self.codec, self.decode, bytes, self.names)
    }
}

fn open<T>(codec: Codec, decode: DecodeFn<T>, bytes: Vec<u8>, names: (&'static str, &'static str)) -> Result<T> {
    codec::checked_decode(|| decode(codec, bytes))
        .map_err(|why| Error::codec(format!("the result {why}")).at(names.0, names.1))
}

/// A value that stays where it is, on a Ray cluster, until somebody wants to have it.
///
/// [`TaskFuture::remote`] makes one of the result of a call, [`RemoteRef::new`] of a value that is here. It can be given to
/// calls wherever a value of its type can, as often as one likes. Where the call runs on the cluster that the value is on, the
/// value goes from node to node without coming here, and to each worker once; anywhere else it is brought here first. So
/// code that has one runs in all modes.
///
/// A value stays on the cluster where it is large ([`RayOptions::reference_above`](crate::RayOptions::reference_above));
/// a small one is kept here. It is given up there when the last clone of this is dropped, or when its node is lost: calls that
/// need it come to [`Error::Ray`] then.
///
/// ```no_run
/// use concurry::prelude::*;
/// use concurry::RemoteRef;
///
/// struct Index;
///
/// #[worker(mode = "ray", max_workers = 8)]
/// impl Index {
///     pub fn new() -> Self {
///         Index
///     }
///     pub fn build(&self, path: String) -> Vec<u8> {
///         std::fs::read(path).unwrap_or_default()
///     }
///     pub fn count(&self, index: Vec<u8>, word: String) -> usize {
///         index.windows(word.len().max(1)).filter(|part| *part == word.as_bytes()).count()
///     }
/// }
///
/// let pool = Index::options().init()?;
/// let index: RemoteRef<Vec<u8>> = pool.build("/data/index").remote();
/// let counts = gather(["a", "b", "c"].map(|word| pool.count(&index, word))).results()?;
/// println!("{counts:?} in {} bytes", index.fetch().result()?.len());
/// # Ok::<(), concurry::Error>(())
/// ```
pub struct RemoteRef<T> {
    inner: Arc<Inner>,
    decode: DecodeFn<T>,
}

impl<T> Clone for RemoteRef<T> {
    fn clone(&self) -> Self {
        RemoteRef { inner: self.inner.clone(), decode: self.decode }
    }
}

impl<T> fmt::Debug for RemoteRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &*self.inner.state() {
            State::Expected(..) => "expected",
            State::There(held) if held.far.is_some() => "on a cluster",
            State::There(_) => "here",
            State::Failed(_) => "failed",
        };
        f.debug_struct("RemoteRef").field("place", &place).finish()
    }
}

/// A value, encoded as a result is.
struct Held {
    here: Option<Arc<Vec<u8>>>,
    far: Option<Arc<Stored>>,
}

type Watchers = Vec<Box<dyn FnOnce() + Send>>;

/// Why this thread must not wait for the call that it is to come of.
type Refusal = Arc<dyn Fn() -> Option<Error> + Send + Sync>;

enum State {
    /// Who is to be told.
    Expected(Watchers, Refusal),
    There(Held),
    Failed(Error),
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    /// The worker and the method that it comes of.
    names: (&'static str, &'static str),
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, state: State) {
        let old = std::mem::replace(&mut *self.state(), state);
        self.changed.notify_all();
        if let State::Expected(watchers, _) = old {
            watchers.into_iter().for_each(|tell| tell());
        }
    }

    /// Calls `tell` once it is there, which may be now.
    fn when_there(&self, tell: Box<dyn FnOnce() + Send>) {
        if let State::Expected(watchers, _) = &mut *self.state() {
            return watchers.push(tell);
        }
        tell();
    }

    fn refusal(&self) -> Option<Error> {
        let refusal = match &*self.state() {
            State::Expected(_, refusal) => refusal.clone(),
            _ => return None,
        };
        refusal()
    }
}

/// Where a value is to be had by a call.
pub(crate) enum Way {
    Far(Arc<Stored>),
    Here(Arc<Vec<u8>>),
}

/// What is not worth a way of its own, in bytes.
const SMALL: usize = 64 << 10;

impl<T> RemoteRef<T> {
    fn with(state: State, names: (&'static str, &'static str), decode: DecodeFn<T>) -> Self {
        let inner = Inner { state: Mutex::new(state), changed: Condvar::new(), names };
        RemoteRef { inner: Arc::new(inner), decode }
    }

    /// Waits until the value is there, wherever.
    ///
    /// # Errors
    /// The error of the call that it was to come of. [`Error::Unsupported`] as for
    /// [`TaskFuture::result`](crate::TaskFuture::result).
    pub fn wait(&self) -> Result<()> {
        if let Some(error) = self.refusal() {
            return Err(error);
        }
        let state = self.inner.state();
        let expected = |state: &mut State| matches!(state, State::Expected(..));
        match &*self.inner.changed.wait_while(state, expected).unwrap_or_else(PoisonError::into_inner) {
            State::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// How many bytes it takes, encoded; nothing where it is not there yet.
    pub fn size(&self) -> Option<u64> {
        match &*self.inner.state() {
            State::There(Held { here: Some(bytes), .. }) => Some(bytes.len() as u64),
            State::There(Held { far: Some(stored), .. }) => Some(stored.size()),
            _ => None,
        }
    }

    /// Whether it is on a cluster; `false` where it is not there yet.
    pub fn is_on_cluster(&self) -> bool {
        matches!(&*self.inner.state(), State::There(Held { far: Some(_), .. }))
    }

    /// Tells once it is there.
    pub(crate) fn watch(&self, to: Arc<dyn Notify>, position: usize) {
        self.inner.when_there(Box::new(move || to.notify(position)));
    }

    /// Why this thread must not wait for it.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if here::looks() { self.inner.refusal() } else { None }
    }

    /// The error that it came to.
    pub(crate) fn error(&self) -> Option<Error> {
        match &*self.inner.state() {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// How a call to a worker at this site has it. What is only here is put there, once.
    pub(crate) fn way_to(&self, site: &Arc<dyn Site>) -> Result<Way> {
        let mut state = self.inner.state();
        match &mut *state {
            State::Expected(..) => Err(Error::invalid("the value is not there yet")),
            State::Failed(error) => Err(error.clone()),
            State::There(Held { far: Some(stored), .. }) if stored.is_at(site) => Ok(Way::Far(stored.clone())),
            State::There(Held { here: Some(bytes), .. }) if bytes.len() < SMALL => Ok(Way::Here(bytes.clone())),
            State::There(Held { here: Some(bytes), far }) => {
                let stored = Stored::put(site, bytes)?;
                *far = Some(stored.clone());
                Ok(Way::Far(stored))
            }
            State::There(Held { here: None, .. }) => Err(Error::ray(
                "the value is on another cluster, or the bridge to that is gone; pass `fetch()` of it, which brings it here first",
            )),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + 'static> RemoteRef<T> {
    /// Of a value that is here. The first call on a cluster puts it there, for all to come.
    ///
    /// # Errors
    /// [`Error::Codec`] where it cannot be encoded.
    pub fn new(value: &T) -> Result<Self> {
        let bytes = encoded(value).map_err(|why| Error::codec(format!("the value {why}")))?;
        let there = State::There(Held { here: Some(Arc::new(bytes)), far: None });
        Ok(Self::with(there, ("RemoteRef", "new"), codec::decode_result::<T>))
    }
}

impl<T: Send + 'static> RemoteRef<T> {
    /// The value, brought here and decoded. It stays where it is all the same.
    pub fn fetch(&self) -> TaskFuture<T> {
        let (inner, names, decode) = (self.inner.clone(), self.inner.names, self.decode);
        let promise = Promise::new(names);
        let to = promise.clone();
        let settle = move |bytes: Result<Vec<u8>>| {
            to.settle_as(match bytes {
                Ok(bytes) => Value::Encoded(Box::new(move || open(Codec::Bincode, decode, bytes, names))),
                Err(error) => Value::Bad(Box::new(error)),
            });
        };
        let bring = move || {
            let way = match &*inner.state() {
                State::There(Held { here: Some(bytes), .. }) => Ok(Way::Here(bytes.clone())),
                State::There(Held { far: Some(stored), .. }) => Ok(Way::Far(stored.clone())),
                State::Failed(error) => Err(error.clone()),
                _ => Err(Error::invalid("there is no value")),
            };
            match way {
                Ok(Way::Here(bytes)) => settle(Ok(bytes.to_vec())),
                Ok(Way::Far(stored)) => stored.fetch(settle),
                Err(error) => settle(Err(error)),
            }
        };
        self.inner.when_there(Box::new(bring));
        TaskFuture(Arc::new(Fetch { to: promise, from: self.inner.clone() }))
    }
}

/// A value on its way here.
struct Fetch<T> {
    to: Arc<Promise<T>>,
    from: Arc<Inner>,
}

impl<T: Send + 'static> Outcome<T> for Fetch<T> {
    fn slot(&self) -> &Slot<T> {
        self.to.slot()
    }
    fn id(&self) -> u64 {
        self.to.id()
    }
    fn cancel(&self) -> bool {
        self.to.cancel()
    }
    fn cancel_asked(&self) -> bool {
        self.to.cancel_asked()
    }
    fn names(&self) -> (&'static str, &'static str) {
        self.to.names()
    }
    fn refusal(&self) -> Option<Error> {
        self.from.refusal()
    }
}

fn encoded<T: Serialize + 'static>(value: &T) -> Result<Vec<u8>, String> {
    codec::checked(|| {
        let mut bytes = Vec::new();
        codec::encode_result(Codec::Bincode, value, &mut bytes, MOST).map(|()| bytes)
    })
}

impl<T: Serialize + DeserializeOwned + Send + 'static> TaskFuture<T> {
    /// The value as one that stays on the Ray cluster where the call runs, if it does, and if it is large. What has come
    /// here before this is called stays here, until a call on a cluster needs it.
    pub fn remote(self) -> RemoteRef<T> {
        self.0.want_far(None);
        let from = self.0.clone();
        let expected = State::Expected(Vec::new(), Arc::new(move || from.refusal()));
        let reference = RemoteRef::with(expected, self.0.names(), codec::decode_result::<T>);
        let taker = Taker { to: reference.inner.clone(), from: self.0.clone() };
        self.0.slot().watch(Arc::new(taker), 0);
        reference
    }
}

/// Takes what a call comes to.
struct Taker<T> {
    to: Arc<Inner>,
    from: Arc<dyn Outcome<T>>,
}

impl<T: Serialize + Send + 'static> Notify for Taker<T> {
    fn notify(self: Arc<Self>, _: usize) {
        let Some(value) = self.from.slot().try_take_as_it_is() else { return };
        self.to.settle(match value {
            Value::Far(far) if far.codec == Codec::Bincode => {
                State::There(Held { here: None, far: Some(far.stored.clone()) })
            }
            value => {
                let encode = |value: T| encoded(&value).map_err(|why| Error::codec(format!("the result {why}")));
                match value.open().and_then(encode) {
                    Ok(bytes) => State::There(Held { here: Some(Arc::new(bytes)), far: None }),
                    Err(error) => State::Failed(error.at(self.to.names.0, self.to.names.1)),
                }
            }
        });
    }
}
