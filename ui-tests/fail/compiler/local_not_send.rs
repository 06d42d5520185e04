use concurry::prelude::*;
use std::rc::Rc;

#[derive(Default)]
struct Shared;

#[worker(local)]
impl Shared {
    pub fn take(&self, shared: Rc<u64>) -> u64 {
        *shared
    }

    pub fn give(&self) -> Rc<u64> {
        Rc::new(1)
    }
}

fn main() {}
