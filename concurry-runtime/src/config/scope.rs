//! [`scoped`]: what a thread says for as long as a guard lives.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::Arc;

use super::Config;

thread_local! {
    /// What the guards of this thread say, the outermost first; each with its number.
    static SCOPES: RefCell<Vec<(u64, Arc<Config>)>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// Sets options for the pools that this thread makes while the guard lives; when it goes, by a panic too, what held
/// before holds again. Scopes nest: where the inner one says nothing, the outer one holds.
///
/// It is stronger than the environment and [`set`](super::set), and weaker than a pool's builder and its type's
/// attribute. Pools that exist keep what they have. Other threads are not concerned, workers' included.
///
/// ```
/// use concurry::prelude::*;
///
/// #[derive(Default)]
/// struct Counter;
///
/// #[worker]
/// impl Counter {
///     pub fn one(&self) -> u64 {
///         1
///     }
/// }
///
/// # fn main() -> concurry::Result<()> {
/// let guard = concurry::config::scoped(|c| c.mode(Mode::Thread).max_workers = Some(3));
/// assert_eq!(Counter::options().init()?.max_workers(), 3);
/// drop(guard);
/// assert_eq!(Counter::options().init()?.max_workers(), 1);
/// # Ok(())
/// # }
/// ```
pub fn scoped(change: impl FnOnce(&mut Config)) -> Scoped {
    let mut config = Config::default();
    change(&mut config);
    let number = NEXT.with(|next| next.replace(next.get() + 1));
    SCOPES.with_borrow_mut(|scopes| scopes.push((number, Arc::new(config))));
    Scoped { number, marker: PhantomData }
}

/// Keeps what [`scoped`] has set; it holds until this goes.
#[must_use = "what was set holds only as long as this guard lives; `let _guard = ..` keeps it to the end of the block"]
#[derive(Debug)]
pub struct Scoped {
    number: u64,
    /// It belongs to its thread.
    marker: PhantomData<*const ()>,
}

impl Drop for Scoped {
    fn drop(&mut self) {
        // By number, not the last one: guards may go in any order. A thread that ends may have lost them already.
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().retain(|(number, _)| *number != self.number));
    }
}

/// What this thread's guards say, the innermost first.
pub(super) fn current() -> Vec<Arc<Config>> {
    SCOPES
        .try_with(|scopes| scopes.borrow().iter().rev().map(|(_, config)| config.clone()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::Mode;

    fn workers() -> Vec<Option<usize>> {
        current().into_iter().map(|config| config.all.max_workers).collect()
    }

    #[test]
    fn guards_nest_and_may_go_in_any_order() {
        let outer = scoped(|c| c.all().max_workers = Some(1));
        let inner = scoped(|c| c.all().max_workers = Some(2));
        assert_eq!(workers(), [Some(2), Some(1)]);
        drop(outer);
        assert_eq!(workers(), [Some(2)]);
        drop(inner);
        assert_eq!(workers(), []);
    }

    #[test]
    fn a_panic_restores_what_held_before() {
        let _outer = scoped(|c| c.all().max_workers = Some(1));
        let panicked = std::panic::catch_unwind(|| {
            let _inner = scoped(|c| c.all().max_workers = Some(2));
            assert_eq!(workers(), [Some(2), Some(1)]);
            panic!("on purpose");
        });
        assert!(panicked.is_err());
        assert_eq!(workers(), [Some(1)]);
        let panicked = std::panic::catch_unwind(|| drop(scoped(|_| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(workers(), [Some(1)]);
    }

    #[test]
    fn other_threads_are_not_concerned() {
        let _guard = scoped(|c| c.mode(Mode::Thread).max_workers = Some(3));
        assert_eq!(std::thread::scope(|scope| scope.spawn(|| current().len()).join().unwrap()), 0);
        assert_eq!(current()[0].modes[Mode::Thread as usize].max_workers, Some(3));
    }
}
