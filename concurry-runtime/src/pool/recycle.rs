//! Workers that have done enough: `max_calls_per_worker` and `max_memory`.
//!
//! Such a worker is given nothing more, ends in good order, and its lane starts another, which goes on with the queue. It
//! is no death: nothing is lost by it, and nothing counted but `recycled`.
//!
//! - Calls are counted as they are given to a worker. With the last one it is told to finish: it runs all that it has.
//! - Memory is looked at when a worker has answered a call, since calls are what it grows by. One that has too much is
//!   told to retire: it finishes the call that it is running; what it has not begun comes back, to be run by the next.

use super::core::Core;
use super::lane::{Lane, Status};

impl Core {
    /// Tells the worker to finish if it has been given all the calls that it is to have.
    pub(super) fn retire_if_spent(&self, lane: &mut Lane) {
        let spent = self.settings.max_calls_per_worker.is_some_and(|most| lane.given >= most);
        // On demand a worker is told to finish after its one call anyway.
        if !spent || self.settings.on_demand || lane.status != Status::Up {
            return;
        }
        (lane.status, lane.recycled) = (Status::Finishing, true);
        if let Some(link) = &lane.link {
            link.finish();
        }
    }

    /// Tells the worker to retire if it has more memory than it may.
    pub(super) fn retire_if_large(&self, lane: &mut Lane) {
        let Some(most) = self.settings.max_memory else { return };
        if lane.status != Status::Up {
            return;
        }
        if let Some(link) = &lane.link
            && link.memory().is_some_and(|memory| memory > most)
        {
            link.retire();
            (lane.status, lane.recycled) = (Status::Finishing, true);
        }
    }
}
