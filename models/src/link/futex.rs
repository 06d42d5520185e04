//! A futex as the kernel promises it: looking at the word and going to sleep are one step.

use super::sync::{AtomicU32, Ordering};

pub(super) fn wait(word: &AtomicU32, value: u32) {
    let sleepers = word.sleepers.lock().unwrap();
    if word.load(Ordering::SeqCst) == value {
        drop(word.woken.wait(sleepers).unwrap());
    }
}

pub(super) fn wake(word: &AtomicU32) {
    let _sleepers = word.sleepers.lock().unwrap();
    word.woken.notify_one();
}
