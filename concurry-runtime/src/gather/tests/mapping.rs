//! `map` and `map_unordered`: order, look-ahead, and what a drop leaves behind.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;

use super::*;
use crate::gather::{map, map_unordered};

#[test]
fn results_come_in_order_and_errors_in_place() {
    let results = map(0..5, |x: i32| TaskFuture::settled(if x == 2 { Err(oops("two")) } else { Ok(x) }));
    assert_eq!(results.len(), 5);
    let found: Vec<_> = results.map(|result| result.ok()).collect();
    assert_eq!(found, [Some(0), Some(1), None, Some(3), Some(4)]);
    assert!(map(0..9, TaskFuture::ready).collect::<Result<Vec<_>>>().is_ok());
    assert!(map_unordered(Vec::new(), TaskFuture::<u8>::ready).next().is_none());
}

#[test]
fn what_is_there_at_once_is_drawn_one_by_one() {
    let drawn = Cell::new(0);
    let mut results = map((0..).inspect(|_| drawn.set(drawn.get() + 1)), TaskFuture::ready);
    assert_eq!(drawn.get(), 0);
    for turn in 1..1000 {
        results.next().unwrap().unwrap();
        assert_eq!(drawn.get(), turn);
    }
    let mut results = map_unordered((0..).inspect(|_| drawn.set(drawn.get() + 1)), TaskFuture::ready);
    drawn.set(0);
    for turn in 1..1000 {
        let (index, result) = results.next().unwrap();
        assert_eq!((index, result.unwrap(), drawn.get()), (turn - 1, turn - 1, turn));
    }
}

/// A call that a test settles; the calls made so far.
type Calls = Rc<RefCell<Vec<Arc<Promise<usize>>>>>;

fn calls() -> (Calls, impl FnMut(usize) -> TaskFuture<usize>) {
    let calls: Calls = Rc::default();
    let made = calls.clone();
    (calls, move |_| {
        let (promise, future) = promise();
        made.borrow_mut().push(promise);
        future
    })
}

#[test]
fn the_look_ahead_is_bounded_and_the_window_slides() {
    for bound in [1usize, 3, 256] {
        let (made, mut call) = calls();
        let settle_last = made.clone();
        // The first result comes only once the window is full: by then the bound is reached, or nothing ever comes.
        let call = move |x| {
            let future = call(x);
            if x + 1 == bound {
                settle_last.borrow()[0].settle(Ok(0));
            }
            future
        };
        let mut results = map(0.., call).look_ahead(bound);
        assert_eq!(results.next().unwrap().unwrap(), 0);
        assert_eq!(made.borrow().len(), bound);
        drop(results);
        let made = made.borrow();
        assert!(made[1..].iter().all(|promise| promise.slot().cancelled() == Some(true)));
        assert!(made.iter().all(|promise| Arc::strong_count(promise) == 1));
    }
}

#[test]
fn unordered_gives_what_is_there() {
    let (made, mut call) = calls();
    let settle = made.clone();
    let call = move |x| {
        let future = call(x);
        if x == 3 {
            for index in [2, 1] {
                settle.borrow()[index].settle(Ok(index * 10));
            }
        }
        future
    };
    let mut results = map_unordered(0.., call).look_ahead(4);
    let (index, result) = results.next().unwrap();
    assert_eq!((index, result.unwrap(), made.borrow().len()), (2, 20, 4));
    // The place of the one that left is taken by a fifth call.
    let (index, result) = results.next().unwrap();
    assert_eq!((index, result.unwrap(), made.borrow().len()), (1, 10, 5));
    made.borrow()[4].settle(Ok(40));
    assert_eq!(results.next().unwrap().0, 4);
    drop(results);
    let made = made.borrow();
    for promise in [&made[0], &made[3], &made[5]] {
        assert_eq!((promise.slot().cancelled(), promise.slot().watchers()), (Some(true), 0));
    }
    assert!(made.iter().all(|promise| Arc::strong_count(promise) == 1));
}

#[test]
fn every_index_comes_once() {
    let (to, from) = std::sync::mpsc::channel::<Arc<Promise<usize>>>();
    let other = thread::spawn(move || {
        let mut held = None;
        // Out of order: each is settled after the one that follows it.
        for (turn, promise) in from.into_iter().enumerate() {
            if turn % 2 == 0 {
                held = Some((turn, promise));
            } else {
                promise.settle(Ok(turn));
                if let Some((turn, promise)) = held.take() {
                    promise.settle(Ok(turn));
                }
            }
        }
    });
    let call = |_| {
        let (promise, future) = promise();
        to.send(promise).unwrap();
        future
    };
    let mut seen = vec![0; 10_000];
    for (index, result) in map_unordered(0..10_000, call).look_ahead(64) {
        assert_eq!(result.unwrap(), index);
        seen[index] += 1;
    }
    drop(to);
    other.join().unwrap();
    assert!(seen.iter().all(|&count| count == 1));
}
