//! What is given up is let go of then: the arguments of calls that are cancelled, the results of gathers and maps that
//! are dropped half way.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{eventually_is, next};

#[derive(Default)]
struct Holder;

/// What a test counts: one for itself, one for each place that holds it.
type Token = Arc<()>;

#[worker(local)]
impl Holder {
    /// Says that it is inside, and stays until it is told or nobody is there to tell.
    pub fn stay(&self, inside: Sender<()>, go: Receiver<()>) {
        inside.send(()).unwrap();
        let _ = go.recv();
    }

    pub fn give_back(&self, token: Token) -> Token {
        token
    }
}

#[task(local)]
fn give_back(token: Token) -> Token {
    token
}

/// Pools of one worker in which calls wait in every place that there is: the worker's own line, or the lane's queue.
fn pools() -> Vec<HolderClient> {
    let of = |mode: Mode| Holder::options().mode(mode);
    [of(Mode::Thread), of(Mode::Thread).max_queued_tasks(1), of(Mode::Async), of(Mode::Async).max_queued_tasks(1)]
        .map(|options| options.init().unwrap())
        .into()
}

/// A call that keeps the worker of `pool` busy until the sender goes.
fn busy(pool: &HolderClient) -> (TaskFuture<()>, Sender<()>) {
    let (inside, is_inside) = channel();
    let (go, told) = channel();
    let stay = pool.stay(inside, told);
    next(&is_inside);
    (stay, go)
}

#[test]
fn ten_thousand_calls_that_are_cancelled_let_go_of_their_arguments_with_the_worker_still_busy() {
    const CALLS: usize = 10_000;
    for pool in pools() {
        let (stay, go) = busy(&pool);
        let token = Token::default();
        let futures: Vec<_> = (0..CALLS).map(|_| pool.give_back(token.clone())).collect();
        assert_eq!(Arc::strong_count(&token), 1 + CALLS);
        for (cancelled, future) in futures.iter().enumerate() {
            assert!(future.cancel());
            assert_eq!(Arc::strong_count(&token), CALLS - cancelled, "{pool:?}");
        }
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued), (0, CALLS as u64, 0), "{pool:?}");
        assert!(!stay.is_done());
        for future in futures {
            assert!(matches!(future.result(), Err(Error::Cancelled { .. })));
        }
        drop(go);
        stay.result().unwrap();
        pool.stop().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

#[test]
fn a_gather_that_is_dropped_half_way_leaks_nothing() {
    const CALLS: usize = 5_000;
    for pool in pools() {
        let tokens: Vec<Token> = (0..CALLS).map(|_| Token::default()).collect();
        let mut results = gather(tokens.iter().map(|token| pool.give_back(token.clone()))).as_completed();
        for _ in 0..CALLS / 2 {
            results.next().unwrap().1.unwrap();
        }
        drop(results);
        // Those that were left are not cancelled; their values go as they come.
        pool.wait_idle();
        let held = || tokens.iter().filter(|token| Arc::strong_count(token) > 1).count();
        eventually_is("tokens that somebody holds", 0, held);
        assert_eq!(pool.stats().completed, CALLS as u64, "{pool:?}");

        // One that has begun to wait, and is left by an error.
        let (stay, go) = busy(&pool);
        let mut futures: Vec<_> = tokens.iter().map(|token| pool.give_back(token.clone())).collect();
        let cancelled = futures.swap_remove(CALLS / 2);
        assert!(cancelled.cancel());
        futures.push(cancelled);
        assert!(matches!(gather(futures).results(), Err(Error::Cancelled { .. })));
        drop(go);
        stay.result().unwrap();
        pool.wait_idle();
        eventually_is("tokens that somebody holds", 0, held);
        pool.stop().unwrap();
    }
}

#[test]
fn a_slow_consumer_holds_the_input_back_and_a_map_that_is_dropped_lets_go_of_all() {
    for unordered in [false, true] {
        for mode in [Mode::Thread, Mode::Async] {
            let pool = give_back::options().mode(mode).max_workers(2).init().unwrap();
            let (token, mut drawn) = (Token::default(), 0);
            let inputs = std::iter::repeat_with(|| {
                drawn += 1;
                token.clone()
            });
            let mut taken: Vec<Token> = Vec::new();
            {
                let mut next: Box<dyn FnMut() -> Token> = if unordered {
                    let mut results = pool.map_unordered(inputs);
                    Box::new(move || results.next().unwrap().1.unwrap())
                } else {
                    let mut results = pool.map(inputs);
                    Box::new(move || results.next().unwrap().unwrap())
                };
                for _ in 0..10 {
                    taken.extend((0..20).map(|_| next()));
                    // All that was drawn is done, and the consumer takes its time.
                    pool.wait_idle();
                    eventually_is("calls", (0, 0), || (pool.stats().queued, pool.stats().in_flight));
                }
            }
            assert!((200..=200 + 256).contains(&drawn), "{mode}: {drawn} were drawn for 200 results");
            pool.wait_idle();
            let stats = pool.stats();
            assert_eq!(stats.completed + stats.failed, drawn, "{mode}");
            eventually_is("tokens", 201, || Arc::strong_count(&token));
            pool.stop().unwrap();
        }
    }
}
