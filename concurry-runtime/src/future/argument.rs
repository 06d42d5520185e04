//! Arguments of a stub: a value, or a future of one that the call then waits for without any thread.
//!
//! A call whose arguments are not all there holds them in a [`join`](super::join).

#[cfg(feature = "ray")]
use std::any::TypeId;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::slot::Notify;
#[cfg(feature = "ray")]
use super::slot::Value;
use super::task_future::TaskFuture;
use crate::error::{Error, Result};
#[cfg(feature = "ray")]
use crate::far::{Behind, Pieces, RemoteRef, Site, Stored, Way};
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

#[cfg(feature = "ray")]
impl<T: 'static> Arg<T> {
    /// Adds it to what a call at this site is put together of.
    fn add_to(&self, pieces: &mut Pieces, site: &Arc<dyn Site>) -> Result<()> {
        let way = match &self.state {
            State::Now(value) => {
                let encode = self.encode.ok_or_else(|| Error::codec("an argument cannot be encoded by itself"))?;
                return pieces.add_value(|bytes, most| encode(Codec::Bincode, value, bytes, most));
            }
            State::Far(stored) => Way::Far(stored.clone()),
            State::Shared(reference) => reference.way_to(site)?,
            State::Later(_) | State::Gone => return Err(Error::invalid("an argument's future gave no value")),
        };
        pieces.add(way, TypeId::of::<T>() == TypeId::of::<Vec<u8>>())
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
pub struct Watch(pub(super) Box<dyn FnOnce(Arc<dyn Notify>)>);

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
    /// Those that need not come here are to stay where they are, if that is at this site; whether that serves.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn stay(&self, site: &Behind<'_>) -> bool;
    /// Has those that are elsewhere brought here; where it is to be `now`, this waits for it.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn come(&mut self, now: bool);
    /// What a call at this site is put together of, where some are there.
    #[cfg(feature = "ray")]
    #[doc(hidden)]
    fn pieces(&self, site: &Behind<'_>, into: &mut Pieces) -> Result<()>;
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
            #[cfg(feature = "ray")]
            State::Shared(reference) => reference.refusal(),
            _ => None,
        };
        first.or_else(|| self.1.refusal())
    }

    #[cfg(feature = "ray")]
    fn stay(&self, site: &Behind<'_>) -> bool {
        let stays = self.0.encode.is_some() && self.1.stay(site);
        if let (true, State::Later(future)) = (stays, &self.0.state) {
            future.0.want_far(Some(site.0));
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
    fn pieces(&self, site: &Behind<'_>, into: &mut Pieces) -> Result<()> {
        self.0.add_to(into, site.0)?;
        self.1.pieces(site, into)
    }

    const COUNT: usize = 1 + R::COUNT;
}
