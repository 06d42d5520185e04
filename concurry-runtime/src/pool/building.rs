//! How long a worker may take to be built: `init_timeout`.
//!
//! The clock of a build is an alarm of its lane's. It is set before the worker is started, and again by a worker that is
//! built anew where it is, after a panic; it is taken off when the worker is there. (A process keeps that second clock
//! itself, since its driver does not see it; in mode `sync` the time is looked at when the constructor has returned.)
//!
//! ```text
//! building ──> up: the clock is taken off
//!          └─> late ──> a process, or a loop that awaits something: ended, and what it reports is that it was late
//!                   └─> a thread or a loop inside the constructor: cannot be ended. It is let go of, and what it
//!                       still says is not heard; its lane goes on without it at once
//! ```
//!
//! To be late is to crash: it counts as a death.

use super::core::Core;
use super::lane::{Lane, Status};
use crate::backend::{End, Place};
use crate::call::later;
use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::timer;

impl Core {
    /// Sets the clock of a build that begins now, where there is a time for it.
    pub(super) fn set_build_clock(&self, lane: &mut Lane) -> Result<()> {
        let Some(limit) = self.settings.init_timeout else { return Ok(()) };
        lane.builds += 1;
        let (me, place, build) = (self.me.clone(), lane.place(), lane.builds);
        let alarm = timer::at(later(limit), move || {
            if let Some(core) = me.upgrade() {
                core.late(place, build);
            }
        });
        lane.alarm = Some(alarm.map_err(|error| {
            Error::init_failed(format!("no thread can be started to keep the time of its constructor: {error}"))
        })?);
        Ok(())
    }

    /// The worker of `place` builds its instance anew, or has done so.
    pub(super) fn note_rebuild(&self, place: Place, begins: bool) {
        if self.settings.init_timeout.is_none() {
            return;
        }
        let (group_at, at) = self.home(place.index);
        let mut group = self.group(group_at);
        let lane = &mut group.lanes[at];
        if lane.generation != place.generation || lane.late.is_some() {
            return;
        }
        lane.alarm = None;
        if begins {
            // Without a clock it may take as long as it does.
            let _ = self.set_build_clock(lane);
        }
    }

    /// The time of a build is up.
    fn late(&self, place: Place, build: u64) {
        let (group_at, at) = self.home(place.index);
        let mut group = self.group(group_at);
        let lane = &mut group.lanes[at];
        if lane.generation != place.generation || lane.builds != build || lane.alarm.take().is_none() {
            return;
        }
        let Some(link) = lane.link.clone() else { return };
        let anew = lane.status != Status::Starting;
        let why = |lingers| {
            let why = self.too_late(place.index, lingers);
            if anew { format!("it could not be built anew after a panic: {why}") } else { why }
        };
        let ended = why(false);
        let lingers = link.condemn(&ended);
        let why = if lingers { why(true) } else { ended };
        lane.late = Some(why.clone());
        if lingers {
            lane.thread = None;
        }
        drop(group);
        // Calls that an event loop was running beside the build go with it.
        for (call, attempt) in link.running() {
            let name = format!("{}[{}]", self.settings.worker, place.index);
            let error = Error::worker_died(why.clone()).at(name, call.header().method_name());
            call.attempt_failed(attempt, error, None);
        }
        if lingers {
            // It will not tell of its end for as long as it lasts.
            self.ended_as(place, End::Finished);
        }
    }

    /// What is said of a worker that was late.
    fn too_late(&self, index: usize, lingers: bool) -> String {
        let limit = self.settings.init_timeout.unwrap_or_default();
        let remedy = "raise `init_timeout`, or let the constructor do less";
        let what = match (lingers, self.settings.mode) {
            (true, _) => {
                return format!(
                    "worker {index} was not built within {limit:?} (`init_timeout`); its thread cannot be ended, and is let go of; {remedy}, or use mode `process`, where a worker can be ended"
                );
            }
            (false, Mode::Async) => "its constructor was dropped",
            (false, _) => "its process was killed",
        };
        format!("worker {index} was not built within {limit:?} (`init_timeout`), and {what}; {remedy}")
    }
}
