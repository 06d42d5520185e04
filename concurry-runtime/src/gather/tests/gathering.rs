//! `gather`: what comes when, and what is left behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Weak;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::error::TimeoutScope;
use crate::executor::block_on;
use crate::gather::gather;

fn is_wait_timeout<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::TimedOut { scope: TimeoutScope::Wait, .. }))
}

#[test]
fn results_come_in_order_whatever_settles_first() {
    let (all, futures) = promises(3);
    let other = thread::spawn(move || {
        for index in [2, 0, 1] {
            assert!(all[index].settle(Ok(index)));
        }
    });
    assert_eq!(gather(futures).results().unwrap(), [0, 1, 2]);
    other.join().unwrap();
}

#[test]
fn the_first_error_to_happen_ends_it() {
    let (all, futures) = promises::<u32>(4);
    all[3].settle(Ok(3));
    let gathered = gather(futures);
    let other = {
        let all = all.clone();
        thread::spawn(move || {
            while all[3].slot().watchers() + all[2].slot().watchers() == 0 {
                thread::yield_now();
            }
            all[2].settle(Err(oops("second to last")));
            all[1].settle(Err(oops("later")));
        })
    };
    assert_eq!(gathered.results().unwrap_err().to_string(), "second to last");
    other.join().unwrap();
    assert_eq!(all[0].slot().watchers(), 0);
}

#[test]
fn an_encoded_error_counts() {
    let encoded = Encoded::new();
    let (never, pending) = promise::<u32>();
    encoded.settle(Err(oops("from afar")));
    let result = gather([pending, TaskFuture(encoded.clone())]).results();
    assert_eq!(result.unwrap_err().to_string(), "from afar");
    assert_eq!((encoded.decoded.load(Ordering::Relaxed), never.slot().watchers()), (1, 0));
}

#[test]
fn a_value_that_was_taken_is_an_error() {
    let mut future = TaskFuture::ready(1);
    future.result_within(Duration::ZERO).unwrap();
    assert!(matches!(gather([future]).results(), Err(Error::Invalid { .. })));
}

#[test]
fn time_runs_out() {
    let (all, futures) = promises::<u32>(3);
    all[1].settle(Ok(1));
    let error = gather(futures).timeout(Duration::from_millis(5)).results();
    assert!(is_wait_timeout(&error), "{error:?}");
    assert!(error.unwrap_err().to_string().contains("Worker::method"));
    // Not cancelled, only left.
    assert!(all[0].settle(Ok(0)));
    assert_eq!(Arc::strong_count(&all[2]), 1);

    let (all, futures) = promises::<u32>(3);
    all[1].settle(Ok(1));
    let settled = gather(futures).timeout(Duration::ZERO).settled();
    assert!(is_wait_timeout(&settled[0]) && is_wait_timeout(&settled[2]));
    assert_eq!(*settled[1].as_ref().unwrap(), 1);

    let (all, futures) = promises::<u32>(2);
    all.iter().for_each(|promise| assert!(promise.settle(Ok(9))));
    assert_eq!(gather(futures).timeout(Duration::ZERO).results().unwrap(), [9, 9]);
}

#[test]
fn as_completed_gives_the_order_of_completion() {
    let (all, futures) = promises(4);
    let mut results = gather(futures).as_completed();
    assert_eq!(results.len(), 4);
    for index in [2, 0, 3, 1] {
        all[index].settle(if index == 3 { Err(oops("three")) } else { Ok(index * 10) });
        let (found, result) = results.next().unwrap();
        assert_eq!((found, result.ok()), (index, (index != 3).then_some(index * 10)));
        // The call's memory is free once its result was given out.
        assert_eq!(Arc::strong_count(&all[index]), 1);
    }
    assert!(results.next().is_none() && results.next().is_none());
}

#[test]
fn as_completed_tells_what_is_left_when_time_runs_out() {
    let (all, futures) = promises(5);
    all[3].settle(Ok(3));
    all[1].settle(Ok(1));
    let mut results = gather(futures).timeout(Duration::ZERO).as_completed();
    assert_eq!(results.next().unwrap().1.unwrap(), 1);
    assert_eq!(results.next().unwrap().1.unwrap(), 3);
    for (left, expected) in [0, 2, 4].into_iter().enumerate() {
        assert_eq!(results.len(), 3 - left);
        let (index, result) = results.next().unwrap();
        assert_eq!(index, expected);
        assert!(is_wait_timeout(&result));
        all[4].settle(Ok(4));
    }
    assert!(results.next().is_none() && results.next().is_none());
    assert_eq!(results.len(), 0);
}

#[test]
fn a_million_in_linear_time() {
    const COUNT: usize = 1_000_000;
    let (all, futures) = promises::<usize>(COUNT);
    let results = gather(futures).as_completed();
    // In an order that is neither that of the futures nor its reverse: 7 919 has no divisor in common with COUNT.
    let other = thread::spawn(move || {
        for turn in 0..COUNT {
            let index = turn * 7_919 % COUNT;
            assert!(all[index].settle(Ok(index)));
        }
    });
    let mut seen = 0;
    for (turn, (index, result)) in results.enumerate() {
        assert_eq!((index, result.unwrap()), (turn * 7_919 % COUNT, index));
        seen += 1;
    }
    other.join().unwrap();
    assert_eq!(seen, COUNT);
}

#[test]
fn dropping_it_half_way_leaves_nothing() {
    const COUNT: usize = 100_000;
    let tokens: Vec<Arc<()>> = (0..COUNT).map(|_| Arc::new(())).collect();
    let (all, futures) = promises::<Arc<()>>(COUNT);
    let mut results = gather(futures).as_completed();
    for (promise, token) in all.iter().zip(&tokens).step_by(2) {
        assert!(promise.settle(Ok(token.clone())));
    }
    for _ in 0..COUNT / 4 {
        results.next().unwrap().1.unwrap();
    }
    assert!(all.iter().skip(1).step_by(2).all(|promise| promise.slot().watchers() == 1));
    drop(results);
    assert!(all.iter().all(|promise| Arc::strong_count(promise) == 1 && promise.slot().watchers() == 0));
    // What was settled and not taken is still with its promise.
    let held = tokens.iter().filter(|token| Arc::strong_count(token) == 2).count();
    assert_eq!(held, COUNT / 4);
    drop(all);
    assert!(tokens.iter().all(|token| Arc::strong_count(token) == 1));
}

#[test]
fn the_board_goes_with_its_gather() {
    let (all, futures) = promises::<u32>(3);
    let results = gather(futures).as_completed();
    let board: Weak<_> = Arc::downgrade(results.watching.board());
    assert_eq!(board.strong_count(), 4);
    drop(results);
    assert!(board.upgrade().is_none());
    assert!(all[0].settle(Ok(1)));
}

#[test]
fn it_can_be_awaited() {
    let (all, futures) = promises(3);
    let other = thread::spawn(move || {
        for index in [1, 2, 0] {
            assert!(all[index].settle(Ok(index)));
        }
    });
    assert_eq!(block_on(async { gather(futures).await }).unwrap(), [0, 1, 2]);
    other.join().unwrap();
    let (a, b) = block_on(gather((TaskFuture::ready(1), TaskFuture::ready("b"))).into_future()).unwrap();
    assert_eq!((a, b), (1, "b"));
    let (all, futures) = promises::<u32>(2);
    all[1].settle(Err(oops("at once")));
    assert_eq!(block_on(gather(futures).into_future()).unwrap_err().to_string(), "at once");
}

#[test]
fn awaiting_it_knows_its_time() {
    let (all, futures) = promises::<u32>(2);
    let begun = Instant::now();
    let timeout = Duration::from_millis(20);
    let result = block_on(gather(futures).timeout(timeout).into_future());
    assert!(is_wait_timeout(&result) && begun.elapsed() >= timeout);
    assert_eq!(Arc::strong_count(&all[0]), 1);
    let (_all, futures) = promises::<u32>(2);
    assert!(is_wait_timeout(&block_on(gather(futures).timeout(Duration::ZERO).into_future())));
    let late = gather([TaskFuture::ready(1)]).timeout(Duration::ZERO).into_future();
    assert_eq!(block_on(late).unwrap(), [1]);
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_task_is_woken_once_a_poll() {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut context = Context::from_waker(&waker);
    let (all, futures) = promises(3);
    let mut future = pin!(gather(futures).into_future());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
    all[0].settle(Ok(0));
    all[1].settle(Ok(1));
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(future.as_mut().poll(&mut context).is_pending());
    all[2].settle(Ok(2));
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Ok(all)) if all == [0, 1, 2]));
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Err(Error::Invalid { .. }))));
}

#[test]
fn it_can_be_sent() {
    fn send<T: Send + 'static>(_: &T) {}
    let (_all, futures) = promises::<u32>(1);
    let gathered = gather(futures);
    send(&gathered);
    let future = gathered.into_future();
    send(&future);
    send(&gather([TaskFuture::ready(1)]).as_completed());
}
