//! Acquisitions a second: in process, beside `governor` for a single key, and across the link from worker processes.
//! `here` or `across` as an argument measures only that.

use std::hint::black_box;
use std::num::NonZeroU32;

use concurry::prelude::*;
use concurry_benches::{Way, compare};
use governor::{Quota, RateLimiter};

/// So much a second that nothing is ever refused: what is measured is what asking costs.
const PLENTY: u32 = 1_000_000_000;

/// As many in a call across the link that the call itself costs next to nothing.
const A_CALL: u32 = 500;

#[derive(Default)]
struct Asker;

#[worker(mode = "process")]
impl Asker {
    pub fn acquire(&self, ctx: &CallContext, key: &str) -> concurry::Result<()> {
        (0..A_CALL).try_for_each(|_| ctx.limits().acquire((key, 1)).map(drop))
    }

    pub fn attempt(&self, ctx: &CallContext, key: &str) -> concurry::Result<()> {
        for _ in 0..A_CALL {
            assert!(ctx.limits().try_acquire((key, 1))?.is_some(), "there was enough");
        }
        Ok(())
    }
}

/// A set of everything that is asked for here.
fn set() -> LimitSet {
    let rate = |set: LimitSet, key: &str, algorithm| set.rate_with(key, u64::from(PLENTY), Window::Secondly, algorithm);
    let set = LimitSet::new().resource("resource", 64);
    let set = rate(set, "gcra", RateAlgorithm::Gcra);
    let set = rate(set, "token bucket", RateAlgorithm::TokenBucket);
    let set = rate(set, "leaky bucket", RateAlgorithm::LeakyBucket);
    let set = rate(set, "sliding window", RateAlgorithm::SlidingWindow);
    rate(set, "fixed window", RateAlgorithm::FixedWindow)
}

fn in_process() -> concurry::Result<()> {
    const ITEMS: u32 = 1_000_000;
    let Some(plenty) = NonZeroU32::new(PLENTY) else { return Ok(()) };
    let peer = RateLimiter::direct(Quota::per_second(plenty));
    let set = set();
    let acquire = |key: &'static str| {
        let set = set.clone();
        move || (0..ITEMS).try_for_each(|_| set.acquire((key, 1)).map(|taken| drop(black_box(taken))))
    };
    let attempt = || {
        for _ in 0..ITEMS {
            // A bucket that lets nothing through in bursts says no where a nanosecond is not over.
            drop(black_box(set.try_acquire(("gcra", 1))?));
        }
        Ok(())
    };
    let both = || {
        let wanted = [("gcra", 1), ("resource", 1)];
        (0..ITEMS).try_for_each(|_| set.acquire(wanted).map(|taken| drop(black_box(taken))))
    };
    let updated = || {
        for _ in 0..ITEMS {
            black_box(set.acquire(("gcra", 2))?.update("gcra", 1));
        }
        Ok(())
    };
    let governed = || {
        (0..ITEMS).for_each(|_| assert!(black_box(peer.check()).is_ok(), "there was enough"));
        Ok(())
    };
    compare(
        "in process, one thread",
        ITEMS,
        9,
        vec![
            Way::new("governor, GCRA: check", governed),
            Way::new("GCRA: try_acquire and drop", attempt),
            Way::new("GCRA: acquire and drop", acquire("gcra")),
            Way::new("GCRA: acquire, update to less, drop", updated),
            Way::new("token bucket: acquire and drop", acquire("token bucket")),
            Way::new("leaky bucket: acquire and drop", acquire("leaky bucket")),
            Way::new("sliding window: acquire and drop", acquire("sliding window")),
            Way::new("fixed window: acquire and drop", acquire("fixed window")),
            Way::new("resource: acquire and drop", acquire("resource")),
            Way::new("GCRA and resource together", both),
        ],
    )
}

fn across_the_link() -> concurry::Result<()> {
    const ITEMS: u32 = 20_000;
    let pool = |workers| Asker::options().max_workers(workers).limits(set()).init();
    let (one, four) = (pool(1)?, pool(4)?);
    let run = |pool: &AskerClient, ask: fn(&AskerClient) -> TaskFuture<()>| {
        let pool = pool.clone();
        move || gather((0..ITEMS / A_CALL).map(|_| ask(&pool))).results().map(drop)
    };
    compare(
        "across the link, from worker processes",
        ITEMS,
        5,
        vec![
            Way::new("1 worker, resource: acquire and drop", run(&one, |pool| pool.acquire("resource"))),
            Way::new("1 worker, GCRA: acquire and drop", run(&one, |pool| pool.acquire("gcra"))),
            Way::new("1 worker, GCRA: try_acquire and drop", run(&one, |pool| pool.attempt("gcra"))),
            Way::new("4 workers, resource: acquire and drop", run(&four, |pool| pool.acquire("resource"))),
            Way::new("4 workers, GCRA: acquire and drop", run(&four, |pool| pool.acquire("gcra"))),
            Way::new("4 workers, GCRA: try_acquire and drop", run(&four, |pool| pool.attempt("gcra"))),
        ],
    )?;
    one.stop()?;
    four.stop()
}

fn main() -> concurry::Result<()> {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |what| only.as_deref().is_none_or(|only| only == what);
    if wanted("here") {
        in_process()?;
    }
    if wanted("across") {
        across_the_link()?;
    }
    Ok(())
}
