use concurry::prelude::*;

#[derive(Default)]
struct Memory;

#[worker]
impl Memory {
    pub unsafe fn peek(&self, address: usize) -> u8 {
        unsafe { *(address as *const u8) }
    }
}

fn main() {
    let pool = Memory::init().unwrap();
    let byte: u8 = pool.peek(7usize).result().unwrap();
    println!("{byte}");
}
