//! Events of workers that share memory with the test.

use std::sync::mpsc::{Receiver, RecvTimeoutError};

use crate::LONG;

/// Waits for the next event; the test fails where it takes longer than [`LONG`].
#[track_caller]
pub fn next<T>(events: &Receiver<T>) -> T {
    match events.recv_timeout(LONG) {
        Ok(event) => event,
        Err(RecvTimeoutError::Timeout) => panic!("the event did not come within {LONG:?}"),
        Err(RecvTimeoutError::Disconnected) => panic!("nobody is left to make the event"),
    }
}
