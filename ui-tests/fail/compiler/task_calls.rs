use concurry::prelude::*;

#[task]
fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn main() -> concurry::Result<()> {
    let _ = add("1", 2u64);
    let _ = add(1u64);
    let sum: u64 = add(1u64, 2u64)?;
    let pool: TaskPool<add> = add::options().max_workers(2).init()?;
    let _ = pool.submit(1u64);
    let all: Vec<u64> = add::map([1u64, 2]).collect::<concurry::Result<_>>()?;
    println!("{sum} {all:?}");
    Ok(())
}
