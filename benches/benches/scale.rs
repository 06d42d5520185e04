//! Many workers, many submitters, many calls: what each costs, and whether the cost of one grows with their number.

use std::thread;
use std::time::{Duration, Instant};

use concurry::prelude::*;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn plus_one(&self, x: u64) -> u64 {
        x + 1
    }
}

fn micros(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / count as f64
}

/// What a worker costs to start, to reach and to stop.
fn workers(mode: Mode, counts: &[usize]) -> concurry::Result<()> {
    println!("workers of mode `{mode}`: microseconds a worker");
    println!("  {:>8} {:>10} {:>12} {:>10}", "workers", "start", "first call", "stop");
    for &count in counts {
        let begun = Instant::now();
        let pool = Adder::options().mode(mode).max_workers(count).init()?;
        let started = begun.elapsed();
        let begun = Instant::now();
        for answer in gather(pool.broadcast(|worker| worker.plus_one(1))).settled() {
            assert_eq!(answer?, 2);
        }
        let called = begun.elapsed();
        let begun = Instant::now();
        pool.stop()?;
        let stopped = begun.elapsed();
        println!(
            "  {count:>8} {:>10.1} {:>12.2} {:>10.1}",
            micros(started, count),
            micros(called, count),
            micros(stopped, count)
        );
    }
    Ok(())
}

/// What a call costs with so many threads that submit.
fn submitters(counts: &[usize], calls: usize) -> concurry::Result<()> {
    println!("{calls} calls to 4 threads, by the number of threads that submit: millions a second");
    for &count in counts {
        let pool = Adder::options().max_workers(4).init()?;
        let each = calls / count;
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    let futures: Vec<_> = (0..each as u64).map(|x| pool.plus_one(x)).collect();
                    gather(futures).results().map(|all| all.len())
                });
            }
        });
        let took = begun.elapsed();
        assert_eq!(pool.stats().completed, (each * count) as u64);
        println!("  {count:>8} {:>10.2}", (each * count) as f64 / took.as_secs_f64() / 1e6);
        pool.stop()?;
    }
    Ok(())
}

/// What a call costs in a line of so many: the thousandth as the ten-millionth.
fn queued(counts: &[usize]) -> concurry::Result<()> {
    println!("calls in one line, submitted while none is answered, then all collected: nanoseconds a call");
    println!("  {:>10} {:>10} {:>10}", "calls", "submitted", "collected");
    for &count in counts {
        let pool = Adder::options().max_queued_tasks(1).init()?;
        let begun = Instant::now();
        let futures: Vec<_> = (0..count as u64).map(|x| pool.plus_one(x)).collect();
        let submitted = begun.elapsed();
        let begun = Instant::now();
        for future in futures {
            future.result()?;
        }
        let collected = begun.elapsed();
        println!("  {count:>10} {:>10.0} {:>10.0}", micros(submitted, count) * 1e3, micros(collected, count) * 1e3);
        pool.stop()?;
    }
    Ok(())
}

fn main() -> concurry::Result<()> {
    workers(Mode::Thread, &[10, 100, 1000])?;
    workers(Mode::Process, &[4, 32, 256])?;
    submitters(&[1, 4, 16, 64], 1_000_000)?;
    queued(&[1_000, 100_000, 10_000_000])
}
