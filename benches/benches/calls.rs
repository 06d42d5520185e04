//! Single calls to thread workers: the round trip, many at once, and how often each asks for memory.

use std::alloc::System;
use std::sync::{Arc, mpsc};
use std::thread;

use concurry::prelude::*;
use concurry_benches::{Slot, Way, checked, compare};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Adder;

#[worker]
impl Adder {
    pub fn new() -> Self {
        Adder
    }

    pub fn plus_one(&self, x: u64) -> u64 {
        x + 1
    }
}

fn round_trips(items: u32) -> concurry::Result<()> {
    let most = u64::from(items);
    let pool = Adder::options().init()?;
    let (to, at) = mpsc::sync_channel::<(u64, mpsc::SyncSender<u64>)>(1);
    let echo = thread::spawn(move || {
        while let Ok((x, back)) = at.recv() {
            let _ = back.send(x + 1);
        }
    });
    let ways = vec![
        Way::new("concurry", || {
            let mut sum = 0;
            for x in 0..most {
                sum += pool.plus_one(x).result()?;
            }
            checked(sum, items)
        }),
        Way::new("a channel there and one back (std)", || {
            let mut sum = 0;
            for x in 0..most {
                let (back, answer) = mpsc::sync_channel(1);
                let _ = to.send((x, back));
                sum += answer.recv().unwrap_or(0);
            }
            checked(sum, items)
        }),
    ];
    compare("round trips to one thread", items, 5, ways)?;
    drop(to);
    let _ = echo.join();
    pool.stop()
}

fn many(workers: usize, items: u32) -> concurry::Result<()> {
    let most = u64::from(items);
    let pool = Adder::options().max_workers(workers).init()?;
    let rayon = rayon::ThreadPoolBuilder::new().num_threads(workers).build().map_err(concurry::Error::failed)?;
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).build()?;
    let ways = vec![
        Way::new("concurry, all submitted, then taken", || {
            let futures: Vec<_> = (0..most).map(|x| pool.plus_one(x)).collect();
            let mut sum = 0;
            for future in futures {
                sum += future.result()?;
            }
            checked(sum, items)
        }),
        Way::new("rayon, spawned, each with a slot", || {
            let slots: Vec<_> = (0..most)
                .map(|x| {
                    let slot = Arc::new(Slot::default());
                    let own = slot.clone();
                    rayon.spawn(move || own.put(x + 1));
                    slot
                })
                .collect();
            checked(slots.into_iter().map(|slot| slot.take()).sum(), items)
        }),
        Way::new("tokio, spawned, awaited", || {
            let handles: Vec<_> = (0..most).map(|x| tokio.spawn(async move { x + 1 })).collect();
            let sum = tokio.block_on(async {
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await.unwrap_or(0);
                }
                sum
            });
            checked(sum, items)
        }),
    ];
    compare(&format!("calls to {workers} threads"), items, 5, ways)?;
    let region = Region::new(MEMORY);
    let futures: Vec<_> = (0..most).map(|x| pool.plus_one(x)).collect();
    for future in futures {
        future.result()?;
    }
    let asked = region.change().allocations;
    println!("  heap allocations a call: {:.3}", asked as f64 / f64::from(items));
    pool.stop()
}

fn main() -> concurry::Result<()> {
    round_trips(200_000)?;
    many(1, 1_000_000)?;
    many(2, 1_000_000)?;
    many(4, 1_000_000)
}
