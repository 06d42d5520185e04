//! The worker of these tests: calls come in and stay until they are told to go.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use concurry::current;
use concurry::prelude::*;
use tokio::sync::Notify;

pub(crate) type Events = Sender<String>;

/// Says so when it is dropped, with the method that is current then.
pub(crate) struct Guard(pub(crate) Events, pub(crate) String);

impl Drop for Guard {
    fn drop(&mut self) {
        let method = current().map(|context| context.method().to_owned()).unwrap_or_default();
        let _ = self.0.send(format!("{} dropped in {method}", self.1));
    }
}

/// Neither `Send` nor `Sync`.
#[derive(Default)]
pub(crate) struct Room {
    inside: Rc<Cell<usize>>,
    most: Cell<usize>,
    log: RefCell<Vec<String>>,
    value: u64,
}

#[worker(local, mode = "async")]
impl Room {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Stays until it is told to go.
    pub(crate) async fn stay(&self, name: &str, gate: Arc<Notify>, events: Events) -> String {
        let _guard = Guard(events.clone(), name.to_owned());
        self.log.borrow_mut().push(format!("{name} in"));
        self.inside.set(self.inside.get() + 1);
        self.most.set(self.most.get().max(self.inside.get()));
        events.send(format!("{name} in")).unwrap();
        gate.notified().await;
        self.inside.set(self.inside.get() - 1);
        self.log.borrow_mut().push(format!("{name} out"));
        name.to_owned()
    }

    /// Stays until as many are inside at once.
    pub(crate) async fn meet(&self, how_many: usize, all: Arc<Notify>) -> usize {
        self.inside.set(self.inside.get() + 1);
        if self.inside.get() == how_many {
            all.notify_waiters();
        } else {
            all.notified().await;
        }
        how_many
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        self.inside.set(self.inside.get() + 1);
        self.most.set(self.most.get().max(self.inside.get()));
        tokio::time::sleep(time).await;
        self.inside.set(self.inside.get() - 1);
    }

    /// Alone in the room.
    pub(crate) async fn alone(&mut self, name: &str, gate: Arc<Notify>, events: Events) -> usize {
        let _guard = Guard(events.clone(), name.to_owned());
        self.log.borrow_mut().push(format!("{name} in"));
        self.value += 1;
        events.send(format!("{name} in")).unwrap();
        gate.notified().await;
        self.value += 1;
        self.log.borrow_mut().push(format!("{name} out"));
        self.inside.get()
    }

    pub(crate) async fn set(&self, name: &str) {
        self.log.borrow_mut().push(name.to_owned());
    }

    pub(crate) fn note(&self, name: &str) -> usize {
        self.log.borrow_mut().push(name.to_owned());
        self.inside.get()
    }

    pub(crate) fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }

    pub(crate) fn keep(&self, held: Arc<()>) {
        drop(held);
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn most(&self) -> usize {
        self.most.get()
    }

    pub(crate) async fn fail(&self, why: &str) -> Result<u8, String> {
        tokio::task::yield_now().await;
        Err(why.to_owned())
    }

    pub(crate) async fn blow(&self, after: Arc<Notify>) {
        after.notified().await;
        panic!("as planned");
    }

    pub(crate) fn blow_at_once(&self) {
        panic!("at once");
    }

    pub(crate) async fn blow_alone(&mut self) {
        tokio::task::yield_now().await;
        panic!("alone");
    }

    /// Blocks the loop's thread.
    pub(crate) fn block(&self, inside: Sender<()>, open: Arc<std::sync::Barrier>) {
        inside.send(()).unwrap();
        open.wait();
    }
}

pub(crate) fn gate() -> Arc<Notify> {
    Arc::default()
}
