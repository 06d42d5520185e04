//! What the benchmarks share: ways that are compared, in rounds that take turns, so that whatever else the machine does
//! meets all of them alike.

mod slot;

use std::time::{Duration, Instant};

use concurry::Result;
pub use slot::Slot;

/// One way to do it.
pub struct Way<'a> {
    name: &'static str,
    run: Box<dyn FnMut() -> Result<()> + 'a>,
    took: Vec<Duration>,
}

impl<'a> Way<'a> {
    /// A way by its name.
    pub fn new(name: &'static str, run: impl FnMut() -> Result<()> + 'a) -> Self {
        Way { name, run: Box::new(run), took: Vec::new() }
    }

    fn median(&mut self) -> Duration {
        self.took.sort();
        self.took[self.took.len() / 2]
    }
}

/// Runs all ways in turn, once to warm up and then `rounds` times, and prints for each how many of its `items` it does a
/// second, by the median round, and how that compares with the first way.
pub fn compare(what: &str, items: u32, rounds: usize, mut ways: Vec<Way<'_>>) -> Result<()> {
    println!("{what}: {items} items, median of {} rounds", rounds.max(1));
    for round in 0..=rounds.max(1) {
        for way in &mut ways {
            let begun = Instant::now();
            (way.run)()?;
            if round > 0 {
                way.took.push(begun.elapsed());
            }
        }
    }
    let mut first = None;
    for way in &mut ways {
        let took = way.median();
        let base = *first.get_or_insert(took);
        let rate = f64::from(items) / took.as_secs_f64();
        println!("  {:<44} {:>9.3} M/s  x {:.2}", way.name, rate / 1e6, base.as_secs_f64() / took.as_secs_f64());
    }
    Ok(())
}

/// Whether `sum` is that of the numbers from 1 to `items`, which is what adding one to each before comes to.
pub fn checked(sum: u64, items: u32) -> Result<()> {
    let items = u64::from(items);
    assert_eq!(sum, items * (items + 1) / 2);
    Ok(())
}
