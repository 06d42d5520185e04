use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn add(&self, x: u64) -> u64 {
        x
    }

    pub fn name(&self) -> String {
        "counter".to_owned()
    }
}

fn main() -> concurry::Result<()> {
    let pool = Counter::init()?;
    let value: u64 = pool.add(1u64);
    let sum = pool.add(1u64) + 1;
    println!("{}", pool.add(1u64));
    let awaited = pool.add(1u64).await;
    let one = gather(pool.add(1u64)).results()?;
    let mixed = gather(vec![pool.add(1u64), pool.name()]).results()?;
    let results = gather((1..3u64).map(|x| pool.add(x).result())).results()?;
    let not_yet: Vec<u64> = gather([pool.add(1u64)]);
    for value in gather([pool.add(1u64)]) {}
    let _ = wait(&[pool.add(1u64)], ReturnWhen::AllCompleted, None);
    let future = pool.add(1u64);
    let _ = (future.result(), future.result());
    Ok(())
}
