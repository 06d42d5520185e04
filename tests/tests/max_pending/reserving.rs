//! Async code waits for room without a thread.

use std::pin::pin;
use std::task::Poll;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Soon, apart};

use crate::desk::{Busy, Desk, is_full, poll};
#[test]
fn async_submitters_wait_without_a_thread_and_in_order() {
    for on_full in [OnFull::Reject, OnFull::Block] {
        for mode in apart() {
            let busy = Busy::new(Desk::options().mode(mode).max_pending(1).on_full(on_full));
            let mut waits: Vec<_> = (0..4).map(|_| Box::pin(busy.pool.reserve())).collect();
            assert!(waits.iter_mut().all(|wait| poll(wait.as_mut()).is_pending()), "{mode}");
            // One goes away before it is its turn, and the first when it has been granted.
            drop(waits.remove(1));
            busy.visitor.pass("go");
            busy.stays.soon().unwrap();
            drop(waits.remove(0));
            let second = match poll(waits[0].as_mut()) {
                Poll::Ready(client) => client.unwrap(),
                Poll::Pending => panic!("{mode}: it was not its turn"),
            };
            assert!(poll(waits[1].as_mut()).is_pending(), "{mode}");
            let clone = second.clone();
            assert_eq!(second.echo(1).soon().unwrap(), 1, "{mode}");
            // The place was for one call, whoever makes it.
            let third = match poll(waits[1].as_mut()) {
                Poll::Ready(client) => client.unwrap(),
                Poll::Pending => panic!("{mode}: it was not its turn"),
            };
            if on_full == OnFull::Reject {
                assert!(is_full(&clone.echo(2).soon().unwrap_err()), "{mode}");
            }
            // A client that is dropped without a call gives its place back.
            drop(third);
            assert_eq!(busy.pool.echo(3).soon().unwrap(), 3, "{mode}");
            busy.pool.stop().unwrap();
            assert!(matches!(poll(pin!(busy.pool.reserve())), Poll::Ready(Err(Error::Stopped { .. }))), "{mode}");
        }
    }
}

#[tokio::test]
async fn reserving_runs_any_number_of_calls_with_few_at_a_time() {
    for mode in apart() {
        let pool = Desk::options().mode(mode).max_pending(3).init().unwrap();
        let mut futures = Vec::new();
        for number in 0..300 {
            futures.push(pool.reserve().await.unwrap().echo(number));
        }
        assert_eq!(gather(futures).await.unwrap(), (0..300).collect::<Vec<_>>(), "{mode}");
        assert_eq!((pool.stats().completed, pool.stats().rejected), (300, 0), "{mode}");
        pool.stop().unwrap();
        let unbounded = Desk::options().mode(mode).init().unwrap();
        assert_eq!(unbounded.reserve().await.unwrap().worker(0).echo(7).await.unwrap(), 7);
        unbounded.stop().unwrap();
    }
}
