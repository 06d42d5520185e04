use concurry::prelude::*;

struct Borrower<'a> {
    name: &'a str,
}

#[worker(mode = "thread")]
impl<'a> Borrower<'a> {
    pub fn new(name: &'a str) -> Self {
        Borrower { name }
    }

    pub fn name(&self) -> String {
        self.name.to_owned()
    }
}

#[derive(Default)]
struct Anonymous<'a>(Option<&'a str>);

#[worker]
impl Anonymous<'_> {
    pub fn length(&self) -> usize {
        self.0.map_or(0, str::len)
    }
}

#[derive(Default)]
struct Mixed<'a, T>(Option<&'a T>);

#[worker]
impl<'a, T: Clone> Mixed<'a, T> {
    pub fn held(&self) -> Option<T> {
        self.0.cloned()
    }
}

fn main() {
    let pool = Borrower::options().max_workers(2).init("me").unwrap();
    let name: String = pool.name().result().unwrap();
    let length: usize = Anonymous::init().unwrap().length().result().unwrap();
    println!("{name} {length}");
    let _ = Mixed::<u8>::init().unwrap().held();
}
