//! The points where tests inject faults, in a build that has none: nothing. See `mod.rs` beside this file.

#![allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "it has the face of what it stands for")]

mod point;

use std::io;

use nix::unistd::Pid;

pub(crate) use self::point::Point;
use crate::wire::frame::Head;

/// No plan.
#[derive(Clone, Debug)]
pub(crate) struct Faults;

impl Faults {
    #[inline]
    pub(crate) fn of_this_thread() -> Self {
        Faults
    }

    #[inline]
    pub(crate) fn none() -> Self {
        Faults
    }

    #[inline]
    pub(crate) fn at(&self, _: Point, _: impl FnOnce() -> Option<Pid>) {}

    #[inline]
    pub(crate) fn allows(&self, _: Point) -> io::Result<()> {
        Ok(())
    }

    #[inline]
    pub(crate) fn in_pieces(
        &self,
        _: Point,
        _: Option<Pid>,
        _: (&Head, &[u8]),
        _: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Option<io::Result<()>> {
        None
    }

    #[inline]
    pub(crate) fn variable(&self) -> Option<(&'static str, String)> {
        None
    }
}

#[inline]
pub(crate) fn here(_: Point) {}

#[inline]
pub(crate) fn in_pieces(
    _: Point,
    _: (&Head, &[u8]),
    _: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Option<io::Result<()>> {
    None
}
