use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn count(&self, x: Unknown) -> u64 {
        1
    }

    pub fn find(&self, among: &[Nowhere]) -> Result<u64, Missing> {
        Ok(1)
    }
}

#[worker]
impl Undeclared {
    pub fn count(&self) -> u64 {
        1
    }
}

fn main() {
    let _ = Counter::init().unwrap().find(&[]);
}
