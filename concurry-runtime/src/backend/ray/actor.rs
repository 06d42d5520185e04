//! [`Actor`]: one incarnation of a worker on a cluster, seen from its driver; and what becomes of it.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::bridge::Bridge;
use super::direct::Offer;
use crate::call::later;
use crate::far::{Key, Site, Stored};
use crate::timer::{self, Alarm};

/// How long what a worker said last may be on its way after it is known how the worker has ended.
const LAST_WORDS: Duration = Duration::from_secs(10);

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
    /// Where to connect to it, until that is taken.
    offer: Option<Offer>,
    /// The connection to it, where there is one.
    socket: Weak<UnixStream>,
    /// That connection has not ended, it has broken off.
    torn: bool,
    /// Breaks it off where it does not end.
    cut: Option<Alarm>,
}

impl Told {
    /// Does to the connection what the fate asks for: it will not end by itself where nobody is left to end it.
    fn look(&mut self, me: &Arc<Actor>) {
        let (Some(fate), Some(socket)) = (&self.fate, self.socket.upgrade()) else { return };
        if let Fate::Ended(_) = fate {
            let me = Arc::downgrade(me);
            let cut = move || {
                if let Some(actor) = me.upgrade() {
                    actor.torn();
                    actor.told().shut();
                }
            };
            // Without a timer the system notices, later.
            self.cut = timer::at(later(LAST_WORDS), cut).ok();
        } else {
            drop(socket);
            self.shut();
        }
    }

    fn shut(&self) {
        if let Some(socket) = self.socket.upgrade() {
            // The one error that can be is that it is broken off already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// One incarnation of a worker.
pub(crate) struct Actor {
    bridge: Arc<Bridge>,
    number: u64,
    /// The worker's type, which errors name.
    worker: &'static str,
    told: Mutex<Told>,
    changed: Condvar,
}

impl Actor {
    pub(super) fn new(bridge: Arc<Bridge>, number: u64, worker: &'static str) -> Arc<Self> {
        Arc::new(Actor { bridge, number, worker, told: Mutex::default(), changed: Condvar::new() })
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One may connect to it.
    pub(super) fn offered(&self, offer: Offer) {
        self.told().offer = Some(offer);
        self.changed.notify_all();
    }

    /// Its process was started.
    pub(super) fn begun(&self, pid: u32) {
        self.told().pid = Some(pid);
        self.changed.notify_all();
    }

    /// It is gone; the first that is heard of that counts.
    pub(super) fn gone(self: &Arc<Self>, fate: Fate) {
        let fate = match fate {
            // It becomes an error by itself.
            Fate::Refused(text) => Fate::Refused(format!("{}: {text}", self.worker)),
            other => other,
        };
        let mut told = self.told();
        if told.fate.is_none() {
            told.fate = Some(fate);
            told.look(self);
        }
        drop(told);
        self.changed.notify_all();
    }

    /// Waits until one may connect to it; `None` where it is gone before that.
    pub(super) fn await_offer(&self) -> Option<Offer> {
        let mut told = self.wait(|told| told.offer.is_some());
        told.offer.take()
    }

    /// This is the connection to it.
    pub(super) fn connected(self: &Arc<Self>, socket: &Arc<UnixStream>) {
        let mut told = self.told();
        told.socket = Arc::downgrade(socket);
        told.look(self);
    }

    /// It cannot be connected to, and is to be started all the same.
    pub(super) fn relay(&self) {
        self.bridge.relay(self.number);
    }

    /// Waits until its process is started; whether it was.
    pub(super) fn await_begun(&self) -> bool {
        self.wait(|told| told.pid.is_some()).pid.is_some()
    }

    /// It is not to be started, for this reason.
    pub(super) fn refuse(&self, why: &str) {
        self.bridge.end(self.number, Some(why));
    }

    /// The connection to it has broken off, so that what it had said last may not have come.
    pub(crate) fn torn(&self) {
        let mut told = self.told();
        told.torn |= told.socket.strong_count() > 0;
    }

    fn site(&self) -> Arc<dyn Site> {
        self.bridge.clone()
    }

    /// Has it given a value that is on the cluster.
    pub(crate) fn give(&self, stored: &Stored) {
        self.bridge.give(self.number, stored.key, !stored.is_at(&self.site()));
    }

    /// The value of the call of this number, which it is about to leave on its node.
    pub(crate) fn leaves(&self, call: u64, size: u64) -> Option<Arc<Stored>> {
        Stored::new(self.site(), Key { worker: self.number, call }, size)
    }

    /// Ends it at once. The bridge sees to it that it is gone soon, whatever its node does; and whoever hears the bridge
    /// that this is, whatever the bridge does.
    pub(crate) fn end_now(&self) {
        if self.told().fate.is_none() {
            self.bridge.end(self.number, None);
        }
    }

    /// Waits for what `there` looks for, or until it is gone.
    fn wait(&self, there: impl Fn(&Told) -> bool) -> MutexGuard<'_, Told> {
        let waits = |told: &mut Told| told.fate.is_none() && !there(told);
        self.changed.wait_while(self.told(), waits).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is gone.
    pub(crate) fn await_end(&self) {
        drop(self.wait(|_| false));
    }

    /// What has become of it; asked when it is gone.
    pub(crate) fn fate(&self) -> Fate {
        let told = self.told();
        match told.fate.clone() {
            Some(Fate::Ended(text)) if told.torn => Fate::Lost(format!("{text}; the connection to it had broken off")),
            Some(fate) => fate,
            None => Fate::Lost("nobody knows what became of it".to_owned()),
        }
    }

    /// The number of its process on its node, once it has one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.told().pid
    }
}
