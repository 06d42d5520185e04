//! [`Ring`]: the last so many records, and the pools that they are about.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Mark;
use crate::observe::{Outcome, Scene};

/// Something that was recorded of a pool.
#[derive(Clone, Copy, Debug)]
pub(in crate::observe) struct Record {
    /// The worker's index; the largest number where there was none.
    pub(in crate::observe) worker: usize,
    pub(in crate::observe) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::observe) enum What {
    /// An attempt of a call. It `begun` unless it never did.
    Call {
        method: usize,
        call: u64,
        attempt: u32,
        ready: u64,
        begun: Option<u64>,
        ended: u64,
        came: Outcome,
        /// Another attempt follows.
        again: bool,
    },
    /// So many calls one after another.
    Chunk { method: usize, calls: usize, failed: usize, begun: u64, ended: u64 },
    /// Something that happened to the worker.
    Mark { mark: Mark, at: u64 },
}

/// What a recording has, taken out at a moment.
pub(super) struct Taken {
    /// When it was started.
    pub(super) start: u64,
    pub(super) pools: Vec<Arc<Scene>>,
    /// With the place of their pool, the oldest first.
    pub(super) records: Vec<(u32, Record)>,
    pub(super) dropped: u64,
}

pub(super) struct Ring {
    capacity: usize,
    start: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pools: Vec<Arc<Scene>>,
    records: Vec<(u32, Record)>,
    /// Where the next one goes, once all places are taken.
    next: usize,
    dropped: u64,
}

impl Ring {
    pub(super) fn new(capacity: usize, start: u64) -> Self {
        Ring { capacity, start, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, scene: &Arc<Scene>, record: Record) {
        let mut guard = self.state();
        let state = &mut *guard;
        // There are few pools, and the one that is asked for was asked for before.
        let known = state.pools.iter().rposition(|pool| Arc::ptr_eq(pool, scene));
        let pool = known.unwrap_or_else(|| {
            state.pools.push(scene.clone());
            state.pools.len() - 1
        });
        let record = (pool as u32, record);
        if state.records.len() < self.capacity {
            state.records.push(record);
            return;
        }
        if let Some(oldest) = state.records.get_mut(state.next) {
            *oldest = record;
        }
        state.next = (state.next + 1) % self.capacity;
        state.dropped += 1;
    }

    pub(super) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    pub(super) fn taken(&self) -> Taken {
        let state = self.state();
        let (newer, older) = state.records.split_at(state.next.min(state.records.len()));
        let records = older.iter().chain(newer).copied().collect();
        Taken { start: self.start, pools: state.pools.clone(), records, dropped: state.dropped }
    }
}
