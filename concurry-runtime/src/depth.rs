//! What follows from what follows: done one inside the other while that is shallow, and one after the other from then
//! on, so that a chain of calls may be as long as memory allows and needs no more stack than a short one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// How many consequences are inside each other at most.
const SHALLOW: usize = 32;

/// Something that is put off.
type Later = Box<dyn FnOnce()>;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static LATER: RefCell<VecDeque<Later>> = const { RefCell::new(VecDeque::new()) };
}

/// One level further down until it goes.
struct Level(usize);

impl Level {
    fn enter(most: usize) -> Option<Self> {
        // A thread that is being torn down does not count any more, and nothing deep begins there.
        let above = DEPTH.try_with(Cell::get).unwrap_or(0);
        (above < most).then(|| {
            let _ = DEPTH.try_with(|depth| depth.set(above + 1));
            Level(above)
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(self.0));
    }
}

/// Runs `act`; `None` where that would be more than `most` inside each other on this thread.
pub(crate) fn within<T>(most: usize, act: impl FnOnce() -> T) -> Option<T> {
    let _level = Level::enter(most)?;
    Some(act())
}

/// Runs `act`, which must not panic: now, or where that would be too deep when the outermost on this thread is through.
pub(crate) fn follow(act: impl FnOnce() + 'static) {
    let Some(level) = Level::enter(SHALLOW) else {
        let mut act = Some(act);
        let _ = LATER.try_with(|later| later.borrow_mut().extend(act.take().map(|act| Box::new(act) as Later)));
        // Nothing is put off on a thread that is being torn down.
        return act.map_or((), |act| act());
    };
    act();
    if level.0 == 0 {
        while let Some(next) = LATER.try_with(|later| later.borrow_mut().pop_front()).ok().flatten() {
            next();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn all_is_done_by_the_time_that_the_outermost_returns_and_nothing_is_deep() {
        fn down(left: usize, deepest: Rc<Cell<usize>>, done: Rc<Cell<usize>>) {
            deepest.set(deepest.get().max(DEPTH.get()));
            done.set(done.get() + 1);
            if left > 0 {
                follow(move || down(left - 1, deepest, done));
            }
        }
        let (deepest, done) = (Rc::<Cell<usize>>::default(), Rc::<Cell<usize>>::default());
        for round in 1..4 {
            let counts = (deepest.clone(), done.clone());
            follow(move || down(100_000, counts.0, counts.1));
            assert_eq!((deepest.get(), done.get()), (SHALLOW, round * 100_001));
        }
        assert_eq!(within(2, || within(2, || within(2, || ()))), Some(Some(None)));
    }
}
