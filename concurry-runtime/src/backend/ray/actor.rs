//! [`Actor`]: one incarnation of a worker on a cluster, seen from its driver; and what becomes of it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::bridge::Bridge;

/// What has become of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its process has ended, and all that it had said has come.
    Ended(String),
    /// It cannot be reached any more. What it said last may be lost, so it may have begun any call that it was sent.
    Lost(String),
    /// It was never started.
    Refused(String),
}

impl Fate {
    /// Of the words of the bridge.
    pub(super) fn told(fate: &str, text: String) -> Option<Self> {
        Some(match fate {
            "ended" => Fate::Ended(text),
            "lost" => Fate::Lost(text),
            "refused" => Fate::Refused(text),
            _ => return None,
        })
    }

    /// How it ended, in words.
    pub(crate) fn into_text(self) -> String {
        let (Fate::Ended(text) | Fate::Lost(text) | Fate::Refused(text)) = self;
        text
    }
}

#[derive(Default)]
struct Told {
    pid: Option<u32>,
    fate: Option<Fate>,
}

/// One incarnation of a worker.
pub(crate) struct Actor {
    bridge: Arc<Bridge>,
    number: u64,
    told: Mutex<Told>,
    changed: Condvar,
}

impl Actor {
    pub(super) fn new(bridge: Arc<Bridge>, number: u64) -> Arc<Self> {
        Arc::new(Actor { bridge, number, told: Mutex::default(), changed: Condvar::new() })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its process was started.
    pub(super) fn begun(&self, pid: u32) {
        self.told().pid = Some(pid);
    }

    /// It is gone; the first that is heard of that counts.
    pub(super) fn gone(&self, fate: Fate) {
        self.told().fate.get_or_insert(fate);
        self.changed.notify_all();
    }

    /// Ends it at once. The bridge sees to it that it is gone soon, whatever its node does; and whoever hears the bridge
    /// that this is, whatever the bridge does.
    pub(crate) fn end_now(&self) {
        if self.told().fate.is_none() {
            self.bridge.end(self.number);
        }
    }

    /// Waits until it is gone.
    pub(crate) fn await_end(&self) {
        let mut told = self.told();
        while told.fate.is_none() {
            told = self.changed.wait(told).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What has become of it; asked when it is gone.
    pub(crate) fn fate(&self) -> Fate {
        self.told().fate.clone().unwrap_or_else(|| Fate::Lost("nobody knows what became of it".to_owned()))
    }

    /// The number of its process on its node, once it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.told().pid
    }
}
