use concurry::prelude::*;
use std::fmt::Display;

#[derive(Default)]
struct Printer;

#[worker]
impl Printer {
    pub fn print(&self, what: &dyn Display) -> String {
        what.to_string()
    }
}

fn main() {
    let pool = Printer::init().unwrap();
    let _ = pool.print(&7);
}
