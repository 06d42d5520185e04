//! The smallest executor: one future on this thread, parked while it waits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` to its end, parking the thread whenever it is not ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            // A token that somebody else used up or left only costs a turn of this loop.
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::future::Promise;

    #[test]
    fn it_wakes() {
        let promise = Promise::<u8>::new(("", ""));
        let future = crate::future::TaskFuture(promise.clone() as Arc<dyn crate::future::Outcome<u8>>);
        let other = thread::spawn(move || promise.settle(Ok(7)));
        assert_eq!(block_on(future).unwrap(), 7);
        assert!(other.join().unwrap());
    }
}
