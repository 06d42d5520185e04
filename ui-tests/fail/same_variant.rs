use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn a1(&self) -> u64 {
        1
    }

    pub fn a_1(&self) -> u64 {
        2
    }

    pub fn get_it(&self) -> u64 {
        3
    }

    pub fn getIt(&self) -> u64 {
        4
    }
}

fn main() {
    let pool = Counter::init().unwrap();
    println!("{:?} {:?}", pool.a1().result(), pool.a_1().result());
}
