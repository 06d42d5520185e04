//! Sets: what they are built of, what they share, and what they refuse.

use std::time::Duration;

use crate::error::Error;
use crate::limits::manual::Manual;
use crate::limits::{LimitPool, LimitSet, LimitSource, RateAlgorithm, Window};

fn refusal(set: &LimitSet) -> String {
    let error = set.acquire(("db", 1)).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error:?}");
    let at_init = LimitSource::from(set).local().err().unwrap();
    assert_eq!(at_init.to_string(), error.to_string());
    error.to_string()
}

#[test]
fn a_set_that_cannot_be_is_an_error_at_init_and_at_first_use() {
    let set = LimitSet::new;
    for (set, words) in [
        (set().resource("db", 0), vec!["`db`", "allows 0"]),
        (set().rate("db", 0, Window::Hourly), vec!["`db`", "allows 0"]),
        (set().calls(0, Window::Hourly), vec!["`calls`", "allows 0"]),
        (set().resource("db", 1).rate("db", 1, Window::Hourly), vec!["`db` is there twice"]),
        (set().calls(1, Window::Hourly).calls(2, Window::Daily), vec!["`calls` is there twice", "`calls(..)`"]),
        (set().resource("", 1), vec!["empty key"]),
        (set().rate("db", 1, Duration::ZERO), vec!["`db` counts every 0s", "1 ns"]),
        (set().rate("db", 1, Duration::MAX), vec!["`db` counts", "100 years"]),
    ] {
        let error = refusal(&set);
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
        assert_eq!(set.stats().held, 0);
    }
}

#[test]
fn clones_share_and_what_is_built_further_does_not() {
    let first = LimitSet::new().resource("db", 2);
    let clone = first.clone();
    let further = first.clone().config("region", "eu");
    let taken = clone.acquire(("db", 2)).unwrap();
    assert!(first.try_acquire(("db", 1)).unwrap().is_none());
    assert!(further.try_acquire(("db", 2)).unwrap().is_some());
    assert_eq!((further.config_value("region"), first.config_value("region")), (Some("eu"), None));
    let source = LimitSource::from(&first);
    assert!(std::sync::Arc::ptr_eq(&source.local().unwrap(), first.local().unwrap()));
    let fresh = source.fresh().local().unwrap();
    assert_eq!(fresh.first().stats().limits[0].available, 2, "each worker has its own");
    drop(taken);
    assert_eq!(first.stats().limits[0].available, 2);
}

#[test]
fn a_pool_has_fresh_sets_too() {
    let set = LimitSet::new().resource("db", 1);
    let pool = LimitPool::new([set.clone()]);
    let _taken = pool.acquire(("db", 1)).unwrap();
    assert!(set.try_acquire(("db", 1)).unwrap().is_none(), "a set in a pool is the set itself");
    let fresh = LimitSource::from(pool).fresh().local().unwrap();
    assert_eq!(fresh.first().stats().held, 0);
}

#[test]
fn a_later_value_replaces_an_earlier_one() {
    let set = LimitSet::new().config("region", "us").config("tier", "1").config("region", "eu");
    assert_eq!(set.config_value("region"), Some("eu"));
    assert_eq!(set.stats().config, [("region".to_owned(), "eu".to_owned()), ("tier".to_owned(), "1".to_owned())]);
    let taken = set.acquire(Vec::<(String, u64)>::new()).unwrap();
    assert_eq!((taken.config("tier"), taken.config("none")), (Some("1"), None));
}

#[test]
fn stats_tell_how_it_stands() {
    let (_, clock) = Manual::new();
    let set = LimitSet::new()
        .rate_with("tokens", 100, Window::Minutely, RateAlgorithm::Gcra)
        .resource("db", 5)
        .calls(7, Duration::from_millis(5))
        .clocked(&clock);
    let unused = set.stats();
    let mut taken = set.acquire([("tokens", 60), ("db", 2)]).unwrap();
    assert!(taken.update("tokens", 160));
    assert!(!taken.update("db", 1) && !taken.update("nothing", 1));
    let stats = set.stats();
    let rows: Vec<_> = stats.limits.iter().map(|l| (&*l.key, l.capacity, l.available, l.owed, l.taken)).collect();
    assert_eq!(rows, [("tokens", 100, 0, 60, 60), ("db", 5, 3, 0, 2), ("calls", 7, 7, 0, 0)]);
    assert_eq!((stats.held, stats.granted, stats.waiting), (1, 1, 0));
    assert_eq!(stats.limits[0].window, Some(Window::Minutely));
    assert_eq!(stats.limits[0].algorithm, Some(RateAlgorithm::Gcra));
    assert_eq!((stats.limits[1].window, stats.limits[1].algorithm), (None, None));
    assert_eq!(stats.limits[2].window, Some(Window::Every(Duration::from_millis(5))));
    assert!(unused.limits.iter().all(|limit| limit.available == limit.capacity));
}

#[test]
fn what_is_printed_says_what_it_is() {
    let set = LimitSet::new().rate("tokens", 10, Window::Minutely).resource("db", 5);
    assert_eq!(
        format!("{set:?}"),
        r#"LimitSet { limits: ["tokens: 10 minutely (sliding_window)", "db: 5 at once"], config: [] }"#
    );
    let taken = set.acquire(("db", 1)).unwrap();
    assert_eq!(format!("{taken:?}"), r#"Acquisition { of: ["tokens", "db"], set: 0 }"#);
    assert!(format!("{:?}", LimitPool::new([set])).contains("load_balancing: RoundRobin"));
}
