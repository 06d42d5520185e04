//! Loom's atomics. Loom takes what is sequentially consistent for less than that, but for fences; so here each such step
//! has one on either side.

use std::ops::Deref;

pub(super) use loom::sync::atomic::{Ordering, fence};

macro_rules! strict {
    ($name:ident, $number:ty) => {
        pub(super) struct $name(loom::sync::atomic::$name);

        #[allow(dead_code, reason = "each has some of these")]
        impl $name {
            pub(super) fn new(value: $number) -> Self {
                $name(loom::sync::atomic::$name::new(value))
            }

            fn strictly<T>(order: Ordering, step: impl FnOnce() -> T) -> T {
                if order != Ordering::SeqCst {
                    return step();
                }
                fence(order);
                let done = step();
                fence(order);
                done
            }

            pub(super) fn load(&self, order: Ordering) -> $number {
                Self::strictly(order, || self.0.load(order))
            }

            pub(super) fn swap(&self, value: $number, order: Ordering) -> $number {
                Self::strictly(order, || self.0.swap(value, order))
            }

            pub(super) fn fetch_add(&self, value: $number, order: Ordering) -> $number {
                Self::strictly(order, || self.0.fetch_add(value, order))
            }

            pub(super) fn fetch_sub(&self, value: $number, order: Ordering) -> $number {
                Self::strictly(order, || self.0.fetch_sub(value, order))
            }

            pub(super) fn compare_exchange(
                &self,
                from: $number,
                to: $number,
                order: Ordering,
                otherwise: Ordering,
            ) -> Result<$number, $number> {
                Self::strictly(order, || self.0.compare_exchange(from, to, order, otherwise))
            }
        }
    };
}

strict!(AtomicU8, u8);
strict!(AtomicU64, u64);
strict!(AtomicUsize, usize);

/// No cache, no padding.
pub(super) struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    pub(super) fn new(value: T) -> Self {
        CachePadded(value)
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
