//! What holds calls up on this machine's threads: a [`Bar`] that lets one through at a time, a [`Latch`] for all; and
//! [`bounded`], for what must come to an end.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::{LONG, eventually_is};

/// Fails where `run` has not come to an end after [`LONG`].
pub fn bounded<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = channel();
    let runs = thread::spawn(move || done.send(run()));
    match wait.recv_timeout(LONG) {
        Ok(value) => {
            runs.join().unwrap().unwrap();
            value
        }
        Err(RecvTimeoutError::Disconnected) => resume_unwind(runs.join().unwrap_err()),
        Err(RecvTimeoutError::Timeout) => panic!("it did not end within {LONG:?}"),
    }
}

/// Closed until it is opened; who comes says so.
#[derive(Clone, Debug)]
pub struct Bar(Arc<(Mutex<Receiver<()>>, AtomicUsize)>);

/// A bar, and what opens it: each thing sent lets one through, and its end all.
pub fn bar() -> (Sender<()>, Bar) {
    let (open, wait) = channel();
    (open, Bar(Arc::new((Mutex::new(wait), AtomicUsize::new(0)))))
}

impl Bar {
    /// Waits until it is open: its other end sent something, or is gone.
    pub fn pass(&self) {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        let _ = self.0.0.lock().unwrap().recv_timeout(LONG);
    }

    /// Waits until one has come; no more may.
    pub fn await_somebody(&self) {
        eventually_is("how many stand at the bar", 1, || self.0.1.load(Ordering::SeqCst));
    }
}

/// Passed by everybody once it is open.
#[derive(Clone, Debug, Default)]
pub struct Latch(Arc<(Mutex<bool>, Condvar)>);

impl Latch {
    /// From now on everybody passes.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        assert!(!self.0.1.wait_timeout_while(open, LONG, |open| !*open).unwrap().1.timed_out());
    }
}
