use concurry::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub struct NotClone(u64);

#[derive(Clone)]
pub struct NotSerializable(u64);

struct A(u64);

#[worker]
impl A {
    pub fn new(count: NotClone) -> Self {
        A(count.0)
    }

    pub fn count(&self) -> u64 {
        self.0
    }
}

struct B(u64);

#[worker]
impl B {
    pub fn new(count: NotSerializable) -> Self {
        B(count.0)
    }

    pub fn count(&self) -> u64 {
        self.0
    }
}

fn main() {}
