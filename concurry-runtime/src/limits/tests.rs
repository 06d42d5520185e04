//! Limits as their users see them.

mod acquiring;
mod calls;
mod inside;
mod pools;
mod sets;
mod speed;
mod together;

use std::thread;
use std::time::{Duration, Instant};

use super::LimitSet;

/// Longer than anything takes that works.
const BOUND: Duration = Duration::from_secs(60);

fn wait_until_waiting(set: &LimitSet, count: u64) {
    let deadline = Instant::now() + BOUND;
    while set.stats().waiting != count {
        assert!(Instant::now() < deadline, "{} wait instead of {count}", set.stats().waiting);
        thread::yield_now();
    }
}
