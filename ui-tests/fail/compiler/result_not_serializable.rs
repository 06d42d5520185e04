use concurry::prelude::*;

pub struct Handle(u64);

#[derive(Default)]
struct Files;

#[worker]
impl Files {
    pub fn open(&self, name: &str) -> Handle {
        Handle(name.len() as u64)
    }

    pub fn try_open(&self, name: &str) -> Result<Handle, String> {
        Ok(Handle(name.len() as u64))
    }
}

fn main() {
    let _ = Files::init().unwrap().open("a");
}
