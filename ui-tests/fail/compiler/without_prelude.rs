#[derive(Default)]
struct Counter;

#[concurry::worker]
impl Counter {
    pub fn count(&self) -> u64 {
        1
    }

    pub fn attempt(&self, ctx: &CallContext) -> u32 {
        ctx.attempt()
    }
}

#[worker]
impl Other {}

fn main() {
    let pool = Counter::init().unwrap();
    let _ = pool.broadcast(|worker| worker.count());
    let _ = gather([pool.count()]);
}
