use concurry::prelude::*;

struct A;

#[worker]
impl A {
    pub fn new() -> Option<Self> {
        Some(A)
    }

    pub fn one(&self) {}
}

struct B;

#[worker]
impl B {
    #[worker(init)]
    pub fn make() {}

    pub fn one(&self) {}
}

struct C;

#[worker]
impl C {
    #[worker(init)]
    pub fn make() -> Box<C> {
        Box::new(C)
    }

    pub fn one(&self) {}
}

fn main() {
    A::init().unwrap().one().result().unwrap();
}
