//! Which worker gets the next task: in turn, the least busy, or any.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

use concurry::prelude::*;

#[derive(Default)]
struct Teller;

// `local`: it runs on threads alone, so its arguments need not be serializable, and may be a channel.
#[worker(mode = "thread", max_workers = 3, local)]
impl Teller {
    /// Does a task at once and tells who did it.
    pub fn quick(&self, ctx: &CallContext) -> char {
        letter(ctx)
    }

    /// Is busy until told.
    pub fn busy(&self, ctx: &CallContext, until: Receiver<()>) -> char {
        // Also an end: whoever would tell is gone.
        let _ = until.recv();
        letter(ctx)
    }
}

fn letter(ctx: &CallContext) -> char {
    char::from(b'A' + ctx.worker_index() as u8)
}

pub(crate) fn show() -> concurry::Result<()> {
    in_turn()?;
    least_active()?;
    random()
}

fn in_turn() -> concurry::Result<()> {
    println!("\nround robin");
    let pool = Teller::options().load_balancing(LoadBalancing::RoundRobin).init()?;
    let workers = gather((1..=5).map(|_| pool.quick())).results()?;
    for (task, worker) in (1..).zip(&workers) {
        println!("Task {task} -> Worker {worker}");
    }
    assert_eq!(workers, ['A', 'B', 'C', 'A', 'B']);
    pool.stop()
}

fn least_active() -> concurry::Result<()> {
    println!("\nleast active");
    let pool = Teller::options().load_balancing(LoadBalancing::LeastActive).init()?;
    let (finish_a, until_a) = channel();
    let (finish_c, until_c) = channel();
    let a = pool.busy(until_a);
    let b = pool.quick().result()?;
    let c = pool.worker(2).busy(until_c);
    println!("Worker A: [Task 1 (Busy)]");
    println!("Worker {b}: [Idle]");
    println!("Worker C: [Task 3 (Busy)]");
    // A and C are busy, so every task from here on goes to B, however many come one after the other.
    for task in 4..=6 {
        let worker = pool.quick().result()?;
        println!("Task {task} -> Worker {worker}");
        assert_eq!(worker, 'B');
    }
    drop((finish_a, finish_c));
    assert_eq!((a.result()?, b, c.result()?), ('A', 'B', 'C'));
    pool.stop()
}

fn random() -> concurry::Result<()> {
    println!("\nrandom");
    let pool = Teller::options().load_balancing(LoadBalancing::Random).init()?;
    let mut shares = BTreeMap::new();
    for worker in gather((0..300).map(|_| pool.quick())).results()? {
        *shares.entry(worker).or_insert(0) += 1;
    }
    eprintln!("random shares: {shares:?}");
    println!("{} workers share 300 tasks", shares.len());
    // The odds of a share this small are below one in a million.
    assert!(shares.len() == 3 && shares.values().all(|share| *share > 50), "{shares:?}");
    pool.stop()
}
