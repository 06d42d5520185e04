//! Who gets what, and when: order, nesting, deadlocks, and what is left behind.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Shared;
use crate::error::{Error, Result};
use crate::few::Few;
use crate::limits::clock::Clock;
use crate::limits::keeper::{End, Grant, Holder};
use crate::limits::manual::Manual;
use crate::limits::request::{Ask, Patience};
use crate::limits::{LimitSet, RateAlgorithm, Window};

/// What became of requests, by their names, in the order in which it happened.
type Log = Arc<Mutex<Vec<(&'static str, Result<Grant>)>>>;

struct Scene {
    shared: Arc<Shared>,
    log: Log,
}

impl Scene {
    fn new(set: LimitSet, clock: Clock) -> Self {
        set.definition().check().unwrap();
        Scene { shared: Shared::new(set.definition().clone(), clock), log: Log::default() }
    }

    fn asks(asks: &[(u32, u64)]) -> Few<Ask> {
        asks.iter().map(|&(key, amount)| Ask { key, amount }).collect()
    }

    fn ask(&self, name: &'static str, holder: Holder, asks: &[(u32, u64)]) -> u64 {
        self.ask_patiently(name, holder, asks, Patience::Endless)
    }

    fn ask_patiently(&self, name: &'static str, holder: Holder, asks: &[(u32, u64)], patience: Patience) -> u64 {
        let log = self.log.clone();
        let reply = Box::new(move |result| log.lock().unwrap().push((name, result)));
        self.shared.request(holder, Self::asks(asks), patience, 0, reply)
    }

    fn attempt(&self, holder: Holder, asks: &[(u32, u64)]) -> Option<u64> {
        self.shared.attempt(holder, &Self::asks(asks))
    }

    /// What was granted, and what was refused, since the last look.
    fn news(&self) -> Vec<(&'static str, bool)> {
        let log = self.log.lock().unwrap();
        log.iter().map(|(name, result)| (*name, result.is_ok())).collect()
    }

    fn granted(&self) -> Vec<&'static str> {
        assert!(self.news().iter().all(|(_, ok)| *ok), "{:?}", self.log);
        self.news().into_iter().map(|(name, _)| name).collect()
    }

    fn id(&self, name: &str) -> u64 {
        let log = self.log.lock().unwrap();
        log.iter().find(|(own, _)| *own == name).unwrap().1.as_ref().unwrap().id
    }

    fn give_back(&self, holder: Holder, name: &str) {
        self.shared.give_back(holder.worker, self.id(name), End::Used);
    }

    fn error(&self, name: &str) -> String {
        let log = self.log.lock().unwrap();
        let error = log.iter().find(|(own, _)| *own == name).unwrap().1.as_ref().unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error:?}");
        error.to_string()
    }

    fn free(&self) -> Vec<u64> {
        self.shared.stats().limits.iter().map(|limit| limit.available).collect()
    }

    fn at_rest(&self) {
        let stats = self.shared.stats();
        assert_eq!((stats.held, stats.waiting), (0, 0));
    }
}

const NOBODY: Holder = Holder::NOBODY;

/// Two resources, of 2 and 3.
fn resources() -> Scene {
    Scene::new(LimitSet::new().resource("a", 2).resource("b", 3), Manual::new().1)
}

#[test]
fn all_or_nothing() {
    let scene = resources();
    scene.ask("a", NOBODY, &[(0, 2)]);
    scene.ask("both", NOBODY, &[(0, 1), (1, 3)]);
    assert_eq!(scene.granted(), ["a"]);
    assert_eq!(scene.free(), [0, 3], "what waits takes nothing");
    scene.give_back(NOBODY, "a");
    assert_eq!(scene.granted(), ["a", "both"]);
    assert_eq!(scene.free(), [1, 0]);
    scene.give_back(NOBODY, "both");
    scene.at_rest();
}

#[test]
fn a_request_for_much_is_not_overtaken_by_those_for_little() {
    let scene = resources();
    scene.ask("first", NOBODY, &[(1, 1)]);
    scene.ask("all", NOBODY, &[(1, 3)]);
    scene.ask("small", NOBODY, &[(1, 1)]);
    scene.ask("smaller", NOBODY, &[(1, 1)]);
    assert_eq!(scene.attempt(NOBODY, &[(1, 1)]), None, "an attempt does not barge");
    assert_eq!(scene.granted(), ["first"]);
    scene.give_back(NOBODY, "first");
    assert_eq!(scene.granted(), ["first", "all"]);
    scene.give_back(NOBODY, "all");
    assert_eq!(scene.granted(), ["first", "all", "small", "smaller"]);
}

#[test]
fn those_who_want_nothing_in_common_do_not_wait_for_each_other() {
    let scene = resources();
    scene.ask("a", NOBODY, &[(0, 2)]);
    scene.ask("a and b", NOBODY, &[(0, 1), (1, 1)]);
    scene.ask("nothing", NOBODY, &[(0, 0), (1, 0)]);
    scene.ask("b", NOBODY, &[(1, 1)]);
    scene.ask("a again", NOBODY, &[(0, 1)]);
    assert_eq!(scene.granted(), ["a", "nothing"], "`b` is behind `a and b`, which wants some of it");
    scene.give_back(NOBODY, "a");
    assert_eq!(scene.granted(), ["a", "nothing", "a and b", "b", "a again"]);
}

#[test]
fn who_leaves_lets_those_behind_it_through() {
    let scene = resources();
    scene.ask("held", NOBODY, &[(1, 1)]);
    let all = scene.ask("all", NOBODY, &[(1, 3)]);
    let gone = scene.ask("gone", NOBODY, &[(1, 1)]);
    scene.ask("next", NOBODY, &[(1, 2)]);
    scene.shared.cancel(gone);
    assert_eq!(scene.granted(), ["held"]);
    scene.shared.cancel(all);
    scene.shared.cancel(all);
    scene.shared.cancel(u64::MAX);
    assert_eq!(scene.granted(), ["held", "next"]);
    assert_eq!(Arc::strong_count(&scene.log), 1, "the replies are gone");
}

#[test]
fn what_a_dead_worker_held_is_given_back_once() {
    let scene = resources();
    let (dead, alive) = (Holder::worker(), Holder::worker());
    scene.ask("one", dead, &[(0, 1), (1, 1)]);
    scene.ask("two", Holder { task: 7, ..dead }, &[(1, 1)]);
    scene.ask("other", alive, &[(1, 1)]);
    scene.ask("waits", dead, &[(1, 1)]);
    scene.ask("next", alive, &[(0, 2)]);
    scene.shared.release_all(dead.worker);
    assert_eq!(scene.granted(), ["one", "two", "other", "next"]);
    assert_eq!(scene.free(), [0, 2]);
    // A thread that went on after its worker was given up.
    scene.give_back(dead, "one");
    scene.shared.update(dead.worker, scene.id("one"), 0, 0);
    assert_eq!(scene.free(), [0, 2]);
    // Nor does anybody give back what is another's.
    scene.shared.give_back(dead.worker, scene.id("other"), End::Used);
    scene.shared.release_all(NOBODY.worker);
    assert_eq!(scene.free(), [0, 2]);
    scene.give_back(alive, "other");
    scene.give_back(alive, "next");
    scene.at_rest();
    assert_eq!(scene.free(), [2, 3]);
}

#[test]
fn who_holds_passes_those_who_wait_for_it() {
    let (_, clock) = Manual::new();
    let scene = Scene::new(LimitSet::new().resource("db", 1).rate("tokens", 10, Window::Minutely), clock);
    let holder = Holder::worker();
    scene.ask("db", holder, &[(0, 1)]);
    scene.ask("both", NOBODY, &[(0, 1), (1, 5)]);
    // Behind it, though nobody holds what it wants.
    scene.ask("tokens", NOBODY, &[(1, 1)]);
    assert_eq!(scene.attempt(Holder::worker(), &[(1, 1)]), None);
    assert_eq!(scene.attempt(NOBODY, &[(1, 1)]), None);
    scene.ask("nested", holder, &[(1, 2)]);
    assert!(scene.attempt(holder, &[(1, 1)]).is_some());
    assert_eq!(scene.granted(), ["db", "nested"]);
    scene.give_back(holder, "db");
    assert_eq!(scene.granted(), ["db", "nested", "both", "tokens"]);
}

#[test]
fn a_thread_that_holds_passes_too_but_is_never_refused() {
    let scene = resources();
    let thread = Holder::this_thread();
    assert_eq!(thread, Holder::this_thread());
    assert_ne!(thread, std::thread::spawn(Holder::this_thread).join().unwrap());
    scene.ask("a", thread, &[(0, 2)]);
    scene.ask("both", NOBODY, &[(0, 1), (1, 3)]);
    scene.ask("nested", thread, &[(1, 1)]);
    // Another thread may give it back, for all that is known.
    scene.ask("again", thread, &[(0, 1)]);
    assert_eq!(scene.granted(), ["a", "nested"]);
    scene.give_back(NOBODY, "a");
    assert_eq!(scene.granted(), ["a", "nested", "again"], "it still holds one of what `both` waits for");
    scene.give_back(NOBODY, "nested");
    assert_eq!(scene.granted(), ["a", "nested", "again", "both"]);
}

#[test]
fn who_holds_passes_nobody_else() {
    let (time, clock) = Manual::new();
    let scene = Scene::new(LimitSet::new().resource("db", 1).rate("tokens", 10, Window::Minutely), clock);
    let holder = Holder::worker();
    scene.ask("db", holder, &[(0, 1)]);
    scene.ask("all", NOBODY, &[(1, 10)]);
    scene.ask("more", NOBODY, &[(1, 6)]);
    scene.ask("nested", holder, &[(1, 1)]);
    assert_eq!(scene.attempt(holder, &[(1, 1)]), None);
    assert_eq!(scene.granted(), ["db", "all"]);
    time.advance(60_000_000_000);
    assert_eq!(scene.granted(), ["db", "all", "more", "nested"]);
}

#[test]
fn the_chain_of_those_who_wait_may_be_long() {
    let set = LimitSet::new().resource("a", 1).resource("b", 1).resource("c", 1).resource("d", 1);
    let scene = Scene::new(set, Manual::new().1);
    let (one, two) = (Holder::worker(), Holder::worker());
    scene.ask("a", one, &[(0, 1)]);
    scene.ask("b", two, &[(1, 1)]);
    // Waits for `one`, and keeps the next behind it; that one keeps `two` from `d`, or would.
    scene.ask("a, c", NOBODY, &[(0, 1), (2, 1)]);
    scene.ask("c, d", NOBODY, &[(2, 1), (3, 1)]);
    // `two` waits for `one`, by way of `a`; so whoever waits for `b` waits for `one` too.
    scene.ask("two: a", two, &[(0, 1)]);
    scene.ask("b, d", NOBODY, &[(1, 1), (3, 1)]);
    scene.ask("one: d", one, &[(3, 1)]);
    assert_eq!(scene.granted(), ["a", "b", "one: d"]);
    scene.give_back(one, "one: d");
    scene.give_back(one, "a");
    assert_eq!(scene.granted(), ["a", "b", "one: d", "a, c"]);
    scene.give_back(NOBODY, "a, c");
    assert_eq!(scene.granted(), ["a", "b", "one: d", "a, c", "c, d", "two: a"]);
    scene.give_back(NOBODY, "c, d");
    scene.give_back(two, "b");
    assert_eq!(scene.granted().last(), Some(&"b, d"));
}

#[test]
fn who_waits_for_one_who_waits_is_found_whoever_came_first() {
    let scene = Scene::new(LimitSet::new().resource("a", 1).resource("b", 1).resource("c", 1), Manual::new().1);
    let (one, two) = (Holder::worker(), Holder::worker());
    scene.ask("a", one, &[(0, 1)]);
    scene.ask("b", two, &[(1, 1)]);
    // Waits for `two`, which waits for `one` only afterwards.
    scene.ask("b, c", NOBODY, &[(1, 1), (2, 1)]);
    scene.ask("two: a", two, &[(0, 1)]);
    scene.ask("one: c", one, &[(2, 1)]);
    assert_eq!(scene.granted(), ["a", "b", "one: c"]);
}

#[test]
fn who_waits_and_holds_is_served_when_those_ahead_depend_on_it() {
    let scene = Scene::new(LimitSet::new().resource("a", 1).resource("b", 1), Manual::new().1);
    let holder = Holder::worker();
    scene.ask("a", holder, &[(0, 1)]);
    scene.ask("b", NOBODY, &[(1, 1)]);
    scene.ask("both", NOBODY, &[(0, 1), (1, 1)]);
    scene.ask("nested", holder, &[(1, 1)]);
    scene.give_back(NOBODY, "b");
    assert_eq!(scene.granted(), ["a", "b", "nested"], "`both` is first for `b`, but waits for `a`");
}

#[test]
fn asking_for_what_one_holds_oneself_is_an_error() {
    let scene = resources();
    let (holder, other) = (Holder::worker(), Holder::worker());
    scene.ask("two", holder, &[(1, 2)]);
    scene.ask("one", other, &[(1, 1)]);
    scene.ask("one more", holder, &[(1, 1)]);
    assert_eq!(scene.granted(), ["two", "one"], "the other may give its one back");
    scene.give_back(other, "one");
    assert_eq!(scene.granted(), ["two", "one", "one more"]);

    for patience in [Patience::Endless, Patience::Limited] {
        scene.ask_patiently("too much", holder, &[(0, 1), (1, 1)], patience);
        let error = scene.error("too much");
        assert!(error.contains("1 of `b`") && error.contains("this worker itself holds 3"), "{error}");
    }
    assert_eq!(scene.attempt(holder, &[(1, 1)]), None, "an attempt does not wait, so it is no deadlock");
    // Another task of the same worker can wait for the first.
    scene.ask("other task", Holder { task: 1, ..holder }, &[(1, 1)]);
    // So does one of whom nothing is known.
    scene.ask("nobody", NOBODY, &[(1, 1)]);
    scene.give_back(holder, "two");
    let granted: Vec<_> = scene.news().into_iter().filter(|(_, ok)| *ok).map(|(name, _)| name).collect();
    assert_eq!(granted, ["two", "one", "one more", "other task", "nobody"]);
}

#[test]
fn two_who_wait_for_each_other_are_told() {
    let scene = Scene::new(LimitSet::new().resource("a", 1).resource("b", 1), Manual::new().1);
    let (one, two) = (Holder::worker(), Holder::worker());
    scene.ask("a", one, &[(0, 1)]);
    scene.ask("b", two, &[(1, 1)]);
    scene.ask("one: b", one, &[(1, 1)]);
    scene.ask("two: a", two, &[(0, 1)]);
    assert_eq!(scene.news(), [("a", true), ("b", true), ("two: a", false)]);
    assert!(scene.error("two: a").contains("is held by workers that wait for what this one holds"));
    // It has its error, goes on, and gives back.
    scene.give_back(two, "b");
    assert_eq!(scene.news().last(), Some(&("one: b", true)));
}

#[test]
fn a_wait_that_may_end_by_itself_is_no_deadlock() {
    let scene = Scene::new(LimitSet::new().resource("a", 1).resource("b", 1), Manual::new().1);
    let (one, two) = (Holder::worker(), Holder::worker());
    scene.ask("a", one, &[(0, 1)]);
    scene.ask("b", two, &[(1, 1)]);
    let left = scene.ask_patiently("one: b", one, &[(1, 1)], Patience::Limited);
    scene.ask("two: a", two, &[(0, 1)]);
    assert_eq!(scene.granted(), ["a", "b"]);
    scene.shared.cancel(left);
    scene.give_back(one, "a");
    assert_eq!(scene.granted(), ["a", "b", "two: a"]);
}

#[test]
fn two_of_many_who_want_one_more_are_told_when_nobody_is_left() {
    let scene = resources();
    let holders = [Holder::worker(), Holder::worker(), Holder::worker()];
    for holder in holders {
        scene.ask("one", holder, &[(1, 1)]);
    }
    scene.ask("first", holders[0], &[(1, 1)]);
    scene.ask("second", holders[1], &[(1, 1)]);
    assert_eq!(scene.granted(), ["one"; 3], "the third may still give back");
    scene.ask("third", holders[2], &[(1, 1)]);
    assert_eq!(scene.news().last(), Some(&("third", false)));
}

#[test]
fn an_alarm_is_set_only_while_time_alone_is_waited_for() {
    let (time, clock) = Manual::new();
    let set =
        LimitSet::new().resource("db", 1).rate_with("r", 10, Duration::from_nanos(10), RateAlgorithm::TokenBucket);
    let scene = Scene::new(set, clock);
    scene.ask("all", NOBODY, &[(0, 1), (1, 10)]);
    assert_eq!(time.alarms(), 0);
    let gone = scene.ask("five", NOBODY, &[(1, 5)]);
    scene.ask("both", NOBODY, &[(0, 1), (1, 1)]);
    assert_eq!(time.alarms(), 1);
    scene.shared.cancel(gone);
    assert_eq!(time.alarms(), 0, "`both` waits for somebody, not for time");
    scene.give_back(NOBODY, "all");
    assert_eq!(time.alarms(), 1);
    time.advance(1);
    assert_eq!(scene.granted(), ["all", "both"]);
    assert_eq!(time.alarms(), 0);
}

#[test]
fn an_alarm_goes_with_its_set() {
    let (time, clock) = Manual::new();
    let scene = Scene::new(LimitSet::new().rate("r", 1, Window::Hourly), clock);
    scene.ask("one", NOBODY, &[(0, 1)]);
    scene.ask("two", NOBODY, &[(0, 1)]);
    assert_eq!(time.alarms(), 1);
    drop(scene);
    assert_eq!(time.alarms(), 0);
}

#[test]
fn where_time_cannot_be_kept_waiting_is_an_error() {
    let (time, clock) = Manual::new();
    let scene = Scene::new(LimitSet::new().rate("r", 1, Window::Hourly), clock);
    scene.ask("one", NOBODY, &[(0, 1)]);
    time.broken.store(true, Ordering::SeqCst);
    scene.ask("two", NOBODY, &[(0, 1)]);
    assert_eq!(scene.news(), [("one", true), ("two", false)]);
    assert!(scene.error("two").contains("no threads are left"));
    assert_eq!(scene.shared.stats().waiting, 0);
}

#[test]
fn a_panic_in_one_reply_is_nobody_elses() {
    let scene = resources();
    scene.ask("held", NOBODY, &[(0, 2)]);
    let panics = Box::new(|_| std::panic::resume_unwind(Box::new("meant to panic")));
    scene.shared.request(NOBODY, Scene::asks(&[(0, 1)]), Patience::Endless, 0, panics);
    scene.ask("next", NOBODY, &[(0, 1)]);
    scene.give_back(NOBODY, "held");
    assert_eq!(scene.granted(), ["held", "next"]);
}

#[test]
fn a_reply_may_use_the_set() {
    let scene = resources();
    scene.ask("held", NOBODY, &[(0, 2)]);
    let (shared, log) = (scene.shared.clone(), scene.log.clone());
    let reply = Box::new(move |result: Result<Grant>| {
        shared.give_back(0, result.unwrap().id, End::Used);
        let id = shared.attempt(NOBODY, &Scene::asks(&[(0, 2)])).unwrap();
        log.lock().unwrap().push(("inside", Ok(Grant { set: 0, id })));
    });
    scene.shared.request(NOBODY, Scene::asks(&[(0, 1)]), Patience::Endless, 0, reply);
    scene.give_back(NOBODY, "held");
    assert_eq!(scene.granted(), ["held", "inside"]);
}

#[test]
fn updates_count_from_what_was_told_last() {
    let (time, clock) = Manual::new();
    let set = LimitSet::new().rate("r", 100, Window::Secondly).rate("other", 10, Window::Secondly).resource("db", 2);
    let scene = Scene::new(set, clock);
    scene.ask("it", NOBODY, &[(0, 50), (2, 1)]);
    let tell = |key, used| scene.shared.update(0, scene.id("it"), key, used);
    tell(0, 10);
    assert_eq!(scene.free(), [90, 10, 1]);
    tell(0, 20);
    assert_eq!(scene.free(), [80, 10, 1]);
    tell(0, 15);
    assert_eq!(scene.free(), [85, 10, 1]);
    tell(1, 4);
    assert_eq!(scene.free(), [85, 6, 1], "used without having been asked for");
    tell(1, 0);
    assert_eq!(scene.free(), [85, 6, 1], "what was owed stays so");
    tell(2, 0);
    tell(9, 0);
    assert_eq!(scene.free(), [85, 6, 1], "a resource is held as it is");
    scene.give_back(NOBODY, "it");
    assert_eq!(scene.free(), [85, 6, 2]);
    time.advance(1_000_000_000);
    assert_eq!(scene.free(), [100, 10, 2]);
}

#[test]
fn what_is_given_back_unused_counts_nowhere() {
    let (_, clock) = Manual::new();
    let scene = Scene::new(LimitSet::new().rate("r", 100, Window::Secondly).resource("db", 2), clock);
    scene.ask("it", NOBODY, &[(0, 50), (1, 1)]);
    scene.ask("next", NOBODY, &[(0, 80)]);
    scene.shared.give_back(0, scene.id("it"), End::Unused);
    assert_eq!(scene.granted(), ["it", "next"]);
    assert_eq!(scene.free(), [20, 2]);
}
