//! A driver that follows the plan that is its argument. Its workers print what they run.

use concurry::prelude::*;
use concurry_faults::Plan;

#[derive(Default)]
struct Talker;

#[worker(mode = "process")]
impl Talker {
    pub fn say(&self, id: u64) -> u64 {
        println!("ran {id}");
        id
    }
}

fn main() {
    println!("main");
    let plan: Plan = std::env::args().nth(1).unwrap_or_default().parse().unwrap();
    let _held = plan.hold();
    let pool = Talker::options().max_workers(2).max_queued_tasks(2).init().unwrap();
    let futures: Vec<_> = (1..=20).map(|id| pool.say(id)).collect();
    let good = futures.into_iter().map(TaskFuture::result).filter(Result::is_ok).count();
    pool.stop().unwrap();
    println!("good {good}");
}
