//! What a set of limits is: its keys, what each allows, and its configuration. Plain data that can be sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rate::RateAlgorithm;
use super::window::Window;
use crate::error::{Error, Result};

/// The key of the limit that every call takes one of by itself.
pub(crate) const CALLS: &str = "calls";

/// What a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// So much in a window.
    Rate { window: Window, algorithm: RateAlgorithm },
    /// So much at once.
    Resource,
}

/// One limit of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limit {
    pub(crate) key: String,
    pub(crate) capacity: u64,
    pub(crate) kind: Kind,
    /// Whether every call takes one by itself.
    pub(crate) by_calls: bool,
}

/// A set as its builder was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) limits: Vec<Limit>,
    pub(crate) config: Vec<(String, String)>,
}

impl Definition {
    /// Whether such a set can be.
    pub(crate) fn check(&self) -> Result<()> {
        for (at, limit) in self.limits.iter().enumerate() {
            let Limit { key, capacity, kind, .. } = limit;
            if key.is_empty() {
                return Err(Error::limit("a limit has an empty key; give it a name"));
            }
            if *capacity == 0 {
                return Err(Error::limit(format!(
                    "the limit `{key}` allows 0, so nothing could ever take of it; allow at least 1 or leave it out"
                )));
            }
            if let Kind::Rate { window, .. } = kind
                && window.nanos().is_none()
            {
                return Err(Error::limit(format!(
                    "the limit `{key}` counts {window}; a window must be from 1 ns to 100 years"
                )));
            }
            if self.limits[..at].iter().any(|earlier| earlier.key == *key) {
                let remedy = if key == CALLS {
                    "`calls(..)` is given once, and no other limit has that name"
                } else {
                    "each key is given once"
                };
                return Err(Error::limit(format!("the limit `{key}` is there twice; {remedy}")));
            }
        }
        Ok(())
    }

    /// Where the limit of this name is.
    pub(crate) fn position(&self, key: &str) -> Option<usize> {
        self.limits.iter().position(|limit| limit.key == key)
    }

    /// Where the limit is that every call takes one of.
    pub(crate) fn calls(&self) -> Option<u32> {
        self.limits.iter().position(|limit| limit.by_calls).and_then(|at| u32::try_from(at).ok())
    }

    pub(crate) fn config(&self, key: &str) -> Option<&str> {
        self.config.iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// The later value of a key replaces an earlier one.
    pub(crate) fn set_config(&mut self, key: String, value: String) {
        match self.config.iter_mut().find(|(own, _)| *own == key) {
            Some((_, old)) => *old = value,
            None => self.config.push((key, value)),
        }
    }
}

/// As `tokens: 10000 minutely (sliding_window)`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.capacity)?;
        match self.kind {
            Kind::Rate { window, algorithm } => write!(f, " {window} ({algorithm})"),
            Kind::Resource => write!(f, " at once"),
        }
    }
}
