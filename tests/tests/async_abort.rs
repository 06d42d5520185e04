//! Mode `async`: an abort may come at any moment of a call's way into the loop, and loses none.

use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::LONG;

#[derive(Default)]
struct Room {
    value: u64,
}

#[worker(mode = "async")]
impl Room {
    pub fn add(&mut self, by: u64) -> u64 {
        self.value += by;
        self.value
    }

    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub async fn set(&mut self, value: u64) {
        tokio::task::yield_now().await;
        self.value = value;
    }
}

#[test]
fn an_abort_at_any_moment_resolves_every_call() {
    for round in 0..300u64 {
        let pool = Room::options().max_queued_tasks(8).init().unwrap();
        let calls: Vec<_> = (0..30)
            .map(|index| match index % 3 {
                0 => pool.add(1u64).map(drop),
                1 => pool.sleep(Duration::from_micros(round % 7)),
                _ => pool.set(index),
            })
            .collect();
        for _ in 0..round {
            std::hint::spin_loop();
        }
        pool.abort().unwrap();
        for result in gather(calls).timeout(LONG).settled() {
            assert!(matches!(result, Ok(()) | Err(Error::Stopped { .. })), "{round}: {result:?}");
        }
        let stats = pool.stats();
        assert_eq!((stats.completed + stats.failed, stats.queued), (30, 0), "{round}");
    }
}
