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
            other => format!("what is `{other}`?"),
        };
        println!("{said}");
    }
}
