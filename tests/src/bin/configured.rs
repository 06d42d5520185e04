//! A driver whose environment a test has set: it makes pools as its arguments say and prints what came of each.

use std::env;

use concurry::prelude::*;

/// Says nothing of its options.
#[derive(Default)]
struct Plain;

#[worker]
impl Plain {
    /// What a pool that is made inside the worker gets.
    pub fn nested(&self) -> String {
        shown(Plain::init().map(|pool| pool.pool().clone()))
    }
}

/// Says something itself.
#[derive(Default)]
struct Decided;

#[worker(mode = "thread", max_workers = 2)]
impl Decided {
    pub fn nothing(&self) {}
}

/// Says nothing of its options either; what it does shows them.
#[derive(Default)]
struct Shown;

#[worker]
impl Shown {
    /// Fails until it is tried for the `good`th time; which that was.
    pub fn attempt(&self, ctx: &CallContext, good: u32) -> Result<u32, String> {
        if ctx.attempt() < good { Err("not yet".to_owned()) } else { Ok(ctx.attempt()) }
    }

    /// Comes to no end by itself.
    pub fn hang(&self) {
        loop {
            std::thread::park();
        }
    }

    pub fn die(&self) {
        std::process::abort();
    }

    pub fn nothing(&self) {}
}

/// What a pool without a word of its own does.
fn observed(what: &str) -> concurry::Result<String> {
    let pool = Shown::init()?;
    let said = |result: concurry::Result<()>| result.map_or_else(|error| error.to_string(), |()| "done".to_owned());
    Ok(match what {
        "retries" => match pool.attempt(2).result() {
            Ok(attempt) => format!("attempt {attempt}"),
            Err(error) => error.to_string(),
        },
        "time" => said(pool.hang().result()),
        "stop" => {
            let hangs = pool.hang();
            pool.stop()?;
            said(hangs.result())
        }
        "deaths" => format!("{}, then {}", said(pool.die().result()), said(pool.nothing().result())),
        "queues" => {
            let _calls: Vec<_> = (0..3).map(|_| pool.worker(0).hang()).collect();
            let stats = pool.stats();
            format!("{} in flight, {} queued", stats.in_flight, stats.queued)
        }
        "balance" => {
            let _busy: Vec<_> = (0..2).map(|_| pool.worker(0).hang()).collect();
            let _calls: Vec<_> = (0..2).map(|_| pool.nothing()).collect();
            format!("{:?}", pool.stats().workers.iter().map(|worker| worker.dispatched).collect::<Vec<_>>())
        }
        "name" => pool.name().to_owned(),
        "on_demand" => format!("{}", pool.stats().on_demand),
        other => format!("what is `{other}`?"),
    })
}

fn shown(pool: concurry::Result<concurry::Pool>) -> String {
    match pool {
        Ok(pool) => format!("{} {}", pool.stats().mode, pool.max_workers()),
        Err(error) => error.to_string(),
    }
}

fn main() {
    concurry::config::set(|c| {
        c.all().max_workers = Some(21);
        c.mode(Mode::Process).max_workers = Some(22);
    });
    for word in env::args().skip(1) {
        let said = match word.as_str() {
            "plain" => shown(Plain::init().map(|pool| pool.pool().clone())),
            "process" => shown(Plain::options().mode(Mode::Process).init().map(|pool| pool.pool().clone())),
            "attribute" => shown(Decided::init().map(|pool| pool.pool().clone())),
            "builder" => shown(Decided::options().max_workers(1).init().map(|pool| pool.pool().clone())),
            "scoped" => {
                let _guard = concurry::config::scoped(|c| c.all().max_workers = Some(3));
                shown(Plain::init().map(|pool| pool.pool().clone()))
            }
            "nested" => {
                let pool = Plain::options().mode(Mode::Process).max_workers(1).init();
                pool.and_then(|pool| pool.nested().result()).unwrap_or_else(|error| error.to_string())
            }
            "effective" => concurry::config::effective(Mode::Process).to_string(),
            other => observed(other).unwrap_or_else(|error| error.to_string()),
        };
        println!("{said}");
    }
}
