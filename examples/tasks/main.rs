//! A function as a task: it runs in processes, and its inputs are drawn as they are needed.
//!
//! `cargo run --example tasks`

use concurry::prelude::*;

/// How many primes there are below `limit`.
#[task(mode = "process", max_workers = 4)]
fn primes(limit: u64) -> usize {
    (2..limit).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count()
}

fn main() -> concurry::Result<()> {
    // One call; the pool of the task is started by it.
    println!("below 1000: {}", primes(1000).result()?);

    // Many, in order. The inputs have no end: only as many are drawn as results are taken, and a few ahead.
    let many: Vec<usize> = primes::map((1..).map(|k| k * 500)).take(6).collect::<Result<_, _>>()?;
    println!("below 500, 1000, ..: {many:?}");
    assert_eq!(many, [95, 168, 239, 303, 367, 430]);

    // The plain function is still there.
    assert_eq!(primes::call(1000), 168);

    // A pool of its own, with other options.
    let own = primes::options().mode(Mode::Thread).max_workers(2).init()?;
    println!("on threads: {}", own.submit(1000).result()?);
    own.stop()?;
    primes::stop()
}
