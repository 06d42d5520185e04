//! What must not wait gets to a busy worker process, however much is before it.

use concurry::prelude::*;
use concurry_tests::{Soon, eventually, freeze, thaw};

#[derive(Default)]
struct Crowded;

#[worker]
impl Crowded {
    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    pub fn swallow(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    #[worker(timeout = "20ms")]
    pub fn gulp(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    pub fn sit(&self, ctx: &CallContext) -> concurry::Result<u64> {
        let _seat = ctx.limits().acquire(("seat", 1))?;
        Ok(1)
    }
}

#[test]
fn an_answer_about_limits_passes_when_it_comes_behind_more_than_there_is_room_for() {
    let seats = LimitSet::new().resource("seat", 1);
    let pool = Crowded::options().mode(Mode::Process).limits(seats.clone()).init().unwrap();
    let worker = pool.pid().soon().unwrap();
    for round in 0..20 {
        let taken = seats.acquire(("seat", 1)).unwrap();
        let sits = pool.sit();
        eventually("it waits for the seat", || seats.stats().waiting == 1);
        freeze(worker);
        let sizes = [1 << 20, 3 << 20, 100_000 * round];
        let swallowed: Vec<_> = sizes.iter().map(|&size| pool.swallow(vec![1; size])).collect();
        drop(taken);
        thaw(worker);
        assert_eq!(sits.soon().unwrap(), 1);
        for (swallowed, size) in swallowed.into_iter().zip(sizes) {
            assert_eq!(swallowed.soon().unwrap(), size);
        }
    }
    pool.stop().unwrap();
}

#[test]
fn a_call_whose_time_is_up_while_half_of_it_is_on_its_way_costs_no_other() {
    // A worker that is ended for a call that it has begun is replaced, which is no death; one that cannot make sense of
    // what it gets dies.
    let pool = Crowded::options().mode(Mode::Process).max_restarts(0).init().unwrap();
    for round in 0..10 {
        let worker = pool.pid().soon().unwrap();
        freeze(worker);
        let late = [3 << 20, 40_000, 2 << 20].map(|size| pool.gulp(vec![1; size + round]));
        let swallowed = pool.swallow(vec![1; 100]);
        for late in late {
            let result = late.soon();
            assert!(matches!(result, Err(concurry::Error::TimedOut { .. })), "{result:?}");
        }
        let after = pool.pid();
        thaw(worker);
        assert_eq!(swallowed.soon().unwrap(), 100);
        after.soon().unwrap();
    }
    pool.stop().unwrap();
}
