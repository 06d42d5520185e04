//! What a [`ProcessLink`] does for values that stay on a cluster.

use std::sync::{Arc, MutexGuard};

use super::life::Life;
use super::link::{ProcessLink, State};
use crate::far::Composition;
use crate::wire::frame::{Head, Kind};

impl State {
    /// Has the worker, which lives there from now on, given what calls lack that were sent before it did.
    pub(super) fn give_all(&self, life: &Life) {
        let Life::Actor(actor) = life else { return };
        let compositions = self.sent.jobs().filter_map(|job| job.call().composition());
        compositions.for_each(|composition| composition.values.iter().for_each(|value| actor.give(value)));
    }
}

impl ProcessLink {
    /// Sends a call some of whose arguments are on the cluster, and has the worker given these.
    pub(super) fn send_composed(
        &self,
        mut state: MutexGuard<'_, State>,
        head: Head,
        message: Arc<Vec<u8>>,
        composition: &Composition,
    ) {
        if let Some(Life::Actor(actor)) = &state.life {
            composition.values.iter().for_each(|value| actor.give(value));
        }
        state.outbox.frame(Head::plain(Kind::With, composition.holes.len()), &composition.holes);
        state.outbox.message(head, message);
        let left = self.flush(&mut state);
        drop(state);
        self.wake_reader(left);
    }

    /// Tells the worker whether the value of the job of this number, which is so large, is to come here.
    pub(super) fn place_value(&self, number: u64, bytes: &[u8]) -> Result<(), String> {
        let size =
            bytes.try_into().map(u64::from_le_bytes).map_err(|_| "it told of a large value, but not how large")?;
        let mut state = self.state();
        let stays = state.sent.get(number).is_some_and(|job| job.call().may_stay());
        let promised = match &state.life {
            Some(Life::Actor(actor)) if stays => actor.leaves(number, size),
            _ => None,
        };
        let kind = if promised.is_some() { Kind::Keep } else { Kind::Send };
        let old = std::mem::replace(&mut state.promised, promised);
        self.write(state, Head::about(kind, number, 0), &[]);
        drop(old);
        Ok(())
    }
}
