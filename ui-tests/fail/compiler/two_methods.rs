//! What is wrong with the user's own block is told of there, and there alone.

use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn count(&self, x: u64) -> u64 {
        x
    }

    pub fn count(&self) -> u64 {
        1
    }

    pub fn both(&self, x: u64, x: u64) -> u64 {
        x
    }
}

fn main() {
    let _ = Counter::init().unwrap().count(1u64);
}
