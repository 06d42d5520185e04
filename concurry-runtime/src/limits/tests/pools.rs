//! Pools of sets.

use std::time::Duration;

use crate::balance::LoadBalancing;
use crate::error::Error;
use crate::limits::keeper::Holder;
use crate::limits::{LimitPool, LimitSet, Limits};

fn region(name: &str, slots: u64) -> LimitSet {
    LimitSet::new().resource("slots", slots).config("region", name)
}

fn served(pool: &LimitPool, requests: usize) -> Vec<u64> {
    for _ in 0..requests {
        drop(pool.acquire(("slots", 1)).unwrap());
    }
    pool.stats().iter().map(|set| set.granted).collect()
}

#[test]
fn requests_go_in_turn() {
    let pool = LimitPool::new([region("a", 1), region("b", 1), region("c", 1)]);
    assert_eq!(served(&pool, 9), [3, 3, 3]);
    let clone = pool.clone();
    let taken = clone.acquire(("slots", 1)).unwrap();
    assert_eq!(taken.config("region"), Some("a"));
}

#[test]
fn other_ways_to_balance() {
    for kind in [LoadBalancing::LeastTotal, LoadBalancing::LeastActive] {
        let pool = LimitPool::new([region("a", 9), region("b", 9)]).load_balancing(kind);
        assert_eq!(served(&pool, 10), [5, 5], "{kind}");
    }
    let pool = LimitPool::new([region("a", 9), region("b", 9)]).load_balancing(LoadBalancing::LeastActive);
    let held: Vec<_> = (0..6).map(|_| pool.acquire(("slots", 1)).unwrap()).collect();
    assert_eq!(held.iter().filter(|taken| taken.config("region") == Some("a")).count(), 3);
    for kind in [LoadBalancing::Random, LoadBalancing::PowerOfTwo] {
        let pool = LimitPool::new([region("a", 9), region("b", 9)]).load_balancing(kind);
        let counts = served(&pool, 200);
        assert!(counts.iter().sum::<u64>() == 200 && counts.iter().all(|count| *count > 50), "{kind}: {counts:?}");
    }
}

#[test]
fn whoever_has_some_serves() {
    let pool = LimitPool::new([region("a", 1), region("b", 2)]);
    let all: Vec<_> = (0..3).map(|_| pool.acquire(("slots", 1)).unwrap()).collect();
    let regions: Vec<_> = all.iter().map(|taken| taken.config("region").unwrap()).collect();
    assert_eq!(regions, ["a", "b", "b"], "the third was the turn of `a`, which had none left");
    assert!(pool.try_acquire(("slots", 1)).unwrap().is_none());
    let error = pool.acquire_within(("slots", 1), Duration::from_millis(2)).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    drop(all);
    assert_eq!(pool.acquire(("slots", 1)).unwrap().config("region"), Some("b"), "each request was one turn");
    assert!(pool.stats().iter().all(|set| (set.held, set.waiting) == (0, 0)));
}

#[test]
fn sets_that_can_never_serve_a_request_are_left_out() {
    let large = LimitSet::new().resource("files", 1).resource("slots", 8).config("region", "large");
    let pool = LimitPool::new([region("small", 1), large]);
    for _ in 0..3 {
        let taken = pool.acquire(("slots", 5)).unwrap();
        assert_eq!(taken.config("region"), Some("large"));
    }
    assert_eq!(pool.acquire([("files", 1), ("slots", 8)]).unwrap().config("region"), Some("large"));
    let error = pool.acquire(("slots", 9)).unwrap_err().to_string();
    assert!(error.contains("its limit is 8"), "{error}");
    let error = pool.acquire(("slot", 1)).unwrap_err().to_string();
    assert!(error.contains("there are `slots`, `files`"), "{error}");
}

#[test]
fn updates_reach_the_set_that_served() {
    let rate = |name| LimitSet::new().rate("r", 10, Duration::from_secs(3600)).config("region", name);
    let pool = LimitPool::new([LimitSet::new().resource("other", 1).rate("r", 1, Duration::from_secs(1)), rate("b")]);
    let mut taken = pool.acquire(("r", 10)).unwrap();
    assert_eq!(taken.config("region"), Some("b"));
    assert!(taken.update("r", 4) && !taken.update("other", 1));
    assert_eq!(pool.stats()[1].limits[0].available, 6);
}

#[test]
fn pools_that_cannot_be() {
    for (pool, word) in [
        (LimitPool::new([]), "at least one"),
        (LimitPool::new([region("a", 1)]).load_balancing(LoadBalancing::Shared), "`shared`"),
        (LimitPool::new([region("a", 1), region("b", 0)]), "allows 0"),
    ] {
        let error = pool.acquire(("slots", 1)).unwrap_err();
        assert!(matches!(error, Error::Limit { .. }) && error.to_string().contains(word), "{error:?}");
        assert!(pool.local().is_err());
    }
}

#[test]
fn a_call_that_is_given_to_a_set_stays_with_it() {
    let pool = LimitPool::new([region("a", 2), region("b", 2)]);
    let limits = Limits::new(pool.local().unwrap().clone(), Holder::worker());
    assert_eq!(limits.config("region"), None, "they differ");
    let own = limits.for_call(0, Some(1), None, || None);
    assert_eq!(own.config("region"), Some("b"));
    let held: Vec<_> = (0..2).map(|_| own.acquire(("slots", 1)).unwrap()).collect();
    assert!(held.iter().all(|taken| taken.config("region") == Some("b")));
    assert!(own.try_acquire(("slots", 1)).unwrap().is_none());
    assert_eq!(limits.stats().unwrap().len(), 2);
    let error = limits.for_call(0, Some(7), None, || None).acquire(("slots", 1)).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
}
