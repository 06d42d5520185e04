//! Where a worker lives: [`Mode`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::words::{self, Words};

/// Where the workers of a pool live and how their methods run.
///
/// ```
/// use concurry::prelude::*;
/// assert_eq!("proc".parse::<Mode>().unwrap(), Mode::Process);
/// assert_eq!(Mode::Thread.to_string(), "thread");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Mode {
    /// Inline, on the thread that called `init`, before the call returns.
    Sync,
    /// One operating-system thread a worker; one call at a time.
    #[default]
    Thread,
    /// A tokio runtime on a thread of its own a worker; needs the feature `tokio`.
    Async,
    /// One operating-system process a worker, running the same executable.
    Process,
    /// One actor of a Ray cluster a worker; needs the feature `ray`.
    Ray,
}

impl Words for Mode {
    const WHAT: &'static str = "mode";
    const TABLE: &'static [(Self, &'static [&'static str])] = concurry_options::modes!([words::table] Mode);
}

impl Mode {
    /// Every mode, each at the place of its number.
    pub(crate) const ALL: [Mode; 5] = concurry_options::modes!([words::all] Mode);
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(words::word(*self))
    }
}

impl FromStr for Mode {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        words::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_at_the_place_of_its_number() {
        for (place, mode) in Mode::ALL.into_iter().enumerate() {
            assert_eq!(mode as usize, place, "{mode}");
        }
    }
}
