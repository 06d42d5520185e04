//! Loom's atomic.

pub(super) use loom::sync::atomic::{AtomicU64, Ordering};
