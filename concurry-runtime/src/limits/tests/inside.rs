//! Waits inside a call end with it: when its time is up, when it is cancelled, when its worker is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{BOUND, wait_until_waiting};
use crate::bell::{Bell, Watch};
use crate::error::{Error, TimeoutScope};
use crate::executor::block_on;
use crate::limits::keeper::Holder;
use crate::limits::{LimitSet, Limits};

/// The limits of a worker that runs one call at a time.
fn handle(set: &LimitSet) -> Limits {
    Limits::new(set.local().unwrap().clone(), Holder::worker())
}

#[test]
fn the_time_of_a_call_ends_its_waits() {
    let set = LimitSet::new().resource("db", 1);
    let taken = set.acquire(("db", 1)).unwrap();
    let in_call = || handle(&set).for_call(0, None, Some(Instant::now() + Duration::from_millis(3)), || None);
    let limits = in_call();
    let blocking = [limits.acquire(("db", 1)), limits.acquire_within(("db", 1), BOUND)];
    // One whose time is up before it begins, and one whose time is up while it waits.
    let futures = [block_on(limits.acquire_async(("db", 1))), block_on(in_call().acquire_async(("db", 1)))];
    for error in blocking.into_iter().chain(futures).map(Result::unwrap_err) {
        assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Call, .. }), "{error:?}");
    }
    let error = limits.acquire_within(("db", 1), Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert_eq!(set.stats().waiting, 0);
    drop(taken);
    assert!(block_on(limits.acquire_async(("db", 1))).is_ok(), "what is there needs no time");
}

#[test]
fn a_call_that_is_over_ends_its_waits_and_those_of_no_other() {
    for asynchronous in [false, true] {
        let set = LimitSet::new().resource("db", 1);
        let taken = set.acquire(("db", 1)).unwrap();
        let bell = Arc::<Bell>::default();
        let calls: [Arc<AtomicBool>; 3] = Default::default();
        let threads: Vec<_> = calls
            .iter()
            .map(|call| {
                let watch = Watch::new(bell.clone(), call.clone(), 1, None);
                let limits = handle(&set).for_call(0, None, None, || Some(watch));
                thread::spawn(move || {
                    if asynchronous { block_on(limits.acquire_async(("db", 1))) } else { limits.acquire(("db", 1)) }
                })
            })
            .collect();
        wait_until_waiting(&set, 3);
        calls[1].store(true, Ordering::Release);
        bell.ring();
        wait_until_waiting(&set, 2);
        let [first, second, third]: [_; 3] = threads.try_into().unwrap();
        assert!(matches!(second.join().unwrap(), Err(Error::Cancelled { .. })));
        bell.end();
        for thread in [first, third] {
            assert!(matches!(thread.join().unwrap(), Err(Error::Stopped { .. })));
        }
        assert_eq!((set.stats().waiting, set.stats().held), (0, 1));
        drop(taken);
    }
}

#[test]
fn a_call_that_is_over_before_it_waits_does_not_wait() {
    let set = LimitSet::new().resource("db", 1);
    let over = || {
        let watch = Watch::new(Arc::default(), Arc::new(AtomicBool::new(true)), 1, None);
        handle(&set).for_call(0, None, None, || Some(watch))
    };
    let taken = over().acquire(("db", 1)).expect("what is there is given");
    assert!(matches!(over().acquire(("db", 1)), Err(Error::Cancelled { .. })));
    assert!(matches!(block_on(over().acquire_async(("db", 1))), Err(Error::Cancelled { .. })));
    assert_eq!(set.stats().waiting, 0);
    drop(taken);
}
