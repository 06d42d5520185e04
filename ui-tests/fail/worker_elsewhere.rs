use concurry::prelude::*;

#[worker]
fn compute(x: u64) -> u64 {
    x
}

#[worker]
trait Compute {}

#[worker(mode = "thread")]
mod workers {}

#[worker]
type Alias = u64;

#[worker]
use std::collections::HashMap;

#[worker]
const LIMIT: u64 = 5;

#[worker]
static ALSO: u64 = 5;

#[worker]
extern crate std as other;

fn main() {
    let map: HashMap<Alias, u64> = HashMap::new();
    println!("{} {map:?} {} {}", compute(1), LIMIT, ALSO);
}
