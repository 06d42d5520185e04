//! [`Slot`]: what a peer is given that has no futures of its own. The comparison in `suite` takes this file in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

/// The least that a result can be handed over with: a number, and who waits for it.
#[derive(Default)]
pub struct Slot {
    value: AtomicU64,
    waiter: Mutex<bool>,
    there: Condvar,
}

impl Slot {
    /// Hands over a value that is not 0.
    pub fn put(&self, value: u64) {
        self.value.store(value, Ordering::Release);
        if let Ok(true) = self.waiter.lock().as_deref() {
            self.there.notify_one();
        }
    }

    /// Waits for the value.
    pub fn take(&self) -> u64 {
        let mut value = self.value.load(Ordering::Acquire);
        if value == 0
            && let Ok(mut waiting) = self.waiter.lock()
        {
            *waiting = true;
            while self.value.load(Ordering::Acquire) == 0 {
                match self.there.wait(waiting) {
                    Ok(again) => waiting = again,
                    Err(_) => break,
                }
            }
            value = self.value.load(Ordering::Acquire);
        }
        value
    }
}
