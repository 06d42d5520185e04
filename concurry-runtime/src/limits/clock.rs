//! What time it is, for limits: the machine's clock, or in tests one that is moved by hand.

use std::io;
use std::time::{Duration, Instant};

use crate::timer;

/// A time, as nanoseconds since the clock was made. There are 584 years of them.
pub(crate) type Nanos = u64;

/// A clock that never goes back.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The machine's, counted from the instant.
    Real(Instant),
    /// One that stands until a test moves it.
    #[cfg(test)]
    Manual(std::sync::Arc<manual::Manual>),
}

/// What runs when a time has come; dropping it cancels it, as that of [`timer::at`].
#[must_use]
pub(crate) enum Alarm {
    Real(#[allow(dead_code, reason = "it is held for its drop")] timer::Alarm),
    /// Rings never, being out of what the machine's clock can tell.
    Never,
    #[cfg(test)]
    Manual(#[allow(dead_code, reason = "it is held for its drop")] manual::Alarm),
}

impl Clock {
    /// The machine's clock, from now.
    pub(crate) fn real() -> Self {
        Clock::Real(Instant::now())
    }

    pub(crate) fn now(&self) -> Nanos {
        match self {
            Clock::Real(start) => u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            #[cfg(test)]
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
            #[cfg(test)]
            Clock::Manual(manual) => manual.at(when, run).map(Alarm::Manual),
        }
    }
}

#[cfg(test)]
pub(crate) mod manual {
    //! The clock of tests.

    use std::collections::BTreeMap;
    use std::io;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::{Clock, Nanos};

    type Callback = Box<dyn FnOnce() + Send>;
    type Alarms = Arc<Mutex<BTreeMap<(Nanos, u64), Callback>>>;

    #[derive(Default)]
    pub(crate) struct Manual {
        now: AtomicU64,
        next: AtomicU64,
        alarms: Alarms,
        /// Whether alarms cannot be set, as where there are no threads left.
        pub(crate) broken: AtomicBool,
    }

    pub(crate) struct Alarm {
        alarms: Alarms,
        key: (Nanos, u64),
    }

    impl Drop for Alarm {
        fn drop(&mut self) {
            let callback = self.alarms.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
            drop(callback);
        }
    }

    impl Manual {
        pub(crate) fn new() -> (Arc<Self>, Clock) {
            let manual = Arc::<Self>::default();
            (manual.clone(), Clock::Manual(manual))
        }

        pub(crate) fn now(&self) -> Nanos {
            self.now.load(Ordering::SeqCst)
        }

        pub(super) fn at(&self, when: Nanos, run: impl FnOnce() + Send + 'static) -> io::Result<Alarm> {
            if self.broken.load(Ordering::SeqCst) {
                return Err(io::Error::other("no threads are left"));
            }
            let key = (when, self.next.fetch_add(1, Ordering::SeqCst));
            self.alarms.lock().unwrap().insert(key, Box::new(run));
            Ok(Alarm { alarms: self.alarms.clone(), key })
        }

        /// How many alarms are set.
        pub(crate) fn alarms(&self) -> usize {
            self.alarms.lock().unwrap().len()
        }

        /// Goes to `when`, and on the way rings what is due, each at its time.
        pub(crate) fn go_to(&self, when: Nanos) {
            loop {
                let mut alarms = self.alarms.lock().unwrap();
                let Some(first) = alarms.first_entry().filter(|first| first.key().0 <= when) else { break };
                let ((at, _), callback) = first.remove_entry();
                drop(alarms);
                self.now.fetch_max(at, Ordering::SeqCst);
                callback();
            }
            self.now.fetch_max(when, Ordering::SeqCst);
        }

        pub(crate) fn advance(&self, by: Nanos) {
            self.go_to(self.now() + by);
        }

        /// Goes to the next alarm and rings it; whether there was one.
        pub(crate) fn go_to_next_alarm(&self) -> bool {
            let next = self.alarms.lock().unwrap().first_key_value().map(|(&(at, _), _)| at);
            next.map(|at| self.go_to(at)).is_some()
        }
    }
}
