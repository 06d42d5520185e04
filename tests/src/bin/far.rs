//! A driver with workers on a Ray cluster, for tests that kill it.

use std::io::BufRead;
use std::os::unix::process::parent_id;

use concurry::prelude::*;
use concurry_tests::clusters::Interpreter;

#[derive(Default)]
struct Far;

#[worker(mode = "ray")]
impl Far {
    pub fn place(&self) -> (u32, u32) {
        (std::process::id(), parent_id())
    }

    /// Never ends, and never looks up.
    pub fn toil(&self) -> u64 {
        loop {
            std::hint::spin_loop();
        }
    }
}

fn main() -> concurry::Result<()> {
    let python = Interpreter::new();
    let pool = Far::options().max_workers(2).ray(python.options()).init()?;
    for index in 0..2 {
        let (process, guardian) = pool.worker(index).place().result()?;
        println!("{process}\n{guardian}");
    }
    println!("{}", python.bridge());
    let toils = pool.toil();
    // Until the one who started it is gone, or kills it.
    for _line in std::io::stdin().lock().lines() {}
    toils.result().map(drop)
}
