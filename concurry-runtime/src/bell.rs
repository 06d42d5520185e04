//! Being told, while one waits for something inside a call, that nobody wants what the call comes to any more.
//!
//! A [`Bell`] belongs to an incarnation of a worker. Whoever cancels one of its calls, or gives all of them up, does that
//! first and rings afterwards. Whoever waits inside one of them listens first, then looks whether the call is still
//! wanted, and sleeps then. So no ring is missed; one that was about another call costs a look.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, TimeoutScope};

/// A call, as whoever waits inside it sees it.
pub(crate) trait Watched: Send + Sync {
    /// Whether nobody wants what `attempt` of it comes to any more.
    fn is_over(&self, attempt: u32) -> bool;

    /// The span of the run of `attempt`, where it has one.
    #[cfg(feature = "tracing")]
    fn span(&self, _attempt: u32) -> Option<tracing::Span> {
        None
    }
}

/// Of a call that is known to another process: whether that has said so.
impl Watched for AtomicBool {
    fn is_over(&self, _: u32) -> bool {
        self.load(Ordering::Acquire)
    }
}

/// Whoever waits, and looks again when it is woken.
pub(crate) trait Sleeper: Send + Sync {
    fn wake(&self);
}

/// What wakes everybody who waits inside the calls of a worker.
#[derive(Default)]
pub(crate) struct Bell {
    ended: AtomicBool,
    sleepers: Mutex<Vec<Arc<dyn Sleeper>>>,
}

impl Bell {
    fn sleepers(&self) -> MutexGuard<'_, Vec<Arc<dyn Sleeper>>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some call is over. Not to be rung under a lock: a waker may be anybody's.
    pub(crate) fn ring(&self) {
        let sleepers = self.sleepers().clone();
        sleepers.iter().for_each(|sleeper| sleeper.wake());
    }

    /// The worker is given up, and with it all its calls.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.ring();
    }
}

/// A call that somebody waits inside of, and the bell that is rung when it is over.
#[derive(Clone)]
pub(crate) struct Watch {
    bell: Arc<Bell>,
    call: Arc<dyn Watched>,
    attempt: u32,
    /// When its time is up.
    deadline: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(bell: Arc<Bell>, call: Arc<dyn Watched>, attempt: u32, deadline: Option<Instant>) -> Self {
        Watch { bell, call, attempt, deadline }
    }

    /// Why there is no need to wait any longer, if there is none.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if self.bell.ended.load(Ordering::Acquire) {
            return Some(Error::stopped());
        }
        // One whose time is up is over for that, whoever has seen it first.
        let late = || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.call
            .is_over(self.attempt)
            .then(|| if late() { Error::timed_out(TimeoutScope::Call, None) } else { Error::cancelled() })
    }

    /// Has `sleeper` woken by every ring from now on.
    pub(crate) fn listen(&self, sleeper: Arc<dyn Sleeper>) -> Listening {
        self.bell.sleepers().push(sleeper.clone());
        Listening { bell: self.bell.clone(), sleeper }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("attempt", &self.attempt).field("refusal", &self.refusal()).finish()
    }
}

/// Somebody listens until this is dropped.
pub(crate) struct Listening {
    bell: Arc<Bell>,
    sleeper: Arc<dyn Sleeper>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut sleepers = self.bell.sleepers();
        if let Some(at) = sleepers.iter().position(|other| Arc::ptr_eq(other, &self.sleeper)) {
            // Never the last to hold it, so nothing of anybody's is dropped here.
            sleepers.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Sleeper for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_listens_is_woken_and_told_why() {
        let (bell, call) = (Arc::<Bell>::default(), Arc::<AtomicBool>::default());
        let watch = Watch::new(bell.clone(), call.clone(), 1, None);
        let counts = [Arc::<Count>::default(), Arc::default()];
        let [first, second] = counts.clone().map(|count| watch.listen(count));
        let woken = || counts.clone().map(|count| count.0.load(Ordering::Relaxed));
        bell.ring();
        assert!(watch.refusal().is_none() && woken() == [1, 1]);
        drop(first);
        call.store(true, Ordering::Release);
        bell.ring();
        assert!(matches!(watch.refusal(), Some(Error::Cancelled { .. })) && woken() == [1, 2]);
        let late = Watch { deadline: Some(Instant::now()), ..watch.clone() };
        assert!(matches!(late.refusal(), Some(Error::TimedOut { scope: TimeoutScope::Call, .. })));
        drop(second);
        bell.end();
        assert!(matches!(watch.refusal(), Some(Error::Stopped { .. })) && woken() == [1, 2]);
        assert!(bell.sleepers().is_empty());
    }
}
