//! What no other thread can have is refused once, by its name.

use std::rc::{self, Rc};

use concurry::prelude::*;

struct Tree {
    root: Rc<u64>,
}

#[worker]
impl Tree {
    pub fn new(root: Rc<u64>) -> Self {
        Tree { root }
    }

    pub fn add(&self, leaf: Rc<u64>, others: &[std::rc::Rc<str>]) -> u64 {
        *self.root + *leaf + others.len() as u64
    }

    pub fn root(&self) -> Option<Rc<u64>> {
        Some(Rc::clone(&self.root))
    }

    pub fn try_root(&self) -> Result<rc::Weak<u64>, String> {
        Ok(Rc::downgrade(&self.root))
    }

    pub fn peek(&self, at: *const u64, with: (u8, *mut u8)) -> *const u64 {
        let _ = with;
        at
    }
}

#[derive(Default)]
struct Local;

#[worker(local)]
impl Local {
    pub fn share(&self, value: Rc<u64>) -> u64 {
        *value
    }

    pub fn run(&self, job: Box<dyn FnOnce()>) {
        job();
    }
}

#[task]
fn weigh(tree: Box<Rc<u64>>) -> u64 {
    **tree
}

fn main() {
    let _ = Tree::init(Rc::new(1)).unwrap().add(Rc::new(1), &[]);
    let _ = Local::init().unwrap().share(Rc::new(1));
    let _ = weigh(Box::new(Rc::new(1)));
}
