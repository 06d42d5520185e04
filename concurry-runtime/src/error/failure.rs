//! A method's own error, kept as it was or as what came of it over a process boundary.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::panics;

/// Something that holds an error, such as a box or `anyhow::Error`.
trait Holds: Send + Sync {
    fn held(&self) -> &(dyn StdError + 'static);
}

struct Boxed(Box<dyn StdError + Send + Sync>);

impl Holds for Boxed {
    fn held(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

struct Derefs<E>(E);

impl<E> Holds for Derefs<E>
where
    E: Deref<Target = dyn StdError + Send + Sync> + Send + Sync,
{
    fn held(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

struct Inner<H: ?Sized> {
    type_name: String,
    /// The error's own encoding, to rebuild it in another process of ours.
    encoded: Option<Vec<u8>>,
    holder: H,
}

/// The error that a method returned, shared by every clone of the [`Error`](super::Error) that carries it.
#[derive(Clone)]
pub struct Failure(Arc<Inner<dyn Holds>>);

impl Failure {
    pub(crate) fn boxed(error: Box<dyn StdError + Send + Sync>, type_name: &str) -> Self {
        Failure(Arc::new(Inner { type_name: type_name.to_owned(), encoded: None, holder: Boxed(error) }))
    }

    pub(crate) fn encoded(error: Box<dyn StdError + Send + Sync>, type_name: &str, encoded: Option<Vec<u8>>) -> Self {
        Failure(Arc::new(Inner { type_name: type_name.to_owned(), encoded, holder: Boxed(error) }))
    }

    pub(crate) fn deref<E>(error: E, type_name: &str) -> Self
    where
        E: Deref<Target = dyn StdError + Send + Sync> + Send + Sync + 'static,
    {
        Failure(Arc::new(Inner { type_name: type_name.to_owned(), encoded: None, holder: Derefs(error) }))
    }

    /// The error itself.
    pub fn error(&self) -> &(dyn StdError + 'static) {
        self.0.holder.held()
    }

    /// The name of the error's type as the compiler writes it.
    pub fn type_name(&self) -> &str {
        match self.error().downcast_ref::<RemoteError>() {
            Some(remote) => &remote.type_name,
            None => &self.0.type_name,
        }
    }

    pub(crate) fn encoding(&self) -> Option<&[u8]> {
        self.0.encoded.as_deref()
    }

    /// What of it can cross to another process: name, text and chain.
    pub(crate) fn to_remote(&self) -> RemoteError {
        if let Some(remote) = self.error().downcast_ref::<RemoteError>() {
            return remote.clone();
        }
        let mut sources = Vec::new();
        let mut next = self.error().source();
        while let Some(error) = next {
            sources.push(panics::text_of(error));
            next = error.source();
        }
        RemoteError::new(self.type_name().to_owned(), panics::text_of(self.error()), sources)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.error(), f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.error(), f)
    }
}

/// An error of another process whose type could not travel: its name, its text and its causes.
///
/// ```
/// use std::io;
///
/// use concurry::RemoteError;
/// use concurry::prelude::*;
///
/// #[task(mode = "process")]
/// fn size(path: &str) -> io::Result<u64> {
///     Ok(std::fs::metadata(path)?.len())
/// }
///
/// fn main() -> concurry::Result<()> {
///     // An `io::Error` is not serializable.
///     let error = size("no/such/file").result().unwrap_err();
///     let remote = error.downcast_ref::<RemoteError>().unwrap();
///     assert!(remote.message.starts_with("No such file"));
///     assert!(error.is::<io::Error>(), "its name is known");
///     size::stop()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Told", into = "Told")]
#[non_exhaustive]
pub struct RemoteError {
    /// The type's name as the compiler writes it.
    pub type_name: String,
    /// What it says.
    pub message: String,
    /// What its causes say, the nearest first.
    pub sources: Vec<String>,
    /// The causes once more, as a chain of errors.
    chain: Option<Box<Cause>>,
}

#[derive(Serialize, Deserialize)]
struct Told(String, String, Vec<String>);

impl From<Told> for RemoteError {
    fn from(Told(type_name, message, sources): Told) -> Self {
        RemoteError::new(type_name, message, sources)
    }
}

impl From<RemoteError> for Told {
    fn from(error: RemoteError) -> Self {
        Told(error.type_name, error.message, error.sources)
    }
}

impl RemoteError {
    pub(crate) fn new(type_name: String, message: String, sources: Vec<String>) -> Self {
        let chain =
            sources.iter().rev().fold(None, |next, message| Some(Box::new(Cause { message: message.clone(), next })));
        RemoteError { type_name, message, sources, chain }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for RemoteError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.chain.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cause {
    message: String,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.next.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}
