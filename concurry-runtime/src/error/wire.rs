//! How an [`Error`] crosses to another process of ours: a plain mirror of it, the method's own error as text and,
//! where it has one, as its own encoding.

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use std::time::Duration;

use super::{BoxError, Error, Failure, RemoteError, TimeoutScope};

#[derive(Serialize, Deserialize)]
pub(crate) struct Told {
    kind: Kind,
    worker: String,
    method: String,
    message: String,
    attempts: u32,
    failure: Option<(RemoteError, Option<Vec<u8>>)>,
}

#[derive(Serialize, Deserialize)]
enum Kind {
    Failed,
    Panicked(String),
    WorkerDied(String),
    InitFailed,
    Cancelled,
    TimedOut(TimeoutScope, Option<Duration>),
    Stopped,
    Full(usize),
    Unsupported,
    Invalid,
    Codec,
    Limit,
    Config,
    Ray,
}

impl From<&Error> for Told {
    fn from(error: &Error) -> Self {
        let mut names = error.clone();
        let (worker, method) = names
            .names_mut()
            .map(|(worker, method)| (worker.to_string(), method.map(|m| m.to_string()).unwrap_or_default()))
            .unwrap_or_default();
        let mut told = Told {
            kind: Kind::Failed,
            worker,
            method,
            message: String::new(),
            attempts: 1,
            failure: error.failure().map(|failure| (failure.to_remote(), failure.encoding().map(<[u8]>::to_vec))),
        };
        (told.kind, told.message, told.attempts) = match error {
            Error::Failed { attempts, .. } => (Kind::Failed, String::new(), *attempts),
            Error::Panicked { message, location, attempts, .. } => {
                (Kind::Panicked(location.clone()), message.clone(), *attempts)
            }
            Error::WorkerDied { status, stderr, attempts, .. } => {
                (Kind::WorkerDied(stderr.to_string()), status.clone(), *attempts)
            }
            Error::InitFailed { message, .. } => (Kind::InitFailed, message.clone(), 1),
            Error::Cancelled { .. } => (Kind::Cancelled, String::new(), 1),
            Error::TimedOut { scope, after, attempts, .. } => {
                (Kind::TimedOut(*scope, *after), String::new(), *attempts)
            }
            Error::Stopped { .. } => (Kind::Stopped, String::new(), 1),
            Error::Full { max_pending, .. } => (Kind::Full(*max_pending), String::new(), 1),
            Error::Unsupported { message } => (Kind::Unsupported, message.clone(), 1),
            Error::Invalid { message, attempts, .. } => (Kind::Invalid, message.clone(), *attempts),
            Error::Codec { message, .. } => (Kind::Codec, message.clone(), 1),
            Error::Limit { message, .. } => (Kind::Limit, message.clone(), 1),
            Error::Config { message } => (Kind::Config, message.clone(), 1),
            Error::Ray { message } => (Kind::Ray, message.clone(), 1),
        };
        told
    }
}

impl Told {
    /// The error again; `rebuild` makes the method's own error of its encoding where it can.
    pub(crate) fn into_error(self, rebuild: impl FnOnce(&[u8]) -> Option<BoxError>) -> Error {
        let Told { kind, worker, method, message, attempts, failure } = self;
        let failure = failure.map(|(remote, encoded)| {
            let name = remote.type_name.clone();
            match encoded.as_deref().and_then(rebuild) {
                Some(own) => Failure::encoded(own, &name, encoded),
                None => Failure::encoded(Box::new(remote), &name, encoded),
            }
        });
        let (worker, method) = (worker.into(), method.into());
        match kind {
            Kind::Failed => match failure {
                Some(source) => Error::Failed { worker, method, source, attempts },
                None => Error::Codec { worker, method, message: "an error without its cause arrived".to_owned() },
            },
            Kind::Panicked(location) => Error::Panicked { worker, method, message, location, attempts },
            Kind::WorkerDied(stderr) => {
                Error::WorkerDied { worker, method, status: message, stderr: stderr.into(), attempts }
            }
            Kind::InitFailed => Error::InitFailed { worker, message, source: failure },
            Kind::Cancelled => Error::Cancelled { worker, method },
            Kind::TimedOut(scope, after) => Error::TimedOut { scope, worker, method, after, attempts },
            Kind::Stopped => Error::Stopped { worker, method },
            Kind::Full(max_pending) => Error::Full { worker, method, max_pending },
            Kind::Unsupported => Error::Unsupported { message },
            Kind::Invalid => Error::Invalid { worker, method, message, attempts },
            Kind::Codec => Error::Codec { worker, method, message },
            Kind::Limit => Error::Limit { worker, method, message },
            Kind::Config => Error::Config { message },
            Kind::Ray => Error::Ray { message },
        }
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Told::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Told::deserialize(deserializer)?.into_error(|_| None))
    }
}
