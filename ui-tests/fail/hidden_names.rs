use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn clone(&self) -> u64 {
        1
    }

    pub fn deref(&self) -> u64 {
        2
    }

    pub fn into(&self) -> u64 {
        3
    }

    pub fn try_into(&self) -> u64 {
        4
    }

    pub fn stop(&self) -> u64 {
        5
    }
}

fn main() {
    let pool = Counter::init().unwrap();
    let other: CounterClient = pool.clone();
    other.pool().stop().unwrap();
}
