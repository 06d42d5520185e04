//! A stub takes more than values of the argument's type, so what only the argument could tell is to be said.

use concurry::prelude::*;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn sum(&self, numbers: Vec<u64>) -> u64 {
        numbers.iter().sum()
    }

    pub fn double(&self, x: u64) -> u64 {
        x * 2
    }
}

fn main() {
    let pool = Adder::init().unwrap();
    let _ = pool.sum((1..4).collect());
    let _ = pool.double("21".parse().unwrap());
    let _ = pool.double(3u32.into());
}
