use concurry::prelude::*;
use std::path::Path;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn add(&self, a: u64, b: u64) -> u64 {
        a + b
    }

    pub fn find(&self, path: &Path, names: &[String], text: &str) -> usize {
        path.as_os_str().len() + names.len() + text.len()
    }
}

fn main() {
    let pool = Adder::init().unwrap();
    let _ = pool.add("1", 2u64);
    let _ = pool.add(1u64, 2i32);
    let _ = pool.add(Some(1u64), 2u64);
    let _ = pool.find(7u8, vec![1u8], 'c');
    let _ = pool.add(1u64);
    let _ = pool.add(pool.find("a", ["b".to_owned()], "c"), 1u64);
}
