//! What is checked of the slot.

use std::sync::Arc;

use loom::thread;

use super::cell::{Cell, Taken};
use super::sync::PoisonError;
use crate::check;

/// A value that has a destructor, so that loom sees one that is dropped twice or never.
type Value = Box<u32>;
/// Whom to tell: how often somebody was.
type Told = Arc<loom::sync::atomic::AtomicUsize>;
type Slot = Cell<Value, Vec<Told>>;

fn slot() -> Arc<Slot> {
    Arc::new(Cell::new(Vec::new()))
}

/// As the runtime settles one.
fn settle(slot: &Slot, value: Value) {
    let Err(value) = slot.put(value) else { return };
    let mut watch = slot.lock();
    let list = std::mem::take(&mut watch.list);
    slot.put_watched(&mut watch, value);
    slot.wake(watch);
    for told in list {
        told.fetch_add(1, super::sync::Ordering::Relaxed);
    }
}

/// As the runtime waits for one.
fn wait(slot: &Slot) -> Option<u32> {
    loop {
        match slot.take() {
            Taken::Value(value) => return Some(*value),
            Taken::Gone => return None,
            Taken::NotYet => {}
        }
        let watch = slot.lock();
        if slot.must_wait(&watch) {
            drop(slot.sleep(watch, |changed, watch| changed.wait(watch).unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

/// Whoever waits is woken, and has the value.
#[test]
fn who_waits_has_the_value() {
    check(|| {
        let slot = slot();
        let theirs = slot.clone();
        let worker = thread::spawn(move || settle(&theirs, Box::new(7)));
        assert_eq!(wait(&slot), Some(7));
        worker.join().unwrap();
    });
}

/// Of two that wait one has the value, and the other is told that it is gone.
#[test]
fn one_of_two_has_the_value() {
    check(|| {
        let slot = slot();
        let (worker, other) = (slot.clone(), slot.clone());
        let worker = thread::spawn(move || settle(&worker, Box::new(7)));
        let other = thread::spawn(move || wait(&other));
        let own = wait(&slot);
        let theirs = other.join().unwrap();
        assert!(matches!((own, theirs), (Some(7), None) | (None, Some(7))));
        worker.join().unwrap();
    });
}

/// Whoever asks to be told is told once, by whoever settles it, or finds that it has settled.
#[test]
fn who_watches_is_told_once() {
    check(|| {
        let slot = slot();
        let told = Told::default();
        let theirs = slot.clone();
        let worker = thread::spawn(move || settle(&theirs, Box::new(7)));
        let mut watch = slot.lock();
        let late = !slot.watched(&watch);
        if !late {
            watch.list.push(told.clone());
        }
        drop(watch);
        worker.join().unwrap();
        assert_eq!(told.load(super::sync::Ordering::Relaxed), usize::from(!late));
        assert!(slot.is_settled() && slot.is_ready());
        let mut slot = Arc::into_inner(slot).unwrap();
        assert_eq!(slot.dismantle().0, Some(Box::new(7)));
    });
}

/// While one shows the value around another waits for it, and has it in the end.
#[test]
fn what_is_shown_around_comes_back() {
    check(|| {
        let slot = slot();
        let (worker, viewer) = (slot.clone(), slot.clone());
        let worker = thread::spawn(move || settle(&worker, Box::new(7)));
        let viewer = thread::spawn(move || {
            if let Taken::Value(value) = viewer.borrow() {
                let seen = *value;
                let watch = viewer.back(value);
                viewer.wake(watch);
                return seen == 7;
            }
            true
        });
        assert_eq!(wait(&slot), Some(7));
        assert!(viewer.join().unwrap());
        worker.join().unwrap();
    });
}
