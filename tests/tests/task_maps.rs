//! `map` of a task: results in the order of inputs that are drawn as needed, or as they come; what is not taken is
//! cancelled.

use concurry::Task;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, Journal, Page, apart, eventually_is, modes};

#[task]
fn nothing() -> u32 {
    7
}

#[task]
fn square(x: u64) -> u64 {
    x * x
}

#[task]
fn joined(parts: Vec<String>, by: &str, (times, more): (usize, bool)) -> String {
    format!("{}{more}", parts.join(by).repeat(times))
}

#[task]
fn parsed(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.parse()
}

/// Whatever the task, a pool of it maps in order.
fn squares<T: Task<Args = u64, Output = u64>>(pool: &TaskPool<T>, most: u64) -> Vec<u64> {
    pool.map(0..most).collect::<concurry::Result<_>>().unwrap()
}

#[test]
fn a_map_is_in_order_and_draws_as_needed() {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 3 };
        let pool = square::options().mode(mode).max_workers(workers).init().unwrap();
        assert_eq!(squares(&pool, 1_000), (0..1_000).map(|x| x * x).collect::<Vec<_>>(), "{mode}");

        let mut drawn = 0u64;
        let endless = (0..).inspect(|_| drawn += 1);
        let mut results = pool.map(endless).look_ahead(10);
        for x in 0..500u64 {
            assert_eq!(results.next().unwrap().unwrap(), x * x, "{mode}");
        }
        drop(results);
        assert!((500..=510).contains(&drawn), "{mode}: {drawn} were drawn");
        assert_eq!(pool.map(vec![1; 10]).len(), 10);
        assert_eq!(pool.map(vec![]).count(), 0);
    }
}

#[test]
fn a_map_gives_errors_in_their_places() {
    for mode in modes() {
        let pool = parsed::options().mode(mode).init().unwrap();
        let texts = ["1", "x", "3"].map(str::to_owned);
        let results: Vec<_> = pool.map(texts).map(|result| result.ok()).collect();
        assert_eq!(results, [Some(1), None, Some(3)], "{mode}");
        let pool = joined::options().mode(mode).init().unwrap();
        let args = (0..2).map(|times| (vec!["a".to_owned(), "b".to_owned()], "-".to_owned(), (times, true)));
        let texts: Vec<_> = pool.map(args).collect::<concurry::Result<_>>().unwrap();
        assert_eq!(texts, ["true", "a-btrue"], "{mode}");
    }
    assert_eq!(nothing::map([(), ()]).collect::<concurry::Result<Vec<_>>>().unwrap(), [7, 7]);
}

#[task]
fn knocks(door: Option<Door>, page: &Page, x: u64) -> u64 {
    page.note(x);
    if let Some(door) = door {
        door.knock();
    }
    x
}

#[test]
fn dropping_a_map_cancels_what_was_not_taken() {
    for mode in apart() {
        let (first, gate, journal) = (Gate::new(), Gate::new(), Journal::new());
        let pool = knocks::options().mode(mode).init().unwrap();
        let mut drawn = 0;
        let args = |x: u64| {
            if x == 2 {
                // The first result is there only when the second call has been made.
                first.visitor().pass("");
            }
            let door = [&first, &gate].get(x as usize).map(|gate| gate.door());
            (door, journal.page(), x)
        };
        let mut results = pool.map((0..).inspect(|_| drawn += 1).map(args));
        assert_eq!(results.next().unwrap().unwrap(), 0);
        let visitor = gate.visitor();
        drop(results);
        // Only the one that stands at the gate is left; how it ends is its own affair.
        eventually_is("calls that have come to something", drawn - 1, || {
            let stats = pool.stats();
            stats.completed + stats.failed
        });
        visitor.pass("");
        pool.wait_idle();
        assert_eq!(journal.numbers(), [0, 1], "{mode}");
        // What was sent and cancelled leaves its worker when that comes to it.
        eventually_is("calls that are somewhere", (0, 0), || {
            let stats = pool.stats();
            (stats.queued, stats.in_flight)
        });
        pool.stop().unwrap();
    }
}

#[test]
fn an_unordered_map_gives_each_index_once_and_the_first_to_finish_first() {
    for mode in modes() {
        let workers = if mode == Mode::Sync { 1 } else { 2 };
        let pool = square::options().mode(mode).max_workers(workers).init().unwrap();
        let mut results: Vec<(usize, u64)> =
            pool.map_unordered(5..1_005).map(|(index, result)| (index, result.unwrap())).collect();
        results.sort_unstable();
        let expected: Vec<_> = (5..1_005u64).enumerate().map(|(index, x)| (index, x * x)).collect();
        assert_eq!(results, expected, "{mode}");
    }
    for mode in apart() {
        let (gate, journal) = (Gate::new(), Journal::new());
        let pool = knocks::options().mode(mode).max_workers(2).load_balancing(LoadBalancing::Shared).init().unwrap();
        let door = |x: u64| (x == 0).then(|| gate.door());
        let mut results = pool.map_unordered((0..20).map(|x| (door(x), journal.page(), x)));
        let mut others: Vec<usize> = results.by_ref().take(19).map(|(index, _)| index).collect();
        others.sort_unstable();
        assert_eq!(others, (1..20).collect::<Vec<_>>(), "{mode}");
        gate.visitor().pass("");
        assert!(matches!(results.next(), Some((0, Ok(0)))), "{mode}");
        assert!(results.next().is_none());
    }
}

#[test]
fn a_map_of_the_own_pool_goes_on_after_a_stop() {
    #[task(mode = "thread")]
    fn plus(x: u64) -> u64 {
        x + 1
    }
    let mut results = plus::map(0..).look_ahead(4);
    for x in 0..20 {
        assert_eq!(results.next().unwrap().unwrap(), x + 1);
        plus::stop().unwrap();
    }
    let mut unordered = plus::map_unordered([1]);
    assert!(matches!(unordered.next(), Some((0, Ok(2)))));
    assert!(unordered.next().is_none());
}
