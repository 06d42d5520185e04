//! [`Line`]: who waits, in what order.
//!
//! There is a queue for each limit, and a request stands in the queue of each that it wants some of. It is served when
//! it is first in all of them, so requests that want nothing in common do not wait for each other, and those that do are
//! served in the order in which they came.

use std::collections::{BTreeMap, BTreeSet};

use crate::few::Few;
use crate::limits::keeper::{Holder, Reply};
use crate::limits::request::{Ask, Patience};

pub(super) struct Waiter {
    pub(super) holder: Holder,
    pub(super) asks: Few<Ask>,
    pub(super) patience: Patience,
    /// Whether its holder holds something of the set.
    pub(super) nested: bool,
    /// What the set is called in the grant.
    pub(super) set: u32,
    pub(super) reply: Reply,
}

pub(super) struct Line {
    /// By the number of the ticket, which grows.
    waiters: BTreeMap<u64, Waiter>,
    queues: Vec<BTreeSet<u64>>,
    next: u64,
    nested: usize,
}

/// The asks for more than nothing.
pub(super) fn wants(asks: &[Ask]) -> impl Iterator<Item = &Ask> {
    asks.iter().filter(|ask| ask.amount > 0)
}

impl Line {
    pub(super) fn new(limits: usize) -> Self {
        Line { waiters: BTreeMap::new(), queues: vec![BTreeSet::new(); limits], next: 1, nested: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.waiters.len() as u64
    }

    /// How many wait for the limit at `key`.
    pub(super) fn len_of(&self, key: usize) -> u64 {
        self.queues.get(key).map_or(0, |queue| queue.len() as u64)
    }

    /// Whether somebody waits for any of this.
    pub(super) fn blocks(&self, asks: &[Ask]) -> bool {
        !self.is_empty() && wants(asks).any(|ask| self.len_of(ask.key as usize) > 0)
    }

    pub(super) fn enter(&mut self, waiter: Waiter) -> u64 {
        let ticket = self.next;
        self.next += 1;
        for ask in wants(&waiter.asks) {
            if let Some(queue) = self.queues.get_mut(ask.key as usize) {
                queue.insert(ticket);
            }
        }
        self.nested += usize::from(waiter.nested);
        self.waiters.insert(ticket, waiter);
        ticket
    }

    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        for ask in wants(&waiter.asks) {
            if let Some(queue) = self.queues.get_mut(ask.key as usize) {
                queue.remove(&ticket);
            }
        }
        self.nested -= usize::from(waiter.nested);
        Some(waiter)
    }

    /// Those whose turn it is, each once.
    pub(super) fn firsts(&self) -> Few<u64> {
        let mut firsts: Few<u64> = Few::EMPTY;
        for ticket in self.queues.iter().filter_map(|queue| queue.first()) {
            let is_first = |ask: &Ask| self.queues.get(ask.key as usize).and_then(BTreeSet::first) == Some(ticket);
            let turn = self.get(*ticket).is_some_and(|waiter| wants(&waiter.asks).all(is_first));
            if turn && !firsts.contains(ticket) {
                firsts.push(*ticket);
            }
        }
        firsts
    }

    /// Those who hold something already.
    pub(super) fn nested(&self) -> Vec<u64> {
        if self.nested == 0 {
            return Vec::new();
        }
        self.iter().filter(|(_, waiter)| waiter.nested).map(|(ticket, _)| ticket).collect()
    }

    pub(super) fn get(&self, ticket: u64) -> Option<&Waiter> {
        self.waiters.get(&ticket)
    }

    /// All, in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Waiter)> {
        self.waiters.iter().map(|(ticket, waiter)| (*ticket, waiter))
    }

    /// The tickets of a worker.
    pub(super) fn tickets_of(&self, worker: u64) -> Vec<u64> {
        self.iter().filter(|(_, waiter)| waiter.holder.worker == worker).map(|(ticket, _)| ticket).collect()
    }

    /// Sends everybody away.
    pub(super) fn clear(&mut self) -> Vec<Waiter> {
        self.queues.iter_mut().for_each(BTreeSet::clear);
        self.nested = 0;
        std::mem::take(&mut self.waiters).into_values().collect()
    }
}
