use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub fn add(&self, x: u64) -> u64 {
        self.hidden() + x
    }

    fn hidden(&self) -> u64 {
        1
    }
}

fn main() -> concurry::Result<()> {
    let _ = Counter::options().mode("process");
    let _ = Counter::options().timeout(5);
    let _ = Counter::options().timeout("5s");
    let _ = Counter::options().max_workers("4");
    let _ = Counter::options().max_workers(-1);
    let _ = Counter::options().load_balancing("active");
    let _ = Counter::options().retry(3);
    let _ = Counter::options().retry_method("add");
    let _ = Counter::options().limits(3);
    let _ = Counter::options().workers(3);
    let count = 3;
    let _ = Counter::options().on_worker_start(move || println!("{count}"));
    let not_started = Counter::options().max_workers(3);
    let _ = not_started.add(1u64);
    let not_taken_out = Counter::init();
    let _ = not_taken_out.add(1u64);
    let pool = Counter::init()?;
    let _ = pool.hidden();
    let _ = pool.worker(0)?;
    Ok(())
}
