//! A program whose workers write to stdout and stderr, in the way that its first argument says.

use std::io::Write;
use std::process::Command;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::Way;

#[derive(Default)]
struct Speaker;

#[worker(max_restarts = 0)]
impl Speaker {
    pub fn speak(&self) {
        // Without a line's end it is not written by itself before the process ends.
        print!("worker out");
        eprintln!("worker err");
    }

    /// Writes so many lines to stderr.
    pub fn write(&self, lines: usize) {
        for line in 0..lines {
            eprintln!("line {line}");
        }
    }

    /// Writes so many lines to stderr, and dies.
    pub fn write_and_end(&self, lines: usize, way: Way) {
        self.write(lines);
        way.go();
    }

    pub fn end(&self, way: Way) {
        way.go();
    }

    /// Writes to stderr, and never returns.
    pub fn write_and_stay(&self) {
        eprintln!("still here");
        loop {
            std::thread::park();
        }
    }

    /// Starts a program that has the worker's stderr, and says something there once somebody writes to `fifo`.
    #[expect(clippy::zombie_processes, reason = "it is left behind")]
    pub fn leave_behind(&self, fifo: &str) {
        let script = "echo left behind >&2; read word < \"$0\"; echo \"much later: $word\" >&2";
        Command::new("sh").args(["-c", script, fifo]).spawn().unwrap();
    }

    pub fn answer(&self) -> u64 {
        42
    }

    /// Takes memory until it has none.
    pub fn take_all(&self) -> usize {
        let mut taken: Vec<Vec<u8>> = Vec::new();
        while taken.len() < 4096 {
            taken.push(vec![taken.len() as u8 | 1; 1 << 20]);
        }
        taken.iter().map(Vec::len).sum()
    }
}

fn died(result: concurry::Result<()>) -> Error {
    match result {
        Err(error @ Error::WorkerDied { .. }) => error,
        other => panic!("{other:?}"),
    }
}

fn main() {
    let word = std::env::args().nth(1).unwrap();
    let argument = || std::env::args().nth(2).unwrap();
    let options = || Speaker::options().mode(Mode::Process);
    match word.as_str() {
        // Many lines, and then a death: all of them are shown.
        "death" => {
            let pool = options().init().unwrap();
            died(pool.write_and_end(1000, Way::Kill).result());
            pool.stop().unwrap();
        }
        // `main` is over as soon as the answer is there.
        "exit" => {
            let pool = options().init().unwrap();
            pool.write(1000).result().unwrap();
            std::process::exit(0);
        }
        "much" => {
            let pool = options().max_workers(2).init().unwrap();
            gather(pool.broadcast(|worker| worker.write(20_000))).results().unwrap();
            pool.stop().unwrap();
        }
        "stay" => {
            let pool = options().init().unwrap();
            drop(pool.write_and_stay().result());
        }
        "descendant" => {
            let pool = options().init().unwrap();
            pool.leave_behind(argument()).result().unwrap();
            died(pool.end(Way::Kill).result());
            pool.stop().unwrap();
            println!("stopped");
            // Until the other end of stdin is closed.
            drop(std::io::read_to_string(std::io::stdin()));
        }
        // Nobody reads what this one writes to stderr.
        "unread" => {
            let pool = options().max_workers(2).init().unwrap();
            let writes = pool.worker(0).write_and_end(100_000, Way::Kill);
            for _ in 0..1000 {
                pool.worker(1).answer().result().unwrap();
            }
            println!("{}", writes.is_done());
            pool.abort().unwrap();
            println!("{:?}", writes.result().is_err());
            // Nothing is to wait for the rest of it.
            std::io::stdout().flush().unwrap();
        }
        "memory" => {
            let pool = options().max_restarts(1).init().unwrap();
            println!("{}", pool.take_all().result().unwrap_err());
            println!("{}", died(pool.end(Way::Kill).result()));
        }
        mode => {
            println!("main");
            let pool = Speaker::options().mode(mode.parse().unwrap()).init().unwrap();
            pool.speak().result().unwrap();
            pool.stop().unwrap();
        }
    }
}
