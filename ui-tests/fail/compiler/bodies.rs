//! Mistakes that have nothing to do with workers are told of as they are anywhere.

use concurry::prelude::*;

#[derive(Default)]
struct Counter {
    count: u64,
}

#[worker]
impl Counter {
    pub fn text(&self) -> u64 {
        "one"
    }

    pub fn add(&self, x: u64) -> u64 {
        self.count += x;
        self.cuont
    }

    pub async fn later(&self, x: u64) -> u64 {
        x.nowhere().await
    }

    pub fn bare(&self, x: u64) -> Result<u64, String> {
        x
    }

    pub fn short(&self, x: u64) -> Result<u64> {
        Ok(x)
    }
}

#[task]
fn missing(x: u64) -> u64 {
    let _ = x;
}

fn main() {
    let _ = Counter::init().unwrap().add(1u64);
    let _ = missing(1u64);
}
