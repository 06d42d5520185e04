//! The time, in nanoseconds, by a clock that all processes of a machine share.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The time now.
pub(crate) fn now() -> u64 {
    // Every system that this runs on has that clock. Where one had not, everything would take no time.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| nanos(Duration::from(time)))
}

/// A duration in nanoseconds; of five hundred years at most.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
