//! A hundred thousand items through three pools of different modes, by passing futures. Alone in its program, since it
//! counts the program's threads.

use std::sync::mpsc::channel;

use concurry::prelude::*;
use concurry_tests::{LONG, census};

const ITEMS: u64 = 100_000;

#[derive(Default)]
struct Stage;

#[worker]
impl Stage {
    pub fn first(&self, x: u64) -> u64 {
        x + 1
    }

    pub fn second(&self, x: u64) -> u64 {
        x * 3
    }

    pub async fn third(&self, x: u64) -> String {
        format!("<{x}>")
    }
}

#[test]
fn futures_that_are_passed_on_take_no_thread_however_many_they_are() {
    let a = Stage::options().mode(Mode::Thread).max_workers(2).init().unwrap();
    let b = Stage::options().mode(Mode::Process).max_workers(2).init().unwrap();
    let c = Stage::options().mode(Mode::Async).max_workers(2).init().unwrap();
    let item = |x: u64| c.third(b.second(a.first(x)));
    // Whatever is started at the first call is there.
    assert_eq!(gather((0..10).map(item)).results().unwrap().len(), 10);
    let threads = census().threads;

    let (sample, samples) = channel();
    let futures = (0..ITEMS).map(|x| {
        let future = item(x);
        if x % 500 == 0 {
            let sample = sample.clone();
            // On the thread that resolves it, with the rest under way.
            future.on_done(move |_| sample.send(census().threads).unwrap());
        }
        future
    });
    let results = gather(futures).timeout(10 * LONG).results().unwrap();
    drop(sample);

    assert_eq!(results.len() as u64, ITEMS);
    for (x, result) in (0..ITEMS).zip(results) {
        assert_eq!(result, format!("<{}>", (x + 1) * 3));
    }
    let seen: Vec<usize> = samples.iter().collect();
    assert_eq!(seen, vec![threads; (ITEMS / 500) as usize]);
    for pool in [a, b, c] {
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (ITEMS + 10, 0, 0, 0));
        pool.stop().unwrap();
    }
}
