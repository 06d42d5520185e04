use concurry::prelude::*;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn add(&self, numbers: &mut Vec<u64>, more: u64) {
        numbers.push(more);
    }

    pub fn owned(&self, mut numbers: Vec<u64>) -> Vec<u64> {
        numbers.push(0);
        numbers
    }
}

fn main() {
    let pool = Adder::init().unwrap();
    let mut numbers = vec![];
    pool.add(&mut numbers, 1).result().unwrap();
    let _ = pool.owned(numbers);
}
