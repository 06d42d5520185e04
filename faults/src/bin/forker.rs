//! A driver that forks, and of which the fork stays at the door that is the argument.

use concurry::prelude::*;
use concurry_faults::fork;
use concurry_tests::Door;

#[derive(Default)]
struct Idler;

#[worker(mode = "process")]
impl Idler {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }
}

fn main() {
    let door = Door(std::env::args().nth(1).unwrap_or_default().into());
    let pool = Idler::options().max_workers(3).init().unwrap();
    if fork().unwrap().is_none() {
        door.knock_with("fork");
        return;
    }
    for pid in gather(pool.broadcast(IdlerClient::pid)).results().unwrap() {
        println!("{pid}");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    pool.stop().unwrap();
}
