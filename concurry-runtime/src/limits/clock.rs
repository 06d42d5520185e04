//! What time it is, for limits: the machine's clock, or in tests one that is moved by [hand](super::manual).

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::manual::{self, Manual};
use crate::timer;

/// A time, as nanoseconds since the clock was made. There are 584 years of them.
pub(crate) type Nanos = u64;

/// A clock that never goes back.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's, counted from the instant.
    Real(Instant),
    /// One that stands until a test moves it.
    Manual(Arc<Manual>),
}

/// What runs when a time has come; dropping it cancels it, as that of [`timer::at`].
#[must_use]
pub(crate) enum Alarm {
    Real(#[allow(dead_code, reason = "it is held for its drop")] timer::Alarm),
    /// Rings never, being out of what the machine's clock can tell.
    Never,
    Manual(#[allow(dead_code, reason = "it is held for its drop")] manual::Alarm),
}

impl Clock {
    /// The machine's clock, from now.
    pub(crate) fn real() -> Self {
        Clock::Real(Instant::now())
    }

    pub(crate) fn now(&self) -> Nanos {
        match self {
            Clock::Real(start) => {
                let since = start.elapsed();
                since.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(since.subsec_nanos()))
            }
            Clock::Manual(manual) => manual.now(),
        }
    }

    /// Runs `run` at `when`, elsewhere than here; it must be short.
    ///
    /// # Errors
    /// No thread can be started to keep the time.
    pub(crate) fn at(&self, when: Nanos, run: impl FnOnce() + Send + 'static) -> io::Result<Alarm> {
        match self {
            Clock::Real(start) => match start.checked_add(Duration::from_nanos(when)) {
                Some(when) => timer::at(when, run).map(Alarm::Real),
                None => Ok(Alarm::Never),
            },
            Clock::Manual(manual) => manual.at(when, run).map(Alarm::Manual),
        }
    }
}
