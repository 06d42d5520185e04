//! A type of the user's that holds what cannot leave its thread.

use std::cell::Cell;
use std::rc::Rc;

use concurry::prelude::*;

pub struct Node {
    pub next: Option<Rc<Node>>,
}

#[derive(Clone)]
pub struct Start(pub Rc<Cell<u64>>);

struct Tree;

#[worker(local)]
impl Tree {
    pub fn new(start: Start) -> Self {
        start.0.set(1);
        Tree
    }

    pub fn add(&self, node: Node) -> usize {
        usize::from(node.next.is_some())
    }
}

fn main() {}
