use concurry::prelude::*;

#[derive(Default)]
struct Names;

#[worker]
impl Names {
    pub fn keep(&self, name: &'static str, numbers: &'static [u64]) -> usize {
        name.len() + numbers.len()
    }

    pub fn maybe(&self, name: Option<&'static str>) -> usize {
        name.map_or(0, str::len)
    }
}

fn main() {
    let pool = Names::init().unwrap();
    let _ = pool.keep("a", &[1]);
}
