//! Pools of all modes under random calls, payloads, cancels, timeouts, kills, stops and restarts, for as long as one
//! likes; and at the end a look at what came of every call and at what is left.
//!
//! ```text
//! cargo run --release -p concurry-soak -- [--minutes N | --seconds N] [--seed N]
//! ```
//!
//! It prints one line of figures, and exits with 1 where anything was not as it should be.

mod books;
mod player;
mod pools;
mod worker;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use concurry_tests::{TempDir, census};
use fastrand::Rng;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use books::Books;
use pools::{BOUND, Entry, seats};

/// How many pools there are at once.
const POOLS: usize = 5;
/// How many threads call.
const PLAYERS: usize = 4;
/// A worker process is killed this often.
const KILL_EVERY: Duration = Duration::from_millis(50);

struct Arguments {
    time: Duration,
    seed: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { time: Duration::from_secs(60), seed: Rng::new().u64(..1 << 32) };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().and_then(|value| value.parse::<u64>().ok());
        match (name.as_str(), value) {
            ("--minutes", Some(minutes)) => arguments.time = Duration::from_secs(minutes * 60),
            ("--seconds", Some(seconds)) => arguments.time = Duration::from_secs(seconds),
            ("--seed", Some(seed)) => arguments.seed = seed,
            _ => return Err(format!("{name}: not an option, or it lacks a number")),
        }
    }
    Ok(arguments)
}

/// The pools that there are.
struct Table {
    entries: Vec<Mutex<Arc<Entry>>>,
}

impl Table {
    fn at(&self, index: usize) -> MutexGuard<'_, Arc<Entry>> {
        self.entries[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn any(&self, random: &mut Rng) -> Arc<Entry> {
        self.at(random.usize(..self.entries.len())).clone()
    }
}

/// What happened besides calls.
#[derive(Default)]
struct Events {
    kills: AtomicU64,
    pauses: AtomicU64,
    pools: AtomicU64,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let folder = TempDir::default();
    println!("seed {}, {:?}", arguments.seed, arguments.time);
    // What lives for ever is there before it is counted: the timer's thread, the runtime's.
    let mut random = Rng::with_seed(arguments.seed);
    let warm = Arc::new(Books::default());
    play(&arguments, folder.path(), &mut random, &warm, Duration::from_millis(500), &Events::default());
    let before = census();
    let memory_before = resident();

    let books = Arc::new(Books::default());
    let events = Events::default();
    let begun = Instant::now();
    play(&arguments, folder.path(), &mut random, &books, arguments.time, &events);
    let took = begun.elapsed();
    books.take_in(&warm);
    report(&books, &events, took, before, memory_before)
}

/// Plays for so long, and ends every pool.
fn play(arguments: &Arguments, folder: &Path, random: &mut Rng, books: &Arc<Books>, time: Duration, events: &Events) {
    let make = |random: &mut Rng| loop {
        match Entry::make(folder, random, books) {
            Ok(entry) => {
                events.pools.fetch_add(1, Ordering::Relaxed);
                return entry;
            }
            Err(error) => books.complain(format!("a pool could not be made: {error}")),
        }
        thread::sleep(Duration::from_millis(100));
    };
    let table = Table { entries: (0..POOLS).map(|_| Mutex::new(make(random))).collect() };
    let over = AtomicBool::new(false);
    let end = Instant::now() + time;
    thread::scope(|scope| {
        for player in 0..PLAYERS {
            let (table, over) = (&table, &over);
            let mut random = Rng::with_seed(arguments.seed ^ (player as u64 + 1) << 40);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    player::round(&table.any(&mut random), &mut random);
                    player::rest(&mut random);
                }
            });
        }
        let (reaper_table, reaper_over) = (&table, &over);
        let mut reaper = Rng::with_seed(arguments.seed ^ 77);
        scope.spawn(move || {
            while !reaper_over.load(Ordering::Relaxed) {
                strike(reaper_table, &mut reaper, events);
                thread::sleep(KILL_EVERY);
            }
        });
        while Instant::now() < end {
            let index = random.usize(..POOLS);
            let new = make(random);
            let old = std::mem::replace(&mut *table.at(index), new);
            old.end(random);
            thread::sleep(Duration::from_millis(random.u64(..600)));
        }
        over.store(true, Ordering::Relaxed);
    });
    for entry in table.entries {
        entry.into_inner().unwrap_or_else(PoisonError::into_inner).end(random);
    }
}

/// Kills a worker process, or holds one for a moment.
fn strike(table: &Table, random: &mut Rng, events: &Events) {
    let pids = table.any(random).pids();
    if pids.is_empty() {
        return;
    }
    let pid = Pid::from_raw(pids[random.usize(..pids.len())].cast_signed());
    if random.u8(..10) == 0 {
        if kill(pid, Signal::SIGSTOP).is_ok() {
            events.pauses.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(random.u64(..30)));
            let _ = kill(pid, Signal::SIGCONT);
        }
    } else if kill(pid, Signal::SIGKILL).is_ok() {
        events.kills.fetch_add(1, Ordering::Relaxed);
    }
}

/// Resident memory in MiB, of which a page is the 256th.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or_default() / 256
}

fn report(
    books: &Books,
    events: &Events,
    took: Duration,
    before: concurry_tests::Census,
    memory_before: u64,
) -> ExitCode {
    let begun = Instant::now();
    // The last threads of the last pool are on their way out.
    while census() != before && begun.elapsed() < BOUND / 10 {
        thread::sleep(Duration::from_millis(10));
    }
    let after = census();
    let held = seats().stats().held;
    let (submitted, resolved) = (books.submitted.load(Ordering::SeqCst), books.resolved.load(Ordering::SeqCst));
    let mut wrong = std::mem::take(&mut *books.wrong.lock().unwrap_or_else(PoisonError::into_inner));
    if submitted != resolved {
        wrong.push(format!("{submitted} calls were made and {resolved} came to something"));
    }
    if after != before {
        wrong.push(format!("left behind: {before:?} before, {after:?} after"));
    }
    if held != 0 {
        wrong.push(format!("{held} limits are still held"));
    }
    let errors = books.errors.lock().unwrap_or_else(PoisonError::into_inner);
    let errors: Vec<_> = errors.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    println!(
        "{:.1} min, {} pools, {} kills, {} pauses: {submitted} calls, {resolved} resolved, {} values, {}; wrong {}; \
         threads {} -> {}, children {} -> {}, files {} -> {}, memory {memory_before} -> {} MiB",
        took.as_secs_f64() / 60.0,
        events.pools.load(Ordering::Relaxed),
        events.kills.load(Ordering::Relaxed),
        events.pauses.load(Ordering::Relaxed),
        books.values.load(Ordering::SeqCst),
        errors.join(", "),
        wrong.len(),
        before.threads,
        after.threads,
        before.children,
        after.children,
        before.files,
        after.files,
        resident(),
    );
    for what in &wrong {
        println!("wrong: {what}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
