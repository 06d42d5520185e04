//! Arguments of a stub: a value, or a future of one that the call then waits for without any thread.
//!
//! A call whose arguments are not all there holds them in a [`Join`]: each future tells it when it has settled, the
//! last one (or the first error) hands everything on. Giving up the join cancels the futures that it owns, but for those
//! that somebody asked to be shown: they have more to do than to be an argument.

#[cfg(feature = "ray")]
use std::any::TypeId;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

#[cfg(feature = "ray")]
use super::remote::{RemoteRef, Way};
use super::slot::Notify;
#[cfg(feature = "ray")]
use super::slot::Value;
use super::task_future::TaskFuture;
#[cfg(feature = "ray")]
use crate::backend::ray::{Bridge, Hole, Stored};
use crate::depth;
use crate::error::{Error, Result};
#[cfg(feature = "ray")]
use crate::panics;
#[cfg(feature = "ray")]
use crate::wire::codec::{self, Codec};

/// What may stand for an argument of type `T`: a `T`, a [`TaskFuture<T>`], a `&T` that can be cloned; `&str` for
/// `String`, `PathBuf` and `OsString`, `&Path` for `PathBuf`, `&OsStr` for `OsString`,
/// `&CStr` for `CString`, arrays and slices for `Vec`.
///
/// The trait is sealed: only concurry can make an `Arg`.
///
/// ```
/// use concurry::prelude::*;
///
/// #[task]
/// fn length(text: String) -> usize {
///     text.len()
/// }
///
/// #[task]
/// fn doubled(x: usize) -> usize {
///     x * 2
/// }
///
/// let text = "abc".to_owned();
/// assert_eq!(length("abc").result()?, 3);
/// assert_eq!(length(&text).result()?, 3);
/// // The second call is sent when the first one's value is there.
/// assert_eq!(doubled(length(text)).result()?, 6);
/// # Ok::<(), concurry::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed as an argument of type `{T}`",
    label = "expected a `{T}`, a `TaskFuture<{T}>` or a `&{T}`",
    note = "a client's method takes the value itself, a future of it, or a reference to clone; `&str` also stands for `String`, `PathBuf` and `OsString`, and arrays and slices for `Vec`"
)]
pub trait IntoArg<T> {
    /// The argument in the form in which a call holds it.
    fn into_arg(self) -> Arg<T>;
}

/// An argument that is there, or on its way.
pub struct Arg<T> {
    state: State<T>,
    /// How it is encoded by itself, where others are on a cluster.
    #[cfg(feature = "ray")]
    encode: Option<Encode<T>>,
}

#[cfg(feature = "ray")]
type Encode<T> = fn(Codec, &T, &mut Vec<u8>, usize) -> std::result::Result<(), String>;

enum State<T> {
    Now(T),
    Later(TaskFuture<T>),
    /// On a cluster, and nowhere else.
    #[cfg(feature = "ray")]
    Far(Arc<Stored>),
    #[cfg(feature = "ray")]
    Shared(RemoteRef<T>),
    Gone,
}

impl<T> Arg<T> {
    fn new(state: State<T>) -> Self {
        Arg {
            state,
            #[cfg(feature = "ray")]
            encode: None,
        }
    }

    fn now(value: T) -> Self {
        Self::new(State::Now(value))
    }

    fn with(mut self, state: State<T>) -> Self {
        self.state = state;
        self
    }

    /// One that can be encoded by itself.
    pub(crate) fn encodable(self) -> Self
    where
        T: Serialize,
    {
        #[cfg(feature = "ray")]
        return Arg { encode: Some(codec::encode_into::<T>), ..self };
        #[cfg(not(feature = "ray"))]
        self
    }
}

/// What a call is put together of, some of whose arguments are on a cluster.
#[cfg(feature = "ray")]
#[doc(hidden)]
#[derive(Default)]
pub struct Pieces {
    pub(crate) bytes: Vec<u8>,
    pub(crate) holes: Vec<Hole>,
    pub(crate) values: Vec<Arc<Stored>>,
    /// How many bytes there may be.
    pub(crate) most: usize,
}

/// Where workers are on a cluster.
#[cfg(feature = "ray")]
#[doc(hidden)]
pub struct Behind<'a>(pub(crate) &'a Arc<Bridge>);

#[cfg(feature = "ray")]
impl Pieces {
    fn add<T: 'static>(&mut self, argument: &Arg<T>, bridge: &Arc<Bridge>) -> Result<()> {
        let way = match &argument.state {
            State::Now(value) => {
                let encode = argument.encode.ok_or_else(|| Error::codec("an argument cannot be encoded by itself"))?;
                let (bytes, most) = (&mut self.bytes, self.most);
                let done = panics::caught_text(|| encode(Codec::Bincode, value, bytes, most));
                let done =
                    done.unwrap_or_else(|why| Err(format!("cannot be encoded: its `Serialize` panicked: {why}")));
                return done.map_err(|why| Error::codec(format!("an argument {why}")));
            }
            State::Far(stored) => Way::Far(stored.clone()),
            State::Shared(reference) => reference.way_to(bridge)?,
            State::Later(_) | State::Gone => return Err(Error::invalid("an argument's future gave no value")),
        };
        let plain = TypeId::of::<T>() == TypeId::of::<Vec<u8>>();
        match way {
            Way::Far(stored) => {
                self.holes.push(Hole { key: stored.key, at: self.bytes.len() as u64, plain });
                self.values.push(stored);
            }
            Way::Here(bytes) => {
                if plain {
                    let length = codec::encode(Codec::Bincode, &(bytes.len() as u64)).map_err(Error::codec)?;
                    self.bytes.extend_from_slice(&length);
                }
                self.bytes.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }
}

impl<T> IntoArg<T> for T {
    fn into_arg(self) -> Arg<T> {
        Arg::now(self)
    }
}

impl<T> IntoArg<T> for TaskFuture<T> {
    fn into_arg(self) -> Arg<T> {
        Arg::new(State::Later(self))
    }
}

#[cfg(feature = "ray")]
impl<T> IntoArg<T> for RemoteRef<T> {
    fn into_arg(self) -> Arg<T> {
        Arg::new(State::Shared(self))
    }
}

#[cfg(feature = "ray")]
impl<T> IntoArg<T> for &RemoteRef<T> {
    fn into_arg(self) -> Arg<T> {
        self.clone().into_arg()
    }
}

impl<T: Clone> IntoArg<T> for &T {
    fn into_arg(self) -> Arg<T> {
        Arg::now(self.clone())
    }
}

impl IntoArg<String> for &str {
    fn into_arg(self) -> Arg<String> {
        Arg::now(self.to_owned())
    }
}

impl IntoArg<PathBuf> for &str {
    fn into_arg(self) -> Arg<PathBuf> {
        Arg::now(self.into())
    }
}

impl IntoArg<PathBuf> for &Path {
    fn into_arg(self) -> Arg<PathBuf> {
        Arg::now(self.to_owned())
    }
}

impl IntoArg<OsString> for &str {
    fn into_arg(self) -> Arg<OsString> {
        Arg::now(self.into())
    }
}

impl IntoArg<OsString> for &OsStr {
    fn into_arg(self) -> Arg<OsString> {
        Arg::now(self.to_owned())
    }
}

impl IntoArg<CString> for &CStr {
    fn into_arg(self) -> Arg<CString> {
        Arg::now(self.to_owned())
    }
}

impl<T: Clone> IntoArg<Vec<T>> for &[T] {
    fn into_arg(self) -> Arg<Vec<T>> {
        Arg::now(self.to_vec())
    }
}

impl<T, const N: usize> IntoArg<Vec<T>> for [T; N] {
    fn into_arg(self) -> Arg<Vec<T>> {
        Arg::now(self.into())
    }
}

impl<T: Clone, const N: usize> IntoArg<Vec<T>> for &[T; N] {
    fn into_arg(self) -> Arg<Vec<T>> {
        Arg::now(self.to_vec())
    }
}

/// Registers a watcher with a future; run outside the join's lock, since a settled future tells at once.
#[doc(hidden)]
pub struct Watch(Box<dyn FnOnce(Arc<dyn Notify>)>);

/// The arguments of one call, as nested pairs.
pub trait Args: Send + 'static {
    /// The values, nested in the same way.
    type Values: Send + 'static;
    /// The values, where all are there; else the arguments again.
    #[doc(hidden)]
    fn ready(self) -> std::result::Result<Self::Values, Self>
    where
        Self: Sized;
    /// How to watch each future, by its position.
    #[doc(hidden)]
    fn watches(&self, position: usize, into: &mut Vec<Watch>);
    /// Takes the value of the future at `position`, which has settled.
    #[doc(hidden)]
    fn arrive(&mut self, position: usize) -> Result<()>;
    /// Cancels the futures that have not arrived and that nobody else waits for.
    #[doc(hidden)]
    fn abandon(&self);
    /// Whether the future at `position` came to an error.
    #[doc(hidden)]
    fn failed(&self, position: usize) -> bool;
    /// Why this thread must not wait for them all.
    #[doc(hidden)]
    fn refusal(&self) -> Option<Error>;
    /// Those that need not come here are to stay where they are, if that is behind this bridge; whether that serves.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn stay(&self, bridge: &Behind<'_>) -> bool;
    /// Has those that are elsewhere brought here; where it is to be `now`, this waits for it.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn come(&mut self, now: bool);
    /// What a call behind this bridge is put together of, where some are there.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn pieces(&self, bridge: &Behind<'_>, into: &mut Pieces) -> Result<()>;
    /// How many arguments there are.
    #[doc(hidden)]
    const COUNT: usize;
}

impl Args for () {
    type Values = ();
    fn ready(self) -> std::result::Result<(), ()> {
        Ok(())
    }
    fn watches(&self, _: usize, _: &mut Vec<Watch>) {}
    fn arrive(&mut self, _: usize) -> Result<()> {
        Ok(())
    }
    fn abandon(&self) {}
    fn failed(&self, _: usize) -> bool {
        false
    }
    fn refusal(&self) -> Option<Error> {
        None
    }
    #[cfg(feature = "ray")]
    fn stay(&self, _: &Behind<'_>) -> bool {
        true
    }
    #[cfg(feature = "ray")]
    fn come(&mut self, _: bool) {}
    #[cfg(feature = "ray")]
    fn pieces(&self, _: &Behind<'_>, _: &mut Pieces) -> Result<()> {
        Ok(())
    }
    const COUNT: usize = 0;
}

impl<T: Send + 'static, R: Args> Args for (Arg<T>, R) {
    type Values = (T, R::Values);

    fn ready(self) -> std::result::Result<Self::Values, Self> {
        let (mut first, rest) = self;
        match std::mem::replace(&mut first.state, State::Gone) {
            State::Now(value) => match rest.ready() {
                Ok(rest) => Ok((value, rest)),
                Err(rest) => Err((first.with(State::Now(value)), rest)),
            },
            other => Err((first.with(other), rest)),
        }
    }

    fn watches(&self, position: usize, into: &mut Vec<Watch>) {
        match &self.0.state {
            State::Later(future) => {
                let outcome = Arc::clone(&future.0);
                into.push(Watch(Box::new(move |notify| outcome.slot().watch(notify, position))));
            }
            #[cfg(feature = "ray")]
            State::Shared(reference) => {
                let reference = reference.clone();
                into.push(Watch(Box::new(move |notify| reference.watch(notify, position))));
            }
            _ => {}
        }
        self.1.watches(position + 1, into);
    }

    fn arrive(&mut self, position: usize) -> Result<()> {
        if position > 0 {
            return self.1.arrive(position - 1);
        }
        self.0.state = match std::mem::replace(&mut self.0.state, State::Gone) {
            State::Later(future) => match future.0.slot().try_take_as_it_is() {
                #[cfg(feature = "ray")]
                Some(Value::Far(far)) if self.0.encode.is_some() => State::Far(far.stored.clone()),
                Some(value) => State::Now(value.open()?),
                // Somebody has it for a moment.
                None => State::Now(future.result()?),
            },
            #[cfg(feature = "ray")]
            State::Shared(reference) => match reference.error() {
                Some(error) => return Err(error),
                None => State::Shared(reference),
            },
            other => other,
        };
        Ok(())
    }

    fn abandon(&self) {
        if let State::Later(future) = &self.0.state {
            future.0.abandon();
        }
        self.1.abandon();
    }

    fn failed(&self, position: usize) -> bool {
        match (position, &self.0.state) {
            (0, State::Later(future)) => future.0.slot().failed(),
            #[cfg(feature = "ray")]
            (0, State::Shared(reference)) => reference.error().is_some(),
            (0, _) => false,
            _ => self.1.failed(position - 1),
        }
    }

    fn refusal(&self) -> Option<Error> {
        let first = match &self.0.state {
            State::Later(future) => future.refusal(),
            _ => None,
        };
        first.or_else(|| self.1.refusal())
    }

    #[cfg(feature = "ray")]
    fn stay(&self, bridge: &Behind<'_>) -> bool {
        let stays = self.0.encode.is_some() && self.1.stay(bridge);
        if let (true, State::Later(future)) = (stays, &self.0.state) {
            future.0.want_far(Some(bridge.0));
        }
        stays
    }

    #[cfg(feature = "ray")]
    fn come(&mut self, now: bool) {
        if let State::Shared(reference) = &self.0.state {
            let fetched = reference.fetch();
            self.0.state = if now {
                match fetched.result() {
                    Ok(value) => State::Now(value),
                    Err(error) => State::Later(TaskFuture::settled(Err(error))),
                }
            } else {
                State::Later(fetched)
            };
        }
        self.1.come(now);
    }

    #[cfg(feature = "ray")]
    fn pieces(&self, bridge: &Behind<'_>, into: &mut Pieces) -> Result<()> {
        into.add(&self.0, bridge.0)?;
        self.1.pieces(bridge, into)
    }

    const COUNT: usize = 1 + R::COUNT;
}

/// So far down a chain of calls is looked for one that must not be waited for.
const FAR: usize = 100;

/// Something that waits and can be told not to.
pub(crate) trait Waiting: Send + Sync {
    fn give_up(&self);
    /// Why this thread must not wait for it too.
    fn refusal(&self) -> Option<Error>;
}

/// Arguments that are not all there, and what to do once they are.
struct Join<A, F> {
    held: Mutex<Option<(A, F)>>,
    left: AtomicUsize,
}

impl<A, F> Join<A, F> {
    fn lock(&self) -> MutexGuard<'_, Option<(A, F)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Args, F: FnOnce(Result<A>) + Send + 'static> Notify for Join<A, F> {
    fn notify(self: Arc<Self>, position: usize) {
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        let taken = {
            let mut held = self.lock();
            let failed = held.as_ref().is_some_and(|(args, _)| args.failed(position));
            if last || failed { held.take().map(|held| (held, failed)) } else { None }
        };
        let Some(((mut args, then), failed)) = taken else { return };
        if failed {
            if let Err(error) = args.arrive(position) {
                args.abandon();
                then(Err(error));
            }
            return;
        }
        let mut result = Ok(());
        for position in 0..A::COUNT {
            result = result.and_then(|()| args.arrive(position));
        }
        then(result.map(|()| args));
    }
}

impl<A: Args, F: Send> Waiting for Join<A, F> {
    fn give_up(&self) {
        let held = self.lock().take();
        if let Some((args, _then)) = held {
            args.abandon();
        }
    }

    fn refusal(&self) -> Option<Error> {
        depth::within(FAR, || self.lock().as_ref().and_then(|(args, _)| args.refusal())).flatten()
    }
}

/// Calls `then` with `args` once all are there, or with the first error to happen.
pub(crate) fn gather_args<A, F>(args: A, then: F) -> Arc<dyn Waiting>
where
    A: Args,
    F: FnOnce(Result<A>) + Send + 'static,
{
    let mut watches = Vec::new();
    args.watches(0, &mut watches);
    let join = Arc::new(Join { left: AtomicUsize::new(watches.len()), held: Mutex::new(Some((args, then))) });
    for watch in watches {
        (watch.0)(join.clone());
    }
    join
}
