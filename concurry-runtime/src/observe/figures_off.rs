//! Figures, in a build without the feature `metrics`: none. See `figures.rs` beside this file.

use super::{News, Outcome, Scene};

#[inline]
pub(super) fn are_on() -> bool {
    false
}

/// No handles.
pub(super) struct OfPool;

impl OfPool {
    pub(super) fn new(_methods: usize) -> Self {
        OfPool
    }
}

pub(super) fn news(_: &Scene, _: &News) {}

pub(super) fn submitted(_: &Scene) {}

pub(super) fn sent(_: &Scene, _calls: i64) {}

pub(super) fn ended(_: &Scene, _method: usize, _from_worker: bool, _: Outcome) {}

pub(super) fn retried(_: &Scene, _method: usize, _from_worker: bool) {}

pub(super) fn counted(_: &Scene, _method: usize, _: Outcome, _calls: u64) {}

pub(super) fn ran(_: &Scene, _method: usize, _queued: Option<u64>, _nanos: u64, _calls: usize) {}
