//! The atomic of a call's course, apart so that a model checker can put its own in its place.

pub(super) use std::sync::atomic::{AtomicU64, Ordering};
