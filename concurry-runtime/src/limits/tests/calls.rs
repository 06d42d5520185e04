//! The one of `calls` that each call takes before it is sent.

use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::Duration;

use crate::error::Result;
use crate::limits::call::{Permit, Turn};
use crate::limits::manual::Manual;
use crate::limits::waiting::Ticket;
use crate::limits::{LimitPool, LimitSet, LimitSource};

type Told = (usize, Result<Permit>);

struct Calls {
    source: LimitSource,
    told: Sender<Told>,
    heard: Receiver<Told>,
}

impl Calls {
    fn new(source: impl Into<LimitSource>) -> Self {
        let (told, heard) = channel();
        Calls { source: source.into(), told, heard }
    }

    fn call(&self, number: usize) -> Turn {
        let told = self.told.clone();
        let local = self.source.local().unwrap();
        local.turn(move |result| told.send((number, result)).unwrap()).unwrap()
    }

    fn now(&self, number: usize) -> Permit {
        match self.call(number) {
            Turn::Now(permit) => permit,
            Turn::Later(_) => panic!("call {number} had to wait"),
        }
    }

    fn later(&self, number: usize) -> Ticket {
        match self.call(number) {
            Turn::Now(_) => panic!("call {number} did not have to wait"),
            Turn::Later(ticket) => ticket,
        }
    }

    fn next(&self) -> Option<(usize, Permit)> {
        match self.heard.try_recv() {
            Ok((number, result)) => Some((number, result.unwrap())),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => panic!("the sender is here"),
        }
    }
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_call_that_has_to_wait_is_told_when_it_may_go() {
    let (time, clock) = Manual::new();
    let set = LimitSet::new().calls(2, Duration::from_secs(1)).clocked(&clock);
    assert!(set.local().unwrap().throttles());
    let calls = Calls::new(&set);
    drop((calls.now(0), calls.now(1)));
    let tickets = [2, 3, 4, 5].map(|number| calls.later(number));
    assert!(calls.next().is_none());
    assert!(set.try_acquire(("calls", 1)).unwrap().is_none(), "others wait in the same line");
    time.advance(SECOND);
    let (second, third) = (calls.next().unwrap(), calls.next().unwrap());
    assert_eq!((second.0, third.0), (2, 3));
    assert!(calls.next().is_none());
    // A permit is for one call, and gone with it.
    drop((second, third));
    assert!(calls.next().is_none());
    let [.., fourth, fifth] = tickets;
    drop(fourth);
    time.advance(SECOND);
    let (number, permit) = calls.next().unwrap();
    assert_eq!(number, 5);
    drop((permit, fifth));
    let stats = set.stats();
    assert_eq!((stats.held, stats.waiting, stats.granted, time.alarms()), (0, 0, 5, 0));
}

#[test]
fn a_call_that_is_not_sent_costs_nothing() {
    let (time, clock) = Manual::new();
    let set = LimitSet::new().calls(1, Duration::from_secs(1)).clocked(&clock);
    let calls = Calls::new(&set);
    let first = calls.now(0);
    let _second = calls.later(1);
    first.unused();
    let (number, permit) = calls.next().unwrap();
    assert_eq!(number, 1);
    permit.unused();
    drop(calls.now(2));
    assert_eq!(time.alarms(), 0);
}

#[test]
fn a_set_without_calls_throttles_none() {
    let set = LimitSet::new().resource("db", 1);
    assert!(!set.local().unwrap().throttles());
    let calls = Calls::new(&set);
    for number in 0..10 {
        assert_eq!(calls.now(number).set(), None);
    }
    assert_eq!(set.stats().granted, 0);
}

#[test]
fn calls_of_a_pool_go_to_a_set_in_turn() {
    let (time, clock) = Manual::new();
    let set = || LimitSet::new().calls(1, Duration::from_secs(1)).resource("db", 1).clocked(&clock);
    let pool = LimitPool::new([set(), set()]);
    let calls = Calls::new(&pool);
    assert_eq!((calls.now(0).set(), calls.now(1).set()), (Some(0), Some(1)));
    let _tickets = [calls.later(2), calls.later(3)];
    time.advance(SECOND);
    let sets: Vec<_> = [calls.next(), calls.next()].into_iter().flatten().map(|(_, permit)| permit.set()).collect();
    assert_eq!(sets, [Some(0), Some(1)]);

    let free = LimitPool::new([set(), LimitSet::new().resource("db", 1)]);
    let calls = Calls::new(&free);
    let sets: Vec<_> = (0..4).map(|number| calls.now(number).set()).collect();
    assert_eq!(sets, [Some(0), Some(1), Some(1), Some(1)], "one of them takes any number of calls");
}
