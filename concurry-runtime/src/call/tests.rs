//! A call by itself, with books that are kept by the test.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

use super::*;
use crate::future::Outcome;

/// Ends a call as cancelled, on another thread, as it is told to interrupt it; and has that thread stop between the call's
/// end and its publication until the test lets it go on.
struct Books {
    call: OnceLock<Call>,
    settling: Mutex<Sender<()>>,
    is_settling: Mutex<Receiver<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Ledger for Books {
    fn settling(&self, _: &Header, _: Phase, ok: bool, _: Option<Place>) {
        assert!(!ok);
        self.settling.lock().unwrap().send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
    }
    fn settled(&self) {}
    fn workers(&self) -> usize {
        1
    }
    fn left(&self, _: &Header, _: Place) {}
    fn interrupt(&self, _: usize, _: u64, _: u32, _: Interrupt) {
        let call = self.call.get().unwrap().clone();
        thread::spawn(move || call.fail(Error::cancelled(), None));
        self.is_settling.lock().unwrap().recv().unwrap();
    }
    fn retrying(&self, _: &Call, _: Phase, _: Option<Place>, _: Duration) {}
    fn may_retry(&self) -> bool {
        false
    }
}

const KIND: Kind = Kind { name: "Worker", methods: &[] };

#[test]
fn a_running_call_that_ends_by_being_cancelled_was_cancelled() {
    let (settling, is_settling) = channel();
    let (let_go, go_on) = channel();
    let books = Arc::new(Books {
        call: OnceLock::new(),
        settling: Mutex::new(settling),
        is_settling: Mutex::new(is_settling),
        go_on: Mutex::new(go_on),
    });
    let header = Header::new(0, &KIND, books.clone(), NONE, None);
    let call = CallCell::<u8, u8>::new(header, Payload::Typed(1), None);
    assert!(books.call.set(call.clone()).is_ok());
    assert_eq!(call.header().skip_queue(0), Some(1));
    assert!(call.header().begin(1));
    // It is over, and its future has not heard of that.
    assert!(call.cancel());
    assert_eq!((call.header().phase(), call.slot().is_done()), (Phase::Settled, false));
    let_go.send(()).unwrap();
    assert!(matches!(call.slot().wait(None), Some(Err(Error::Cancelled { .. }))));
    assert!(!call.cancel());
}
