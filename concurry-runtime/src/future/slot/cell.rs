//! The one place where a value is handed from thread to thread, without a lock unless somebody watches.
//!
//! ```text
//!            put                      take
//! EMPTY ───────────────────> READY ────────> TAKEN
//!   │ watch                  ^   │ ^
//!   v          put, told     │   v │ back, told
//! WATCHED ───────────────────┘   BUSY (borrow)
//! ```
//!
//! Who may touch the value: while the cell is `EMPTY` or `WATCHED`, the one thread that puts it in, since that happens
//! once. From `READY` on, whoever moves the state from there: to `TAKEN`, and has the value for good, or to `BUSY`, and has
//! it until it gives it back. Each of those moves acquires what putting it there released.
//!
//! Who waits says so first, under the lock: it moves `EMPTY` to `WATCHED`, so that whoever puts the value in has to come
//! by the lock too, and there finds everybody who is to be told. The value of a cell that nobody watches is put in and
//! taken out by one step each.

use super::sync::{AtomicU8, Condvar, Mutex, MutexGuard, Ordering, PoisonError, Shared};

const EMPTY: u8 = 0;
const WATCHED: u8 = 1;
const READY: u8 = 2;
const BUSY: u8 = 3;
const TAKEN: u8 = 4;

/// Who is to be told.
pub(super) struct Watch<W> {
    sleepers: u32,
    pub(super) list: W,
}

/// What came of reaching for the value.
pub(super) enum Taken<V> {
    Value(V),
    /// It is not there yet, or somebody has it for a moment.
    NotYet,
    /// Somebody had it before.
    Gone,
}

pub(super) struct Cell<V, W> {
    state: AtomicU8,
    value: Shared<Option<V>>,
    watch: Mutex<Watch<W>>,
    changed: Condvar,
}

// SAFETY: the value is reached by one thread at a time, as said above, and goes from thread to thread; the list is
// behind a lock.
unsafe impl<V: Send, W: Send> Sync for Cell<V, W> {}

impl<V, W> Cell<V, W> {
    pub(super) fn new(list: W) -> Self {
        Cell {
            state: AtomicU8::new(EMPTY),
            value: Shared::new(None),
            watch: Mutex::new(Watch { sleepers: 0, list }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Watch<W>> {
        // Nothing of the user's runs under this lock, so a poisoned one is whole.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the value has been put in.
    pub(super) fn is_settled(&self) -> bool {
        self.state.load(Ordering::Acquire) >= READY
    }

    /// Whether somebody watches it, or did before it was settled.
    pub(super) fn may_be_watched(&self) -> bool {
        self.state.load(Ordering::Relaxed) != EMPTY
    }

    /// Whether it is there and nobody has taken it.
    pub(super) fn is_ready(&self) -> bool {
        self.state.load(Ordering::Acquire) == READY
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Puts the value in; returned where somebody watches, whom [`put_watched`](Self::put_watched) tells. To be called by
    /// one thread only, until it comes to `Ok`.
    pub(super) fn put(&self, value: V) -> Result<(), V> {
        if self.state.load(Ordering::Relaxed) != EMPTY {
            return Err(value);
        }
        // SAFETY: nobody else touches the value of a cell that is not settled, and this is the one thread to settle it.
        self.value.with(|place| unsafe { *place = Some(value) });
        if self.turn(EMPTY, READY) {
            return Ok(());
        }
        // SAFETY: as before; it is `WATCHED` now, which is not settled either.
        match self.value.with(|place| unsafe { (*place).take() }) {
            Some(value) => Err(value),
            // It was put there a moment ago.
            None => unreachable!("nobody takes a value that is not ready"),
        }
    }

    /// Puts the value in with the lock held, whoever watches. Who sleeps is to be woken after that: see
    /// [`wake`](Self::wake).
    pub(super) fn put_watched(&self, _watch: &mut MutexGuard<'_, Watch<W>>, value: V) {
        // SAFETY: as in `put`.
        self.value.with(|place| unsafe { *place = Some(value) });
        self.state.store(READY, Ordering::Release);
    }

    /// Lets go of the lock, and of everybody who sleeps.
    pub(super) fn wake(&self, watch: MutexGuard<'_, Watch<W>>) {
        let sleepers = watch.sleepers;
        drop(watch);
        if sleepers > 0 {
            self.changed.notify_all();
        }
    }

    /// Takes the value if it is there.
    pub(super) fn take(&self) -> Taken<V> {
        match self.state.load(Ordering::Relaxed) {
            EMPTY | WATCHED | BUSY => return Taken::NotYet,
            TAKEN => return Taken::Gone,
            _ => {}
        }
        match self.state.compare_exchange(READY, TAKEN, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: this thread moved the state from `READY`, so the value is its own.
            Ok(_) => match self.value.with(|place| unsafe { (*place).take() }) {
                Some(value) => Taken::Value(value),
                None => Taken::Gone,
            },
            Err(BUSY) => Taken::NotYet,
            Err(_) => Taken::Gone,
        }
    }

    /// Has the value for a moment, to be given [`back`](Self::back).
    pub(super) fn borrow(&self) -> Taken<V> {
        match self.state.compare_exchange(READY, BUSY, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: as in `take`.
            Ok(_) => match self.value.with(|place| unsafe { (*place).take() }) {
                Some(value) => Taken::Value(value),
                None => Taken::Gone,
            },
            Err(TAKEN) => Taken::Gone,
            Err(_) => Taken::NotYet,
        }
    }

    /// Gives back what was borrowed; who sleeps is to be woken after that.
    pub(super) fn back(&self, value: V) -> MutexGuard<'_, Watch<W>> {
        let watch = self.lock();
        // SAFETY: the cell is `BUSY` by this thread, which borrowed the value.
        self.value.with(|place| unsafe { *place = Some(value) });
        self.state.store(READY, Ordering::Release);
        watch
    }

    /// Says, under the lock, that somebody watches; `false` where the value has been put in already.
    pub(super) fn watched(&self, _watch: &MutexGuard<'_, Watch<W>>) -> bool {
        self.turn(EMPTY, WATCHED) || self.state.load(Ordering::Acquire) == WATCHED
    }

    /// Whether there is something to wait for: the value is not there yet, and whoever puts it in is going to look at the
    /// list; or somebody has it, who does the same as it comes back.
    pub(super) fn must_wait(&self, _watch: &MutexGuard<'_, Watch<W>>) -> bool {
        self.turn(EMPTY, WATCHED) || matches!(self.state.load(Ordering::Acquire), WATCHED | BUSY)
    }

    /// Sleeps until something changes, `sleep` being how: it is given the condition variable and the lock, under which
    /// there was something to wait for.
    pub(super) fn sleep<'a>(
        &'a self,
        mut watch: MutexGuard<'a, Watch<W>>,
        sleep: impl FnOnce(&'a Condvar, MutexGuard<'a, Watch<W>>) -> MutexGuard<'a, Watch<W>>,
    ) -> MutexGuard<'a, Watch<W>> {
        watch.sleepers += 1;
        let mut watch = sleep(&self.changed, watch);
        watch.sleepers -= 1;
        watch
    }

    /// Takes the value and the list, of a cell that is nobody else's any more.
    pub(super) fn dismantle(&mut self) -> (Option<V>, &mut W) {
        // SAFETY: it is borrowed exclusively.
        let value = self.value.with(|place| unsafe { (*place).take() });
        (value, &mut self.watch.get_mut().unwrap_or_else(PoisonError::into_inner).list)
    }
}
