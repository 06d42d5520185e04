//! What a [`Bridge`] does for values that stay on the cluster, and who has to do with it.

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::AsRawFd;

use super::bridge::{Bridge, text_of};
use crate::backend::process::Message;
use crate::error::{Error, Result};
use crate::far::{Key, Site, Then, file_of, read_file};
use crate::panics;
use crate::wire::frame::Kind;

impl Site for Bridge {
    fn enter(&self) -> bool {
        Bridge::enter(self)
    }

    fn leave(&self) {
        Bridge::leave(self);
    }

    fn fetch(&self, key: Key, then: Then) {
        let mut state = self.state();
        if let Some(why) = &state.over {
            let error = lost(why);
            drop(state);
            return then(Err(error));
        }
        state.last += 1;
        let number = state.last;
        state.fetches.insert(number, then);
        drop(state);
        let order = format!("worker\0{}\0call\0{}\0", key.worker, key.call);
        self.tell(Kind::Fetch, number, order.as_bytes(), &[]);
    }

    fn forget(&self, key: Key) {
        self.tell(Kind::Forget, key.worker, format!("call\0{}\0", key.call).as_bytes(), &[]);
    }

    fn put(&self, bytes: &[u8]) -> Result<Key> {
        let file = file_of(bytes).map_err(|error| Error::refused("a value could not be put on the cluster", &error))?;
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        drop(state);
        self.tell(Kind::Put, number, &[], &[file.as_raw_fd()]);
        Ok(Key { worker: 0, call: number })
    }
}

impl Bridge {
    /// Has a value brought to a worker, once; `lost` where it is known that it is not there any more.
    pub(super) fn give(&self, worker: u64, key: Key, lost: bool) {
        let order = format!("worker\0{}\0call\0{}\0lost\0{}\0", key.worker, key.call, u8::from(lost));
        self.tell(Kind::Give, worker, order.as_bytes(), &[]);
    }

    /// A value has been brought, or not.
    pub(super) fn fetched(&self, message: &mut Message) -> Result<(), String> {
        let then = self.state().fetches.remove(&message.head.id);
        let bytes = match message.files.pop_front() {
            None => Err(lost(&text_of(message)?)),
            Some(file) => {
                let mut bytes = Vec::new();
                let read = read_file(&File::from(file), &mut bytes);
                read.map(|()| bytes).map_err(|error| Error::refused("a value could not be taken", &error))
            }
        };
        if let Some(then) = then {
            let _ = panics::caught_text(|| then(bytes));
        }
        Ok(())
    }
}

/// Nothing more is brought.
pub(super) fn give_up(fetches: HashMap<u64, Then>, why: &str) {
    for then in fetches.into_values() {
        let _ = panics::caught_text(|| then(Err(lost(why))));
    }
}

/// A value on the cluster cannot be had.
fn lost(why: &str) -> Error {
    Error::ray(format!("a value that was on the cluster is lost: {why}"))
}
