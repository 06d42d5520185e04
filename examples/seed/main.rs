//! The page that this project started from, as a program: a pool, three ways to balance, queues, workers on demand.
//!
//! `cargo run --example seed`

mod balancing;
mod on_demand;
mod pool;
mod queues;

fn main() -> concurry::Result<()> {
    pool::show()?;
    balancing::show()?;
    queues::show()?;
    on_demand::show()
}
