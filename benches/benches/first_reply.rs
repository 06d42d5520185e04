//! How long the first reply of a new worker takes: a thread, a process that is started, and one that is forked from a zygote,
//! on demand and with a spare at hand.
//!
//! `cargo bench -p concurry-benches --bench first_reply`

use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;

const ROUNDS: usize = 300;
/// So that spares are there again, as they are between calls that come now and then.
const REST: Duration = Duration::from_millis(3);

#[derive(Default)]
struct Hand;

#[worker]
impl Hand {
    pub fn double(&self, x: u64) -> u64 {
        x * 2
    }
}

/// A call of a pool on demand.
fn on_demand(pool: &HandClient) -> concurry::Result<Duration> {
    thread::sleep(REST);
    let begun = Instant::now();
    assert_eq!(pool.double(21).result()?, 42);
    Ok(begun.elapsed())
}

/// A pool of one worker, and its first call.
fn started() -> concurry::Result<Duration> {
    thread::sleep(REST);
    let begun = Instant::now();
    let pool = Hand::options().mode(Mode::Process).init()?;
    assert_eq!(pool.double(21).result()?, 42);
    let took = begun.elapsed();
    pool.stop()?;
    Ok(took)
}

/// Several calls at once, more than there are spares: how long until each has its reply.
fn burst(pool: &HandClient, calls: u64) -> concurry::Result<Duration> {
    thread::sleep(REST);
    let begun = Instant::now();
    gather((0..calls).map(|x| pool.double(x))).results()?;
    Ok(begun.elapsed() / u32::try_from(calls).unwrap_or(u32::MAX))
}

fn main() -> concurry::Result<()> {
    let threads = Hand::options().mode(Mode::Thread).on_demand(true).max_workers(8).init()?;
    let processes = Hand::options().mode(Mode::Process).on_demand(true).max_workers(8).init()?;
    let preloaded = Hand::options().mode(Mode::Process).on_demand(true).preload(true).max_workers(8).init()?;
    type Way<'a> = (&'a str, Box<dyn Fn() -> concurry::Result<Duration> + 'a>, Vec<Duration>);
    let mut ways: Vec<Way<'_>> = vec![
        ("thread, on demand", Box::new(|| on_demand(&threads)), Vec::new()),
        ("process, started", Box::new(started), Vec::new()),
        ("process, on demand: a spare", Box::new(|| on_demand(&processes)), Vec::new()),
        ("process, on demand, with preload: a spare", Box::new(|| on_demand(&preloaded)), Vec::new()),
        ("process, on demand: each of 16 at once", Box::new(|| burst(&processes, 16)), Vec::new()),
    ];
    for round in 0..=ROUNDS {
        for (_, run, took) in &mut ways {
            let time = run()?;
            // The first starts the zygote.
            if round > 0 {
                took.push(time);
            }
        }
    }
    println!("first reply of a new worker, median and the tenth and ninetieth of a hundred of {ROUNDS} rounds");
    for (name, _, took) in &mut ways {
        took.sort();
        let at = |percent: usize| took[took.len() * percent / 100].as_secs_f64() * 1e6;
        println!("  {name:<44} {:>7.0} us   {:>7.0} to {:>7.0}", at(50), at(10), at(90));
    }
    drop(ways);
    for pool in [threads, processes, preloaded] {
        pool.stop()?;
    }
    Ok(())
}
