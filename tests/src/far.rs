//! A worker on a cluster whose calls are noted, for tests of what is between it and its driver.

use std::os::unix::process::parent_id;

use concurry::prelude::*;

use crate::{Door, Page};

/// Notes what it runs.
#[derive(Debug)]
pub struct Far(Page);

#[worker(mode = "ray", max_restarts = 100)]
impl Far {
    /// One that notes there.
    pub fn new(page: Page) -> Self {
        Far(page)
    }

    /// Notes `id`, and gives it back.
    pub fn note(&self, id: u64) -> u64 {
        self.0.note(id);
        id
    }

    /// Notes it, and stays at the door for a word, which it gives back.
    pub fn stay(&self, id: u64, door: Door) -> String {
        self.0.note(id);
        door.knock()
    }

    /// The worker's node, its process, and that of its guardian.
    pub fn place(&self) -> (String, u32, u32) {
        (std::env::var("CONCURRY_NODE_ID").unwrap_or_default(), std::process::id(), parent_id())
    }
}
