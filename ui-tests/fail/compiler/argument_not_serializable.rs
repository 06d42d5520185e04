use concurry::prelude::*;

pub struct Handle(u64);

#[derive(Default)]
struct Files;

#[worker]
impl Files {
    pub fn read(&self, name: &str, handle: Handle) -> u64 {
        handle.0 + name.len() as u64
    }
}

fn main() {
    let _ = Files::init().unwrap().read("a", Handle(1));
}
