//! A program with bars, whose workers print meanwhile. Its argument is the mode of the workers that print.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use concurry::prelude::*;

/// Longer than the time between two frames, so that each count is shown.
const A_WHILE: Duration = Duration::from_millis(45);

static GATE: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Talker;

#[worker]
impl Talker {
    pub fn say(&self, what: &str) {
        println!("a worker says {what}");
    }

    pub fn succeed(&self) {}

    pub fn fail(&self) -> Result<(), String> {
        Err("as planned".to_owned())
    }

    pub fn stand_at_the_gate(&self) {
        drop(GATE.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One that has been cancelled.
fn cancelled(pool: &TalkerClient) -> TaskFuture<()> {
    let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    let (before, behind) = (pool.stand_at_the_gate(), pool.succeed());
    assert!(behind.cancel());
    drop(gate);
    before.result().unwrap();
    behind
}

fn main() {
    let mode = std::env::args().nth(1).unwrap().parse().unwrap();
    let talkers = Talker::options().mode(mode).max_workers(2).init().unwrap();
    let pool = Talker::init().unwrap();

    let outer = ProgressBar::new(2);
    outer.set_description("outer");
    for round in outer.wrap(0..2) {
        let inner = ProgressBar::new(6);
        inner.set_description(format!("inner {round}"));
        for number in inner.wrap(0..6) {
            talkers.say(format!("{round}.{number}")).result().unwrap();
            thread::sleep(A_WHILE);
        }
    }

    print!("half a line");
    std::io::stdout().flush().unwrap();
    gather([pool.succeed(), pool.succeed()]).progress("good").results().unwrap();
    gather([pool.succeed(), pool.fail()]).progress("bad").settled();
    gather([pool.succeed(), cancelled(&pool)]).progress("gone").settled();
    gather([pool.fail(), cancelled(&pool)]).progress("both").settled();
    gather([cancelled(&pool)]).progress("given up").results().unwrap_err();

    let left = ProgressBar::new(2);
    left.set_description("left");
    left.inc(1);
    drop(left);
    println!("the end");
    talkers.stop().unwrap();
    pool.stop().unwrap();
}
