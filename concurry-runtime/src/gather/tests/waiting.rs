//! `wait` in its three modes, with and without time.

use std::thread;
use std::time::Duration;

use super::*;
use crate::gather::{ReturnWhen, Waited, wait};

const LONG: Duration = Duration::from_secs(3600);

/// Runs `settle` on another thread once somebody watches the last of `promises`.
fn once_watched<T: Send + 'static>(
    promises: Vec<Arc<Promise<T>>>,
    settle: impl FnOnce(&[Arc<Promise<T>>]) + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while promises.last().unwrap().slot().watchers() == 0 {
            thread::yield_now();
        }
        settle(&promises);
    })
}

fn ids<T>(futures: &[TaskFuture<T>]) -> Vec<u64> {
    futures.iter().map(|future| future.id().0).collect()
}

#[test]
fn the_first() {
    let (all, futures) = promises::<u32>(4);
    let expected = ids(&futures);
    let other = once_watched(all.clone(), |all| assert!(all[2].settle(Ok(7))));
    let Waited { mut done, pending } = wait(futures, ReturnWhen::FirstCompleted, None);
    other.join().unwrap();
    assert_eq!((ids(&done), ids(&pending)), (vec![expected[2]], vec![expected[0], expected[1], expected[3]]));
    assert_eq!(done.remove(0).result().unwrap(), 7);
    assert!(all.iter().all(|promise| promise.slot().watchers() == 0));
}

#[test]
fn the_first_that_is_there_already() {
    let (all, futures) = promises::<u32>(3);
    all[1].settle(Err(oops("x")));
    all[2].settle(Ok(1));
    let Waited { done, pending } = wait(futures, ReturnWhen::FirstCompleted, Some(LONG));
    assert_eq!((done.len(), pending.len()), (2, 1));
}

#[test]
fn the_first_error() {
    let (all, futures) = promises::<u32>(3);
    all[0].settle(Ok(0));
    let other = once_watched(all.clone(), |all| assert!(all[1].settle(Err(oops("x")))));
    let Waited { mut done, pending } = wait(futures, ReturnWhen::FirstException, Some(LONG));
    other.join().unwrap();
    assert_eq!((done.len(), pending.len()), (2, 1));
    assert_eq!(done.remove(1).result().unwrap_err().to_string(), "x");
    assert_eq!(all[2].slot().watchers(), 0);
}

#[test]
fn no_error_is_all() {
    let (all, futures) = promises::<u32>(3);
    let other = once_watched(all, |all| all.iter().for_each(|promise| assert!(promise.settle(Ok(1)))));
    let Waited { done, pending } = wait(futures, ReturnWhen::FirstException, None);
    other.join().unwrap();
    assert_eq!((done.len(), pending.len()), (3, 0));
}

#[test]
fn an_encoded_error_is_seen_and_stays() {
    let encoded = Encoded::new();
    let (_never, pending) = promise::<u32>();
    let futures = [TaskFuture(encoded.clone()), pending];
    encoded.settle(Err(oops("from afar")));
    let Waited { mut done, pending } = wait(futures, ReturnWhen::FirstException, None);
    assert_eq!((done.len(), pending.len()), (1, 1));
    assert_eq!(done.remove(0).result().unwrap_err().to_string(), "from afar");
    assert_eq!(encoded.decoded.load(Ordering::Relaxed), 1);
}

#[test]
fn all_of_them() {
    let (all, futures) = promises::<u32>(3);
    let other = once_watched(all, |all| {
        all[0].settle(Err(oops("x")));
        all[2].settle(Ok(2));
        all[1].settle(Ok(1));
    });
    let Waited { done, pending } = wait(futures, ReturnWhen::AllCompleted, None);
    other.join().unwrap();
    assert!(pending.is_empty());
    let results: Vec<_> = done.into_iter().map(|future| future.result().ok()).collect();
    assert_eq!(results, [None, Some(1), Some(2)]);
}

#[test]
fn time_runs_out() {
    for until in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        for timeout in [Duration::ZERO, Duration::from_millis(5)] {
            let (all, futures) = promises::<u32>(2);
            let Waited { done, mut pending } = wait(futures, until, Some(timeout));
            assert_eq!((done.len(), pending.len()), (0, 2));
            assert!(all.iter().all(|promise| promise.slot().watchers() == 0));
            all[0].settle(Ok(5));
            assert_eq!(pending.remove(0).result().unwrap(), 5);
        }
    }
    let (all, futures) = promises::<u32>(2);
    all[1].settle(Ok(1));
    let Waited { done, pending } = wait(futures, ReturnWhen::AllCompleted, Some(Duration::ZERO));
    assert_eq!((done.len(), pending.len()), (1, 1));
}

#[test]
fn nothing_to_wait_for() {
    let Waited { done, pending } = wait(Vec::<TaskFuture<u8>>::new(), ReturnWhen::FirstCompleted, None);
    assert!(done.is_empty() && pending.is_empty());
}

#[test]
fn words() {
    for until in [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted] {
        assert_eq!(until.to_string().parse::<ReturnWhen>().unwrap(), until);
    }
    let error = "some".parse::<ReturnWhen>().unwrap_err().to_string();
    assert!(error.contains("`some`") && error.contains("`first_exception`"), "{error}");
}
