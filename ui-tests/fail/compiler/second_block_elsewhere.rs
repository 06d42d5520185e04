use concurry::prelude::*;

#[derive(Default)]
struct Counter(u64);

#[worker]
impl Counter {
    pub fn count(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

mod more {
    use concurry::prelude::*;

    #[worker]
    impl super::Counter {
        pub fn add(&mut self, by: u64) -> u64 {
            self.0 += by;
            self.0
        }
    }
}

fn main() {}
