use concurry::prelude::*;

#[worker(max_worker = 2, priority = 3)]
struct Counter {
    count: u64,
}

#[worker(mod = "thread", max_workes = 4, colour = "red")]
impl Counter {
    #[worker(init)]
    pub fn start(#[worker(contxt)] count: u64) -> Self {
        Counter { count }
    }

    #[worker(timout = "5s")]
    pub fn count(&self) -> u64 {
        self.count
    }

    #[worker(skipped)]
    pub fn more(&mut self) {
        self.count += 1;
    }
}

#[task(max_workrs = 2)]
fn double(x: u64) -> u64 {
    x * 2
}

fn main() {
    let pool = Counter::options().init(1).unwrap();
    let _ = pool.count().result().unwrap();
    let _ = double(2u64);
}
