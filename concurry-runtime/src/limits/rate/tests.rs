//! What each algorithm guarantees, under random demand on a clock that is moved by hand.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::RateAlgorithm::{self, FixedWindow, Gcra, LeakyBucket, SlidingWindow, TokenBucket};
use crate::limits::LimitSet;
use crate::limits::clock::Nanos;
use crate::limits::keeper::{End, Grant, Holder, Keeper};
use crate::limits::manual::Manual;
use crate::limits::request::Patience;
use std::time::Duration;

const ALL: [RateAlgorithm; 5] = [TokenBucket, LeakyBucket, SlidingWindow, FixedWindow, Gcra];

/// One request of a simulation: so long after the one before, for so much, held so long, and then so much was used.
#[derive(Clone, Debug)]
struct Demand {
    gap: Nanos,
    amount: u64,
    hold: Nanos,
    used: Option<u64>,
}

/// What passed, or was owed, and when.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Passed {
    asked_at: Nanos,
    at: Nanos,
    amount: u64,
    /// Whether it was granted; else it is what was used beyond a grant.
    granted: bool,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    algorithm: RateAlgorithm,
    n: u64,
    window: Nanos,
}

/// Runs the demands in order to their end: all that passed, in the order of time.
fn simulate(rate: Rate, demands: &[Demand]) -> Vec<Passed> {
    let (time, clock) = Manual::new();
    let Rate { algorithm, n, window } = rate;
    let set = LimitSet::new().rate_with("r", n, Duration::from_nanos(window), algorithm).clocked(&clock);
    let keeper = set.local().unwrap().clone();
    let log = Arc::new(Mutex::new(Vec::new()));
    for demand in demands {
        time.advance(demand.gap);
        let asked_at = time.now();
        let request = keeper.plan().request(("r", demand.amount), Patience::Endless, None).unwrap();
        let (own, log, at, demand) = (keeper.clone(), log.clone(), clock.clone(), demand.clone());
        let granted = move |grant: crate::Result<Grant>| {
            let grant = grant.unwrap();
            let mut entries = log.lock().unwrap();
            let entry = entries.len();
            entries.push(Passed { asked_at, at: at.now(), amount: demand.amount, granted: true });
            drop(entries);
            let then = at.now() + demand.hold;
            let later = at.clone();
            let end = move || {
                if let Some(used) = demand.used {
                    own.update(Holder::NOBODY, grant, 0, used);
                    let mut entries = log.lock().unwrap();
                    entries[entry].amount = used.min(demand.amount);
                    if used > demand.amount {
                        let (at, amount) = (later.now(), used - demand.amount);
                        entries.push(Passed { asked_at: at, at, amount, granted: false });
                    }
                }
                own.give_back(Holder::NOBODY, grant, End::Used);
            };
            // The alarm's handle is not kept: the callback must run.
            std::mem::forget(at.at(then, end).unwrap());
        };
        keeper.request(Holder::NOBODY, request, Box::new(granted));
    }
    while time.go_to_next_alarm() {}
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting, time.alarms()), (0, 0, 0));
    let log = log.lock().unwrap().clone();
    assert_eq!(log.iter().filter(|passed| passed.granted).count(), demands.len(), "all are served in the end");
    assert!(log.is_sorted_by_key(|passed| passed.at));
    let granted = log.iter().filter(|passed| passed.granted);
    assert!(granted.is_sorted_by_key(|passed| passed.asked_at), "in the order in which they came");
    log
}

/// The first breach of what the algorithm guarantees, looking at everything up to each grant. What is owed comes on
/// top when it happens, and must be paid when the next is granted.
fn breach(rate: Rate, log: &[Passed]) -> Option<String> {
    let Rate { algorithm, n, window } = rate;
    let (n, window) = (u128::from(n), u128::from(window));
    for (j, last) in log.iter().enumerate().filter(|(_, last)| last.granted) {
        let mut before = 0;
        for first in log[..=j].iter().rev() {
            if !std::ptr::eq(first, last) {
                before += u128::from(first.amount);
            }
            let sum = before + u128::from(last.amount);
            let time = u128::from(last.at - first.at);
            let index = |passed: &Passed| u128::from(passed.at) / window;
            let allowed = match algorithm {
                TokenBucket | Gcra => sum * window <= n * window + n * time,
                // All but the last.
                LeakyBucket => before * window <= n * time,
                SlidingWindow => sum <= n * (time / window + 1),
                FixedWindow => sum <= n * (index(last) - index(first) + 1),
            };
            if !allowed {
                return Some(format!("{sum} from {} to {}", first.at, last.at));
            }
        }
    }
    None
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn rates(most: u64, longest: Nanos) -> impl Strategy<Value = (u64, Nanos)> {
    (1..=most, 1..=longest)
}

fn demands(n: u64, window: Nanos, updates: bool) -> impl Strategy<Value = Vec<Demand>> {
    let gap = prop_oneof![3 => 0..=window / 4, 2 => Just(0), 1 => 0..=window * 2];
    let used = if updates { prop::option::of(0..=n * 2).boxed() } else { Just(None).boxed() };
    let demand =
        (gap, 1..=n, 0..=window * 2, used).prop_map(|(gap, amount, hold, used)| Demand { gap, amount, hold, used });
    prop::collection::vec(demand, 1..40)
}

fn scenes(most: u64, longest: Nanos, updates: bool) -> impl Strategy<Value = (u64, Nanos, Vec<Demand>)> {
    rates(most, longest).prop_flat_map(move |(n, window)| (Just(n), Just(window), demands(n, window, updates)))
}

#[test]
fn no_window_sees_more_than_is_guaranteed_and_nothing_waits_longer_than_that_takes() {
    for algorithm in ALL {
        runner(200)
            .run(&scenes(30, 200, false), |(n, window, demands)| {
                let rate = Rate { algorithm, n, window };
                let log = simulate(rate, &demands);
                prop_assert_eq!(breach(rate, &log), None);
                for (at, passed) in log.iter().enumerate().filter(|(_, passed)| passed.at > passed.asked_at) {
                    let mut earlier = log[..=at].to_vec();
                    let previous = at.checked_sub(1).map_or(0, |previous| log[previous].at);
                    earlier[at].at -= 1;
                    let needless = earlier[at].at >= previous && breach(rate, &earlier).is_none();
                    prop_assert!(!needless, "{:?} could have passed earlier: {:?}", passed, log);
                }
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn guarantees_hold_for_the_true_use_whatever_is_given_back_or_owed() {
    for algorithm in ALL {
        runner(400)
            .run(&scenes(30, 200, true), |(n, window, demands)| {
                let rate = Rate { algorithm, n, window };
                let log = simulate(rate, &demands);
                prop_assert_eq!(breach(rate, &log), None, "{:?}", log);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn gcra_and_the_token_bucket_admit_the_same_at_the_same_times() {
    runner(200)
        .run(&scenes(30, 200, true), |(n, window, demands)| {
            let [bucket, gcra] = [TokenBucket, Gcra].map(|algorithm| simulate(Rate { algorithm, n, window }, &demands));
            prop_assert_eq!(bucket, gcra);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_grouped_log_never_lets_more_pass_and_delays_by_no_more_than_a_group() {
    let scenes = (1025..9000u64).prop_flat_map(|n| (Just(n), Just(1_000_000), demands(n, 1_000_000, false)));
    runner(100)
        .run(&scenes, |(n, window, demands)| {
            let rate = Rate { algorithm: SlidingWindow, n, window };
            let log = simulate(rate, &demands);
            prop_assert_eq!(breach(rate, &log), None);
            for at in 1..log.len() {
                let mut earlier = log[..=at].to_vec();
                let Some(before) = earlier[at].at.checked_sub(1 + window / 1024) else { continue };
                earlier[at].at = before;
                let late = before >= log[at - 1].at && before >= log[at].asked_at && breach(rate, &earlier).is_none();
                prop_assert!(!late, "{:?}", log);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn an_hour_of_more_demand_than_there_is() {
    const SECOND: Nanos = 1_000_000_000;
    let minute = 60 * SECOND;
    let demands: Vec<_> = (0..7200).map(|_| Demand { gap: SECOND / 2, amount: 1, hold: 0, used: None }).collect();
    for (algorithm, expected) in [
        // Full at the first demand, at half a second, and one more with each second from then on.
        (TokenBucket, 60 + 3599),
        (Gcra, 60 + 3599),
        (LeakyBucket, 3600),
        (SlidingWindow, 3600),
        (FixedWindow, 3600),
    ] {
        let rate = Rate { algorithm, n: 60, window: minute };
        let log = simulate(rate, &demands);
        let within = log.iter().filter(|passed| passed.at < 3600 * SECOND).count();
        assert_eq!(within, expected, "{algorithm}");
    }
}

#[test]
fn what_is_not_used_lets_others_go_at_once() {
    for algorithm in ALL {
        let (time, clock) = Manual::new();
        let set = LimitSet::new().rate_with("r", 100, Duration::from_secs(1), algorithm).clocked(&clock);
        let mut taken = set.acquire(("r", 100)).unwrap();
        assert!(set.try_acquire(("r", 1)).unwrap().is_none());
        assert!(taken.update("r", 0));
        assert!(set.try_acquire(("r", 100)).unwrap().is_some(), "{algorithm}");
        assert_eq!(time.alarms(), 0);
    }
}

#[test]
fn what_was_used_beyond_is_paid_first() {
    const SECOND: Nanos = 1_000_000_000;
    for (algorithm, ready) in [
        // Two seconds' worth was owed beyond the full second that was taken.
        (TokenBucket, 2 * SECOND + SECOND / 10),
        (Gcra, 2 * SECOND + SECOND / 10),
        (LeakyBucket, 3 * SECOND),
        (SlidingWindow, 3 * SECOND),
        (FixedWindow, 3 * SECOND),
    ] {
        let (time, clock) = Manual::new();
        let set = LimitSet::new().rate_with("r", 10, Duration::from_secs(1), algorithm).clocked(&clock);
        let mut taken = set.acquire(("r", 10)).unwrap();
        assert!(taken.update("r", 30));
        assert!(taken.update("r", 30), "telling the same again changes nothing");
        time.go_to(ready - 1);
        assert!(set.try_acquire(("r", 1)).unwrap().is_none(), "{algorithm}");
        time.go_to(ready);
        assert!(set.try_acquire(("r", 1)).unwrap().is_some(), "{algorithm}");
    }
}

#[test]
fn words() {
    for algorithm in ALL {
        assert_eq!(algorithm.to_string().parse::<RateAlgorithm>().unwrap(), algorithm);
    }
    assert_eq!("Token-Bucket".parse::<RateAlgorithm>().unwrap(), TokenBucket);
    let error = "bucket".parse::<RateAlgorithm>().unwrap_err().to_string();
    assert!(error.contains("`gcra`"), "{error}");
}
