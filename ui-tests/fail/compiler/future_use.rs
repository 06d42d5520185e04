use concurry::prelude::*;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn add(&self, a: u64, b: u64) -> u64 {
        a + b
    }
}

fn main() -> concurry::Result<()> {
    let pool = Adder::init()?;
    let sum: u64 = pool.add(1u64, 2u64)?;
    let futures = vec![pool.add(1u64, 2u64)];
    let sums = gather(&futures).results()?;
    println!("{sum} {sums:?}");
    Ok(())
}
