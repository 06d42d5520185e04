//! Waiting a moment before going to sleep.
//!
//! Waking a thread that sleeps costs some twenty to forty microseconds where its processor sleeps too, most of them the
//! kernel's; an answer to a small call is there in less than one. So whoever waits first looks at memory for a short
//! while: a microsecond or two with the processor's pause instruction, then yielding to whoever else wants to run, fifty
//! microseconds at most. That is a little longer than the other side takes to be woken: were it less, two that have
//! both gone to sleep would wake each other for ever, since each would give up just before it hears of the other.
//!
//! That pays only while there is a processor to spare, and only for who is usually lucky. So at most one thread fewer
//! than there are processors goes on to yield at a time, and each waiter keeps a [`Patience`] that is used up by waiting
//! in vain. It is not made shorter instead: two that wait for each other in turn would both end up too short to see
//! that the other is quick once it is awake, and wake each other for ever.

use std::hint;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that anybody spins.
const MOST: Duration = Duration::from_micros(50);
/// How often the pause instruction is used before the first yield; some one to two microseconds.
const PAUSES: u32 = 40;
/// A waiter without patience tries again once in so many times.
const AGAIN: u32 = 32;
/// How often a waiter may wait in vain before it is without patience.
const STEPS: u32 = 5;

static SPINNING: AtomicUsize = AtomicUsize::new(0);

fn most_at_once() -> usize {
    static MOST: OnceLock<usize> = OnceLock::new();
    *MOST.get_or_init(|| thread::available_parallelism().map_or(1, usize::from).saturating_sub(1))
}

/// Looks now at what is looked at once, for processes that are to be forked from this one.
pub(crate) fn prepare() {
    let _ = most_at_once();
}

/// How long one waiter is worth spinning for, as far as it has shown.
pub(crate) struct Patience {
    /// How often it may still come to nothing.
    steps: AtomicU32,
    skipped: AtomicU32,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Patience { steps: AtomicU32::new(STEPS), skipped: AtomicU32::new(0) }
    }

    /// Spins until `done`, or until it is not worth it any more; whether it came true.
    pub(crate) fn spin(&self, done: impl FnMut() -> bool) -> bool {
        self.watch(thread::yield_now, done)
    }

    /// As [`spin`](Self::spin), with `pause` between two looks once it is not over at once.
    pub(crate) fn watch(&self, mut pause: impl FnMut(), mut done: impl FnMut() -> bool) -> bool {
        let steps = self.steps.load(Ordering::Relaxed);
        if steps == 0 && self.skipped.fetch_add(1, Ordering::Relaxed) % AGAIN != AGAIN - 1 {
            return done();
        }
        // One that is just being waited for needs the moment in which it hands over, so this part is anybody's, but
        // where there is only one processor: nothing can happen meanwhile there.
        for _ in 0..if most_at_once() == 0 { 0 } else { PAUSES } {
            if done() {
                self.pleased(steps);
                return true;
            }
            hint::spin_loop();
        }
        let Some(_seat) = Seat::take() else { return done() };
        let end = Instant::now() + MOST;
        loop {
            if done() {
                self.pleased(steps);
                return true;
            }
            if Instant::now() >= end {
                self.steps.store(steps.saturating_sub(1), Ordering::Relaxed);
                return false;
            }
            pause();
        }
    }

    fn pleased(&self, steps: u32) {
        if steps < STEPS {
            self.steps.store((steps + 2).min(STEPS), Ordering::Relaxed);
        }
    }
}

/// Leave to spin; given back on drop.
struct Seat;

impl Seat {
    fn take() -> Option<Self> {
        if SPINNING.fetch_add(1, Ordering::Relaxed) < most_at_once() {
            return Some(Seat);
        }
        SPINNING.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        SPINNING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_wears_off_and_comes_back() {
        let patience = Patience::new();
        // Where there is one processor nobody spins, and nothing is learned; nor where others of this process do.
        if most_at_once() > 0 {
            let end = Instant::now() + Duration::from_secs(60);
            while patience.steps.load(Ordering::Relaxed) > 0 {
                assert!(!patience.spin(|| false));
                assert!(Instant::now() < end, "it never wears off");
            }
        }
        for _ in 0..1000 {
            assert!(patience.spin(|| true));
        }
        assert_eq!(patience.steps.load(Ordering::Relaxed), STEPS);
    }
}
