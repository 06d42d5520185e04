//! Requests of those who hold something already: whom they may pass, and when they would wait for themselves.
//!
//! Somebody who holds a connection and asks for tokens must not stand behind somebody who waits for that connection:
//! each would wait for the other. So a nested request passes those who wait for its holder, be it directly, in the same
//! queue behind one who does, or for another holder who does. It passes nobody else, and new ones cannot
//! get hold of what such a waiter waits for, so nobody starves by it.
//!
//! That leaves waits that no order can help. They are found by reducing the graph of who waits for whom (Holt, "Some
//! Deadlock Properties of Computer Systems", 1972): suppose that everybody who is not waiting gives back what
//! they hold, serve whoever can be served then, suppose that these give back as well, and so on. Who cannot be served
//! at the end waits for ever. A wait that may end by itself is no reason to refuse anybody.

use std::collections::BTreeSet;

use super::ledger::Ledger;
use super::line::{Line, wants};
use super::{Gauge, Limit};
use crate::limits::keeper::Holder;
use crate::limits::request::{Ask, Patience};

/// What is looked at.
pub(super) struct Scene<'a> {
    pub(super) limits: &'a [Limit],
    pub(super) ledger: &'a Ledger,
    pub(super) line: &'a Line,
}

impl Scene<'_> {
    /// Capacity and what is free of a resource.
    fn resource(&self, key: u32) -> Option<(u64, u64)> {
        match self.limits.get(key as usize)?.gauge {
            Gauge::Resource { capacity, free } => Some((capacity, free)),
            Gauge::Rate(_) => None,
        }
    }

    fn resources(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.limits.len() as u32).filter(|key| self.resource(*key).is_some())
    }

    /// Whether `holder` has some of a resource.
    pub(super) fn holds(&self, holder: Holder) -> bool {
        !holder.is_nobody() && self.resources().any(|key| self.ledger.held_by(holder, key) > 0)
    }

    /// Whether `holder`, who holds something, may pass all who came before `ticket` and want some of the same.
    pub(super) fn may_pass(&self, holder: Holder, asks: &[Ask], ticket: u64) -> bool {
        let dependents = self.dependents(holder);
        let waiters = self.line.iter().take_while(|(other, _)| *other < ticket);
        waiters
            .filter(|(_, waiter)| wants(&waiter.asks).any(|theirs| wants(asks).any(|ask| ask.key == theirs.key)))
            .all(|(other, _)| dependents.contains(&other))
    }

    /// The tickets that cannot be served before `holder` goes on.
    fn dependents(&self, holder: Holder) -> BTreeSet<u64> {
        let mut tickets = BTreeSet::new();
        let mut holders = vec![holder];
        loop {
            let mut claimed = vec![false; self.limits.len()];
            let known = holders.len();
            for (ticket, waiter) in self.line.iter().filter(|(_, waiter)| waiter.holder != holder) {
                let depends = tickets.contains(&ticket)
                    || wants(&waiter.asks).any(|ask| {
                        claimed[ask.key as usize]
                            || self.resource(ask.key).is_some_and(|(_, free)| free < ask.amount)
                                && holders.iter().any(|holder| self.ledger.held_by(*holder, ask.key) > 0)
                    });
                if depends {
                    tickets.insert(ticket);
                    wants(&waiter.asks).for_each(|ask| claimed[ask.key as usize] = true);
                    if !waiter.holder.is_nobody() && !holders.contains(&waiter.holder) {
                        holders.push(waiter.holder);
                    }
                }
            }
            if holders.len() == known {
                return tickets;
            }
        }
    }

    /// Whether `holder` would wait for ever, since what it asks for is held by itself and by those who wait for it.
    pub(super) fn would_deadlock(&self, holder: Holder, asks: &[Ask]) -> bool {
        let endless = self.line.iter().filter(|(_, waiter)| waiter.patience == Patience::Endless);
        let mut waiting: Vec<(Holder, &[Ask])> = endless
            .filter(|(_, waiter)| waiter.nested && waiter.holder.is_worker() && waiter.holder != holder)
            .map(|(_, waiter)| (waiter.holder, &*waiter.asks))
            .collect();
        waiting.push((holder, asks));
        // What is there once everybody else has given back.
        let mut there: Vec<u64> = (0..self.limits.len() as u32)
            .map(|key| {
                let held = waiting.iter().map(|(holder, _)| self.ledger.held_by(*holder, key)).sum();
                self.resource(key).map_or(u64::MAX, |(capacity, _)| capacity.saturating_sub(held))
            })
            .collect();
        while let Some(at) =
            waiting.iter().position(|(_, asks)| asks.iter().all(|ask| ask.amount <= there[ask.key as usize]))
        {
            let (served, _) = waiting.swap_remove(at);
            if served == holder {
                return false;
            }
            for (key, there) in there.iter_mut().enumerate() {
                *there = there.saturating_add(self.ledger.held_by(served, key as u32));
            }
        }
        true
    }
}
