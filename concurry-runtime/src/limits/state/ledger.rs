//! [`Ledger`]: what has been granted and not given back, and by whom it is held.

use crate::few::Few;
use crate::limits::keeper::Holder;
use crate::limits::rate::Mark;

/// What a grant has of one limit.
pub(super) struct Part {
    pub(super) key: u32,
    /// What counts at the moment of the grant: as asked, less what was given back.
    pub(super) taken: u64,
    /// What was used beyond that, and is paid off.
    pub(super) owed: u64,
    pub(super) mark: Mark,
}

pub(super) struct Held {
    pub(super) holder: Holder,
    pub(super) parts: Few<Part>,
}

struct Page {
    /// Counts the grants that were written here, so that the number of one that was given back is nobody else's.
    generation: u32,
    held: Option<Held>,
}

/// Grants under numbers. Pages are used again, so that a steady flow needs no memory.
#[derive(Default)]
pub(super) struct Ledger {
    pages: Vec<Page>,
    free: Vec<u32>,
}

impl Ledger {
    pub(super) fn open(&mut self, held: Held) -> u64 {
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.pages.push(Page { generation: 0, held: None });
                (self.pages.len() - 1) as u32
            }
        };
        let page = &mut self.pages[at as usize];
        page.held = Some(held);
        (u64::from(page.generation) << 32) | u64::from(at)
    }

    /// The grant `id`, if it is held by this worker.
    pub(super) fn get(&mut self, id: u64, worker: u64) -> Option<&mut Held> {
        let page = self.pages.get_mut((id & u64::from(u32::MAX)) as usize)?;
        let current = u64::from(page.generation) == id >> 32;
        page.held.as_mut().filter(|held| current && held.holder.worker == worker)
    }

    pub(super) fn close(&mut self, id: u64, worker: u64) -> Option<Held> {
        let at = (id & u64::from(u32::MAX)) as u32;
        let page = self.pages.get_mut(at as usize).filter(|page| u64::from(page.generation) == id >> 32)?;
        let held = page.held.take_if(|held| held.holder.worker == worker)?;
        page.generation = page.generation.wrapping_add(1);
        self.free.push(at);
        Some(held)
    }

    /// Everything that a worker holds.
    pub(super) fn ids_of(&self, worker: u64) -> Vec<u64> {
        let pages = self.pages.iter().enumerate();
        pages
            .filter(|(_, page)| page.held.as_ref().is_some_and(|held| held.holder.worker == worker))
            .map(|(at, page)| (u64::from(page.generation) << 32) | at as u64)
            .collect()
    }

    /// How much of the limit at `key` a holder has.
    pub(super) fn held_by(&self, holder: Holder, key: u32) -> u64 {
        let held = self.pages.iter().filter_map(|page| page.held.as_ref()).filter(|held| held.holder == holder);
        held.flat_map(|held| held.parts.iter()).filter(|part| part.key == key).map(|part| part.taken).sum()
    }

    pub(super) fn len(&self) -> u64 {
        (self.pages.len() - self.free.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(holder: Holder, taken: u64) -> Held {
        Held { holder, parts: Few::One(Part { key: 0, taken, owed: 0, mark: 0 }) }
    }

    #[test]
    fn a_number_is_good_for_one_grant_and_its_worker() {
        let (one, other) = (Holder::worker(), Holder::worker());
        let mut ledger = Ledger::default();
        let first = ledger.open(held(one, 1));
        assert!(ledger.close(first, other.worker).is_none());
        assert!(ledger.close(first, one.worker).is_some());
        assert!(ledger.close(first, one.worker).is_none());
        let second = ledger.open(held(one, 2));
        assert_ne!(first, second);
        assert!(ledger.get(first, one.worker).is_none() && ledger.get(second, one.worker).is_some());
        assert_eq!((ledger.len(), ledger.pages.len()), (1, 1));
        assert!(ledger.get(u64::MAX, one.worker).is_none());
    }

    #[test]
    fn what_a_worker_holds_is_found() {
        let (one, other) = (Holder::worker(), Holder::worker());
        let task = Holder { task: 7, ..one };
        let mut ledger = Ledger::default();
        let ids = [held(one, 1), held(other, 2), held(task, 3), held(one, 4)].map(|held| ledger.open(held));
        assert_eq!(ledger.ids_of(one.worker), [ids[0], ids[2], ids[3]]);
        assert_eq!((ledger.held_by(one, 0), ledger.held_by(task, 0), ledger.held_by(one, 1)), (5, 3, 0));
    }
}
