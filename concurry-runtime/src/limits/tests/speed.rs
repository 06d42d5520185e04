//! How fast it is: not part of the tests, since what it measures depends on the machine. Run it by
//! `cargo test --release -p concurry-runtime --lib -- limits::tests::speed --ignored --nocapture --test-threads 1`.

use std::hint::black_box;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::keeper::{Holder, Keeper};
use crate::limits::remote::{Answer, Desk, Question, Remote};
use crate::limits::{LimitSet, Limits, RateAlgorithm, Window};
use crate::wire::codec::{self, Codec};

/// As it arrives at the other end.
fn carried<T: serde::Serialize + serde::de::DeserializeOwned>(message: &T) -> T {
    codec::decode(Codec::Bincode, &codec::encode(Codec::Bincode, message).unwrap()).unwrap()
}

fn measure(what: &str, mut round: impl FnMut()) -> f64 {
    const ROUNDS: u32 = 1_000_000;
    let rates = (0..5).map(|_| {
        let start = Instant::now();
        (0..ROUNDS).for_each(|_| round());
        f64::from(ROUNDS) / start.elapsed().as_secs_f64() / 1e6
    });
    let best = rates.fold(0.0, f64::max);
    println!("{what:<46} {best:6.2} M/s");
    best
}

#[test]
#[ignore = "it measures"]
fn uncontended() {
    let set = LimitSet::new().resource("db", 5);
    let resource = measure("resource, acquire and drop", || drop(black_box(set.acquire([("db", 1)]).unwrap())));
    for algorithm in ["token_bucket", "leaky_bucket", "sliding_window", "fixed_window", "gcra"] {
        let algorithm: RateAlgorithm = algorithm.parse().unwrap();
        let set = LimitSet::new().rate_with("r", u64::MAX / 2, Window::Secondly, algorithm);
        measure(&format!("{algorithm}, try_acquire and drop"), || {
            drop(black_box(set.try_acquire([("r", 1)]).unwrap()))
        });
    }
    let set = LimitSet::new().rate("r", 1 << 40, Window::Secondly).resource("db", 5);
    measure("rate and resource together", || drop(black_box(set.acquire([("r", 1), ("db", 1)]).unwrap())));
    measure("rate, with an update to less", || {
        let mut taken = set.acquire([("r", 10)]).unwrap();
        black_box(taken.update("r", 5));
    });
    let sliding = LimitSet::new().rate("r", 1000, Duration::from_micros(100));
    measure("sliding window of 1000, refused or not", || drop(black_box(sliding.try_acquire([("r", 1)]).unwrap())));
    assert!(resource > 1.0, "{resource}");
}

/// What both ends of a link do for an acquisition, without what carries their messages.
#[test]
#[ignore = "it measures"]
fn across() {
    for algorithm in [None, Some(RateAlgorithm::Gcra)] {
        let set = match algorithm {
            None => LimitSet::new().resource("key", 5),
            Some(algorithm) => LimitSet::new().rate_with("key", u64::MAX / 2, Window::Secondly, algorithm),
        };
        let local = set.local().unwrap().clone();
        let plan = carried(local.plan());
        let (to_worker, to_driver) = (Arc::new(OnceLock::<Weak<Remote>>::new()), Arc::new(OnceLock::<Desk>::new()));
        let theirs = to_worker.clone();
        let answer = move |answer: Answer| {
            let remote = theirs.get().and_then(Weak::upgrade).unwrap();
            remote.answered(carried(&answer));
        };
        let _ = to_driver.set(Desk::new(local, Holder::worker().worker, answer));
        let desk = to_driver.clone();
        let remote = Arc::new(Remote::new(
            plan,
            move |question: Question| desk.get().unwrap().asked(carried(&question)),
            |_| (),
        ));
        let _ = to_worker.set(Arc::downgrade(&remote));
        let limits = Limits::new(remote, Holder::worker());
        let what = algorithm.map_or("resource".to_owned(), |algorithm| algorithm.to_string());
        measure(&format!("{what} across, acquire and drop"), || drop(black_box(limits.acquire(("key", 1)).unwrap())));
        measure(&format!("{what} across, try_acquire and drop"), || {
            drop(black_box(limits.try_acquire(("key", 1)).unwrap()))
        });
    }
}

#[test]
#[ignore = "it measures"]
fn contended() {
    for (threads, capacity) in [(2, 2), (4, 2), (8, 2)] {
        const ROUNDS: u32 = 100_000;
        let set = LimitSet::new().resource("db", capacity);
        let start = Instant::now();
        let all: Vec<_> = (0..threads)
            .map(|_| {
                let set = set.clone();
                thread::spawn(move || (0..ROUNDS / threads).for_each(|_| drop(set.acquire([("db", 1)]).unwrap())))
            })
            .collect();
        all.into_iter().for_each(|thread| thread.join().unwrap());
        let rate = f64::from(ROUNDS) / start.elapsed().as_secs_f64() / 1e3;
        println!("{threads} threads, {capacity} at once: {rate:.0} k/s");
    }
}
