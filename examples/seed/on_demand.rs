//! Workers that are made when a task comes and end with it.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use concurry::prelude::*;

#[derive(Default)]
struct Burst;

#[worker(mode = "process", on_demand = true, max_workers = 2)]
impl Burst {
    /// Which process this is, and from when to when it was busy, in microseconds.
    pub fn run(&self) -> (u32, u128, u128) {
        let begun = now();
        thread::sleep(Duration::from_millis(20));
        (std::process::id(), begun, now())
    }
}

fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros())
}

pub(crate) fn show() -> concurry::Result<()> {
    let pool = Burst::options().init()?;
    let runs = gather((0..8).map(|_| pool.run())).results()?;
    pool.stop()?;
    let processes: BTreeSet<u32> = runs.iter().map(|(process, ..)| *process).collect();
    let at_once = |at: u128| runs.iter().filter(|(_, begun, ended)| (*begun..*ended).contains(&at)).count();
    let most = runs.iter().map(|(_, begun, _)| at_once(*begun)).max().unwrap_or(0);
    println!("\non demand: {} tasks in {} processes, never more than 2 at once", runs.len(), processes.len());
    assert_eq!(processes.len(), runs.len());
    assert!(most <= 2, "{most} at once");
    Ok(())
}
