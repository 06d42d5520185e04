//! An endless map runs at flat memory. Alone in its program, since it measures what the program has.

use concurry::prelude::*;
use concurry_tests::{modes, resident};

#[task(max_workers = 2)]
fn heavy(x: u64) -> u64 {
    x * 3
}

#[task(max_workers = 2)]
fn text(x: u64, text: String) -> String {
    format!("{text} {x}")
}

/// From here on nothing grows any more.
const WARM: u64 = 20_000;
/// What growth is noise: some bytes for each of the other results.
const ROOM: u64 = 1 << 20;

/// Takes so many results, looking now and then; how much more memory there was at any time than after the warm-up.
fn growth(results: u64, mut next: impl FnMut(u64)) -> u64 {
    let (mut warm, mut most) = (0, 0);
    for taken in 0..results {
        next(taken);
        if taken == WARM {
            warm = resident();
        } else if taken > WARM && taken % 1000 == 0 {
            most = most.max(resident().saturating_sub(warm));
        }
    }
    most
}

#[test]
fn an_endless_map_runs_at_flat_memory() {
    let mut results = heavy::map(0..);
    let grown = growth(200_000, |x| assert_eq!(results.next().unwrap().unwrap(), x * 3));
    assert!(grown < ROOM, "the task's own pool: {grown} bytes more");
    drop(results);
    heavy::stop().unwrap();

    for mode in modes().into_iter().filter(|mode| *mode != Mode::Process) {
        let workers = if mode == Mode::Sync { 1 } else { 2 };
        let pool = text::options().mode(mode).max_workers(workers).init().unwrap();
        let texts = (0..).map(|x| (x, "a text that is a block of its own".to_owned()));
        let mut results = pool.map_unordered(texts);
        let grown = growth(80_000, |_| {
            let (index, result) = results.next().unwrap();
            assert_eq!(result.unwrap(), format!("a text that is a block of its own {index}"));
        });
        assert!(grown < ROOM, "{mode}: {grown} bytes more");
        drop(results);
        pool.stop().unwrap();
    }
}
