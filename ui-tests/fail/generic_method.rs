use concurry::prelude::*;

#[derive(Default)]
struct Sorter;

#[worker]
impl Sorter {
    pub fn sort<T: Ord>(&self, mut items: Vec<T>) -> Vec<T> {
        items.sort();
        items
    }

    pub fn first<const N: usize>(&self, items: [u64; N]) -> Option<u64> {
        items.first().copied()
    }

    pub fn longer<'a>(&self, a: &'a str, b: &'a str) -> usize {
        a.len().max(b.len())
    }
}

fn main() {
    let pool = Sorter::init().unwrap();
    pool.longer("a", "bc").result().unwrap();
    let _ = pool.sort(vec![2, 1]);
}
