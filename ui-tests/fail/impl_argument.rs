use concurry::prelude::*;

#[derive(Default)]
struct Adder;

#[worker]
impl Adder {
    pub fn add(&self, numbers: impl IntoIterator<Item = u64>) -> u64 {
        numbers.into_iter().sum()
    }

    pub fn apply(&self, function: impl Fn(u64) -> u64 + Send) -> u64 {
        function(1)
    }

    pub fn show(&self, what: &impl ToString) -> String {
        what.to_string()
    }

    pub fn show_all(&self, what: Vec<impl ToString>) -> Vec<String> {
        what.iter().map(ToString::to_string).collect()
    }
}

fn main() {
    let pool = Adder::init().unwrap();
    let sum: u64 = pool.add(vec![1, 2]).result().unwrap();
    let shown: String = pool.show(&sum).result().unwrap();
    println!("{shown}");
}
