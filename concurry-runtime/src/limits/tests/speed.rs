//! How fast it is: not part of the tests, since what it measures depends on the machine. Run it by
//! `cargo test --release -p concurry-runtime --lib -- limits::tests::speed --ignored --nocapture --test-threads 1`.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::{LimitSet, RateAlgorithm, Window};

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
