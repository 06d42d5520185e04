use concurry::prelude::*;

#[derive(Default)]
struct Counter(u64);

#[worker(max_workers = 2, client = "Counting")]
impl Counter {
    pub fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

impl Counter {
    fn plain(&self) -> u64 {
        self.0
    }
}

#[worker]
impl Counter {
    pub fn both(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.plain()
    }
}

mod inner {
    use concurry::prelude::*;

    // Another type of that name.
    #[derive(Default)]
    pub struct Counter;

    #[worker]
    impl Counter {
        pub fn count(&self) -> u64 {
            1
        }
    }
}

fn main() {
    #[derive(Default)]
    struct Local;

    #[worker]
    impl Local {
        pub fn one(&self) -> u64 {
            1
        }
    }

    #[worker(mode = "thraed")]
    impl Local {
        pub fn two(&self) -> u64 {
            2
        }
    }

    let pool = Counter::init().unwrap();
    let _ = pool.count();
    let _ = pool.both(2);
    let _ = Local::init().unwrap().two();
    let _ = inner::Counter::init().unwrap().count();
}
