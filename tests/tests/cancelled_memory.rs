//! Calls to processes that are cancelled give their bytes back at once. Alone in its program, since it measures what the
//! program has.

use concurry::prelude::*;
use concurry_tests::{Door, Gate, resident};

#[task(mode = "process")]
fn length(door: Option<Door>, bytes: Vec<u8>) -> usize {
    if let Some(door) = door {
        door.knock();
    }
    bytes.len()
}

const CALLS: usize = 1000;
const BYTES: usize = 16 << 10;
const ROUNDS: usize = 20;

#[test]
fn the_bytes_of_cancelled_calls_are_given_back_with_the_worker_still_busy() {
    for window in [1, 100] {
        let gate = Gate::new();
        let pool = length::options().max_queued_tasks(window).init().unwrap();
        let stay = pool.submit((Some(gate.door()), vec![]));
        let visitor = gate.visitor();
        let before = resident();
        for _ in 0..ROUNDS {
            let futures: Vec<_> = (0..CALLS).map(|_| pool.submit((None, vec![7; BYTES]))).collect();
            // The last first, so that none that waits takes the place of one that was sent.
            assert!(futures.iter().rev().all(TaskFuture::cancel));
            assert!(gather(futures).settled().iter().all(Result::is_err));
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < (3 * CALLS * BYTES) as u64, "{grown} bytes more after {ROUNDS} rounds of {CALLS} calls");
        assert!(!stay.is_done());
        visitor.pass("");
        assert_eq!(stay.result().unwrap(), 0);
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (1, (ROUNDS * CALLS) as u64, 0, 0));
        pool.stop().unwrap();
    }
}
