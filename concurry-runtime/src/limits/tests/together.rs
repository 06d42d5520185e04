//! Many at once: nothing is ever held by more than may hold it, and nothing is left held.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::executor::block_on;
use crate::limits::keeper::Holder;
use crate::limits::{LimitPool, LimitSet, Limits};

/// Runs `work` on so many threads, all starting at once.
fn threads(count: usize, work: impl Fn(usize) + Send + Sync + 'static) {
    let (work, start) = (Arc::new(work), Arc::new(Barrier::new(count)));
    let threads: Vec<_> = (0..count)
        .map(|index| {
            let (work, start) = (work.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                work(index);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn two_never_become_three() {
    let set = LimitSet::new().resource("db", 2);
    let (inside, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (own, counted, seen) = (set.clone(), inside.clone(), most.clone());
    threads(8, move |index| {
        for round in 0..500 {
            let taken = match (index + round) % 4 {
                0 => block_on(own.acquire_async(("db", 1))).ok(),
                1 => own.acquire_within(("db", 1), Duration::from_micros(50)).ok(),
                2 => own.try_acquire(("db", 1)).unwrap(),
                _ => own.acquire(("db", 1)).ok(),
            };
            if let Some(taken) = taken {
                seen.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                counted.fetch_sub(1, Ordering::SeqCst);
                drop(taken);
            }
        }
    });
    assert_eq!(inside.load(Ordering::SeqCst), 0);
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting, stats.limits[0].available), (0, 0, 2));
    assert!(stats.granted >= 8 * 500 / 2);
}

#[test]
fn workers_that_die_with_their_hands_full_leave_nothing_held() {
    let set = LimitSet::new().resource("db", 2);
    let own = set.clone();
    threads(4, move |_| {
        let local = own.local().unwrap().clone();
        for round in 0..200 {
            let holder = Holder::worker();
            let limits = Limits::new(local.clone(), holder);
            let taken = limits.acquire(("db", 1)).unwrap();
            if round % 3 == 0 {
                // It dies, and its thread only later gets to dropping what it thinks it holds.
                crate::limits::keeper::Keeper::release_all(&*local, holder.worker);
            }
            drop(taken);
        }
    });
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting, stats.limits[0].available, stats.granted), (0, 0, 2, 800));
}

#[test]
fn several_keys_in_any_order_never_lock_up() {
    let set = LimitSet::new().resource("a", 2).resource("b", 2).resource("c", 2);
    let own = set.clone();
    threads(6, move |index| {
        let keys = ["a", "b", "c", "a", "c", "b"];
        for round in 0..300 {
            let at = (index + round) % 5;
            drop(own.acquire([(keys[at], 1), (keys[at + 1], 2)]).unwrap());
        }
    });
    assert_eq!((set.stats().held, set.stats().granted), (0, 1800));
}

#[test]
fn nested_acquisitions_never_lock_up() {
    // One connection, and everybody wants another thing with it, some in one request and some in two. Half of them are
    // workers, the others are not.
    let set = LimitSet::new().resource("db", 1).resource("file", 1);
    let own = set.clone();
    threads(8, move |index| {
        let limits = Limits::new(own.local().unwrap().clone(), Holder::worker());
        let acquire = |wanted: &[(&str, u64)]| match index / 2 % 2 {
            0 => own.acquire(wanted).unwrap(),
            _ => limits.acquire(wanted).unwrap(),
        };
        for _ in 0..300 {
            if index % 2 == 0 {
                drop(acquire(&[("db", 1), ("file", 1)]));
            } else {
                let connection = acquire(&[("db", 1)]);
                let file = acquire(&[("file", 1)]);
                drop((connection, file));
            }
        }
    });
    assert_eq!(set.stats().held, 0);
}

#[test]
fn a_pool_of_sets_is_never_overdrawn() {
    let pool = LimitPool::new([LimitSet::new().resource("slot", 1), LimitSet::new().resource("slot", 2)]);
    let inside = Arc::new(AtomicU64::new(0));
    let own = pool.clone();
    threads(6, move |_| {
        for _ in 0..300 {
            let taken = own.acquire(("slot", 1)).unwrap();
            assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
            inside.fetch_sub(1, Ordering::SeqCst);
            drop(taken);
        }
    });
    let granted: u64 = pool.stats().iter().map(|set| set.granted).sum();
    assert_eq!(granted, 1800);
    assert!(pool.stats().iter().all(|set| (set.held, set.waiting) == (0, 0)));
}
