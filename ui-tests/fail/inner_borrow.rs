use concurry::prelude::*;
use std::borrow::Cow;

#[derive(Default)]
struct Names;

#[worker]
impl Names {
    pub fn maybe(&self, name: Option<&str>) -> usize {
        name.map_or(0, str::len)
    }

    pub fn pair(&self, pair: (&str, u64)) -> usize {
        pair.0.len()
    }

    pub fn many(&self, names: &[&str]) -> usize {
        names.len()
    }

    pub fn twice(&self, name: &&str) -> usize {
        name.len()
    }

    pub fn cow(&self, name: Cow<'_, str>) -> usize {
        name.len()
    }

    pub fn named<'a>(&self, names: Vec<&'a str>) -> usize {
        names.len()
    }
}

fn main() {
    let pool = Names::init().unwrap();
    let length: usize = pool.maybe(Some("a")).result().unwrap();
    println!("{length}");
}
