use concurry::prelude::*;

trait Compute {
    fn compute(&self, x: u64) -> u64;
}

#[derive(Default)]
struct Squares;

#[worker]
impl Compute for Squares {
    fn compute(&self, x: u64) -> u64 {
        x * x
    }
}

fn main() {
    println!("{}", Squares.compute(2));
}
