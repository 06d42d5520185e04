//! Spans and events, in a build without the feature `tracing`: none. See `spans.rs` beside this file.

#![allow(clippy::unused_self, reason = "it has the face of what it stands for")]

use std::time::Duration;

use super::{News, Outcome, Scene};
use crate::call::Header;
use crate::context::CallContext;
use crate::error::Error;

#[inline]
pub(crate) fn is_on() -> bool {
    false
}

pub(super) fn news(_: &Scene, _: &News) {}

/// No span.
pub(crate) struct Inside;

impl Inside {
    #[inline]
    pub(crate) fn of(_: &CallContext) -> Self {
        Inside
    }

    #[inline]
    pub(crate) fn here(_: &CallContext) -> Self {
        Inside
    }

    pub(super) fn done(self, _calls: usize, _failed: usize) {}
}

/// No spans.
pub(super) struct OfCall;

impl OfCall {
    pub(super) fn here() -> Self {
        OfCall
    }

    pub(super) fn open(&self, _: &Scene, _method: usize, _attempt: u32, _worker: usize) {}

    pub(super) fn make(&self, _: &Scene, _method: usize, _attempt: u32, _worker: usize) {}

    pub(super) fn close(&self, _attempt: u32, _: Last, _: Option<impl FnOnce(&Self)>) {}

    pub(super) fn chunk(&self, _: &Scene, _method: usize, _worker: usize) -> Inside {
        Inside
    }
}

/// Nothing is said.
pub(super) struct Last;

#[allow(non_upper_case_globals, reason = "it has the face of what it stands for")]
impl Last {
    pub(super) const Nothing: Last = Last;

    pub(super) fn failed(_: &Scene, _: &Header, _attempt: u32, _: Outcome, _: &Error) -> Self {
        Last
    }

    pub(super) fn retried(_: &Scene, _: &Header, _attempt: u32, _: Outcome, _: Duration) -> Self {
        Last
    }
}
