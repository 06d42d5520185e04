//! The atomics of a pool's figures, apart so that a model checker can put its own in their place.

pub(super) use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};

pub(super) use crossbeam::utils::CachePadded;
