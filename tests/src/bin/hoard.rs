//! Queues many calls in one pool and prints how many bytes each of them costs: `hoard MODE WINDOW CALLS`, where a window
//! of 0 is the mode's default. Each measurement is a program of its own, since memory that was used before is used again.

use std::time::Instant;

use concurry::prelude::*;
use concurry_tests::{Door, Gate};

#[derive(Default)]
struct Teller {
    told: u64,
}

#[worker]
impl Teller {
    pub fn tell(&mut self, number: u64) -> u64 {
        self.told += 1;
        number
    }

    pub fn told(&self) -> u64 {
        self.told
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }
}

/// The memory that this process has now, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    // A page is 4 KiB wherever this is run.
    text.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 12
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mode: Mode = arguments[0].parse().unwrap();
    let (window, calls): (usize, u64) = (arguments[1].parse().unwrap(), arguments[2].parse().unwrap());
    let mut options = Teller::options().mode(mode);
    if window > 0 {
        options = options.max_queued_tasks(window);
    }
    let pool = options.init().unwrap();
    let gate = Gate::new();
    let stays = pool.stay(gate.door());
    let visitor = gate.visitor();
    let mut futures = Vec::new();
    let (before, begun) = (resident(), Instant::now());
    futures.extend((0..calls).map(|number| pool.tell(number)));
    let (bytes, submitting) = ((resident() - before).div_ceil(calls), begun.elapsed());
    let stats = pool.stats();
    assert_eq!(stats.queued + stats.in_flight, calls + 1);
    visitor.pass("go");
    stays.result().unwrap();
    let begun = Instant::now();
    for (number, future) in (0..).zip(futures) {
        assert_eq!(future.result().unwrap(), number);
    }
    let running = begun.elapsed();
    assert_eq!(pool.told().result().unwrap(), calls, "each was run once");
    let stats = pool.stats();
    assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (calls + 2, 0, 0, 0));
    pool.stop().unwrap();
    println!("{bytes}");
    eprintln!("{submitting:.1?} to submit, {running:.1?} to run");
}
