use concurry::prelude::*;

#[derive(Clone)]
struct Handle;

struct Store<T>(T);

#[worker]
impl<T: Clone> Store<T> {
    pub fn new(value: T) -> Self {
        Store(value)
    }

    pub fn value(&self) -> T {
        self.0.clone()
    }
}

fn main() {
    let _ = Store::<u8>::init(1).unwrap().value();
    let _ = Store::init(Handle);
}
