use concurry::prelude::*;

#[derive(Default)]
struct Callbacks;

#[worker]
impl Callbacks {
    pub extern "C" fn call(&self, x: u32) -> u32 {
        x
    }
}

fn main() {
    let pool = Callbacks::init().unwrap();
    let _ = pool.call(1u32);
}
