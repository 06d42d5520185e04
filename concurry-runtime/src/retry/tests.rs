//! Which outcomes are tried again, which are not, and what is said in the end.

use std::any::TypeId;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::error::{Error, TimeoutScope};
use crate::wire::codec::{self, Codec};

#[derive(Debug)]
struct Busy;
impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("busy")
    }
}
impl std::error::Error for Busy {}

#[derive(Debug)]
struct Outer(Busy);
impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}
impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn delays_of_a_policy_are_what_the_seed_says_that_it_was_made_under() {
    let policy = |seed| {
        let _guard = crate::draw::seed(seed);
        Policy::new(Retry::fixed().num_retries(u32::MAX).without_budget())
    };
    let delays = |policy: &Policy| {
        let error = Error::failed(io::Error::other("no"));
        let delay = |number| match policy.after(Outcome::Error(&error), &attempt(number)) {
            Verdict::Again { delay } => delay,
            other => panic!("{other:?}"),
        };
        (1..=8).map(delay).collect::<Vec<_>>()
    };
    let first = delays(&policy(1));
    assert_eq!(delays(&policy(1).with(9)), first);
    assert_ne!(delays(&policy(2)), first);
    assert!(first.iter().any(|delay| *delay != first[0]));
}

fn attempt(number: u32) -> Attempt {
    Attempt::new(number, Duration::from_millis(u64::from(number)))
}

fn again(retry: &Retry, error: &Error) -> bool {
    matches!(Policy::new(retry.clone()).after(Outcome::Error(error), &attempt(1)), Verdict::Again { .. })
}

/// How often a call is tried whose every attempt comes to `outcome`, and the verdict of the last one.
fn tries(policy: &Policy, outcome: Outcome<'_>) -> (u32, Verdict) {
    for number in 1.. {
        match policy.after(outcome, &attempt(number)) {
            Verdict::Again { .. } => {}
            last => return (number, last),
        }
    }
    unreachable!()
}

fn died() -> Error {
    Error::worker_died("killed")
}

fn timed_out() -> Error {
    Error::timed_out(TimeoutScope::Call, None)
}

fn panicked() -> Error {
    Error::panicked("boom".to_owned(), String::new())
}

#[test]
fn by_default_what_failed_panicked_died_or_timed_out_is_tried_again() {
    for retry in [Retry::exponential(), Retry::linear(), Retry::fixed(), Retry::fibonacci()] {
        for error in [Error::failed(Busy), panicked(), died(), timed_out()] {
            assert!(again(&retry, &error), "{error}");
            let (tried, last) = tries(&Policy::new(retry.clone()), Outcome::Error(&error));
            assert_eq!(tried, 4, "{error}");
            assert!(matches!(last, Verdict::GiveUp));
        }
        for error in [
            Error::cancelled(),
            Error::stopped(),
            Error::init_failed("no"),
            Error::unsupported("no"),
            Error::invalid("no"),
            Error::codec("no"),
            Error::limit("no"),
            Error::config("no"),
        ] {
            assert!(!again(&retry, &error), "{error}");
        }
    }
}

#[test]
fn a_condition_replaces_the_default_and_any_one_suffices() {
    let on = Retry::fixed().on::<Busy>();
    assert!(again(&on, &Error::failed(Busy)));
    for error in [Error::failed(io::Error::other("x")), panicked(), died(), timed_out()] {
        assert!(!again(&on, &error), "{error}");
    }
    let either = on.on::<io::Error>().retry_if(|error, _| matches!(error, Error::WorkerDied { .. }));
    for error in [Error::failed(Busy), Error::failed(io::Error::other("x")), died()] {
        assert!(again(&either, &error), "{error}");
    }
    for error in [Error::failed(fmt::Error), panicked(), timed_out()] {
        assert!(!again(&either, &error), "{error}");
    }
}

#[test]
fn a_type_is_found_along_the_chain_and_behind_a_process_by_its_name() {
    let on = Retry::fixed().on::<Busy>();
    let remote = |error: &Error| -> Error {
        codec::decode(Codec::Bincode, &codec::encode(Codec::Bincode, error).unwrap()).unwrap()
    };
    assert!(again(&on, &Error::failed(Outer(Busy))));
    let far = remote(&Error::failed(Busy));
    assert!(far.downcast_ref::<Busy>().is_none() && far.is::<Busy>());
    assert!(again(&on, &far));
    assert!(!again(&on, &remote(&Error::failed(fmt::Error))));
}

#[test]
fn a_closure_sees_the_attempt_and_is_not_asked_without_need() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let retry = Retry::fixed().num_retries(5).retry_if(move |_, attempt| {
        counted.fetch_add(1, Ordering::SeqCst);
        assert_eq!(attempt.elapsed, Duration::from_millis(u64::from(attempt.number)));
        attempt.number < 3
    });
    let error = Error::failed(Busy);
    assert_eq!(tries(&Policy::new(retry.clone()), Outcome::Error(&error)).0, 3);
    assert_eq!(asked.swap(0, Ordering::SeqCst), 3);
    assert_eq!(tries(&Policy::new(retry.num_retries(1)), Outcome::Error(&error)).0, 2);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_cancelled_or_stopped_is_over_whatever_a_closure_says() {
    let always = Retry::fixed().retry_if(|_, _| true);
    assert!(again(&always, &Error::codec("x")));
    assert!(!again(&always, &Error::cancelled()) && !again(&always, &Error::stopped()));
}

#[test]
fn numbers_of_retries_are_exact() {
    let error = Error::failed(Busy);
    for num_retries in [0, 1, 2, 7] {
        let policy = Policy::new(Retry::fixed().num_retries(num_retries));
        assert_eq!(tries(&policy, Outcome::Error(&error)).0, num_retries + 1);
        assert_eq!(tries(&policy.with(4), Outcome::Error(&error)).0, 5);
    }
    let forever = Policy::new(Retry::fixed().num_retries(u32::MAX));
    assert!(matches!(forever.after(Outcome::Error(&error), &attempt(u32::MAX)), Verdict::Again { .. }));
}

#[test]
fn delays_are_those_of_the_policy() {
    let policy = Policy::new(Retry::linear().wait(Duration::from_millis(5)).jitter(0.0));
    for number in 1..=3 {
        match policy.after(Outcome::Error(&died()), &attempt(number)) {
            Verdict::Again { delay } => assert_eq!(delay, Duration::from_millis(5 * u64::from(number))),
            other => panic!("{other:?}"),
        }
    }
    let drawn: Vec<Duration> = (0..100).map(|_| Retry::fixed().delay(1)).collect();
    assert!(drawn.iter().all(|delay| (Duration::from_millis(700)..=Duration::from_secs(1)).contains(delay)));
    assert!(drawn.iter().any(|delay| *delay != drawn[0]));
    assert!(Retry::exponential().delay(u32::MAX) > Duration::from_secs(3600));
}

#[test]
fn values_are_tried_until_one_is_accepted() {
    let policy = Policy::new(Retry::fixed().until(|value: &u64| *value > 10));
    assert!(matches!(policy.after(Outcome::Value(&11u64), &attempt(1)), Verdict::Accept));
    assert!(matches!(policy.after(Outcome::Value(&10u64), &attempt(1)), Verdict::Again { .. }));
    assert!(matches!(policy.after(Outcome::Value(&10u32), &attempt(1)), Verdict::Accept));
    assert!(policy.judges(TypeId::of::<u64>()) && !policy.judges(TypeId::of::<u32>()));
    let (tried, last) = tries(&policy, Outcome::Value(&1u64));
    assert_eq!(tried, 4);
    let Verdict::Refuse(error) = last else { panic!("{last:?}") };
    let error = error.at("Llm", "generate");
    assert!(matches!(error, Error::Invalid { attempts: 4, .. }));
    let text = error.to_string();
    assert!(text.contains("Llm::generate") && text.contains("`until`") && text.contains("4 attempts"), "{text}");
    // Errors are tried again as ever.
    assert_eq!(tries(&policy, Outcome::Error(&died())).0, 4);
}

#[test]
fn all_of_a_types_untils_must_accept() {
    let policy = Policy::new(Retry::fixed().until(|v: &u64| *v > 1).until(|v: &u64| *v < 5).until(|v: &i8| *v == 0));
    let accepted = |value: u64| matches!(policy.after(Outcome::Value(&value), &attempt(1)), Verdict::Accept);
    assert_eq!((0..7).filter(|value| accepted(*value)).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(matches!(policy.after(Outcome::Value(&1i8), &attempt(1)), Verdict::Again { .. }));
}

#[test]
fn a_condition_that_panics_ends_the_call_and_is_told() {
    let policy =
        Policy::new(Retry::fixed().retry_if(|_, _| panic!("cannot say")).until(|_: &u64| panic!("cannot say either")));
    let Verdict::Refuse(error) = policy.after(Outcome::Error(&Error::failed(Busy)), &attempt(2)) else { panic!() };
    let text = error.to_string();
    assert!(text.contains("`retry_if`") && text.contains("cannot say") && text.contains("busy"), "{text}");
    assert!(matches!(error, Error::Invalid { attempts: 2, .. }));
    let Verdict::Refuse(error) = policy.after(Outcome::Value(&1u64), &attempt(1)) else { panic!() };
    assert!(error.to_string().contains("cannot say either"), "{error}");
}

#[test]
fn a_budget_is_spent_by_retries_and_earned_by_calls() {
    let error = Error::failed(Busy);
    let strict = Policy::new(Retry::fixed().budget(0.0, 4));
    assert_eq!([0; 3].map(|_| tries(&strict, Outcome::Error(&error)).0), [4, 2, 1]);
    // A method with another number of retries draws on the same one.
    assert_eq!(tries(&strict.with(9), Outcome::Error(&error)).0, 1);
    // A pool of the same policy has one of its own.
    assert_eq!(tries(&Policy::new((*strict.retry()).clone()), Outcome::Error(&error)).0, 4);

    let half = Policy::new(Retry::fixed().num_retries(1).budget(0.5, 1));
    assert_eq!([0; 5].map(|_| tries(&half, Outcome::Error(&error)).0), [2, 2, 1, 2, 1]);
    for _ in 0..2 {
        assert!(matches!(half.after(Outcome::Value(&()), &attempt(1)), Verdict::Accept));
    }
    assert_eq!(tries(&half, Outcome::Error(&error)).0, 2);

    let spent = Policy::new(Retry::fixed().budget(0.0, 0).until(|_: &u64| false));
    let (tried, Verdict::Refuse(refused)) = tries(&spent, Outcome::Value(&1u64)) else { panic!() };
    assert!(tried == 1 && refused.to_string().contains("budget"), "{refused}");

    // One failure each is always made good, and without a budget so is everything.
    let default = Policy::new(Retry::fixed());
    let made_good = |policy: &Policy, last| {
        (1..=last).all(|n| matches!(policy.after(Outcome::Error(&error), &attempt(n)), Verdict::Again { .. }))
    };
    assert!((0..30_000).all(|_| made_good(&default, 1)));
    let unlimited = Policy::new(Retry::fixed().without_budget());
    assert!((0..10_000).all(|_| made_good(&unlimited, 3)));
}

#[test]
fn what_cannot_be_is_told() {
    for jitter in [-0.1, 1.1, f64::NAN] {
        let why = Retry::fixed().jitter(jitter).check().unwrap_err();
        assert!(why.contains(&jitter.to_string()) && why.contains("from 0.0 to 1.0"), "{why}");
    }
    assert!(Retry::fixed().budget(-1.0, 0).check().unwrap_err().contains("budget"));
    assert_eq!(Retry::fixed().jitter(0.0).check().and(Retry::fixed().jitter(1.0).check()), Ok(()));
}

#[test]
fn debug_shows_what_it_is_made_of() {
    let text = format!("{:?}", Retry::fixed().on::<Busy>().retry_if(|_, _| true).until(|_: &u64| true));
    for part in ["Fixed", "Busy", "retry_if", "u64", "num_retries: 3"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn methods_have_their_own_or_none() {
    let policy = Policy::new(Retry::fixed());
    let retries = Retries::new([Some(policy.clone()), None, Some(policy.with(0))]);
    assert!(retries.of(0).is_some_and(|policy| policy.num_retries() == 3));
    assert!(retries.of(1).is_none() && retries.of(2).is_none() && retries.of(3).is_none());
}
