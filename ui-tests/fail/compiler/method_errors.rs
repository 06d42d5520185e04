use std::error::Error;

use concurry::prelude::*;

struct Counter;

#[worker]
impl Counter {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Counter)
    }

    pub fn boxed(&self) -> Result<u64, Box<dyn Error>> {
        Ok(1)
    }

    pub fn nothing(&self) -> Result<u64, ()> {
        Ok(1)
    }

    pub fn joined(&self) -> std::thread::Result<u64> {
        Ok(1)
    }

    pub fn fine(&self) -> Result<u64, Box<dyn Error + Send + Sync>> {
        Ok(1)
    }
}

fn main() {}
