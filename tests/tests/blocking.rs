//! A worker that would wait for itself is told so, whatever it waits with.

use std::sync::OnceLock;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::LONG;

/// Calls its own pool, and another.
#[derive(Default)]
struct Caller;

static LOOP: OnceLock<CallerClient> = OnceLock::new();
static THREAD: OnceLock<CallerClient> = OnceLock::new();
static PAIR: OnceLock<CallerClient> = OnceLock::new();
static OTHER: OnceLock<CallerClient> = OnceLock::new();

fn pool_of(which: &str) -> &'static CallerClient {
    match which {
        "loop" => LOOP.get_or_init(|| Caller::options().mode(Mode::Async).init().unwrap()),
        "thread" => THREAD.get_or_init(|| Caller::init().unwrap()),
        "pair" => PAIR.get_or_init(|| Caller::options().mode(Mode::Async).max_workers(2).init().unwrap()),
        _ => OTHER.get_or_init(|| Caller::init().unwrap()),
    }
}

#[worker(mode = "thread")]
impl Caller {
    pub(crate) fn one(&self) -> u32 {
        1
    }

    pub(crate) fn plus(&self, x: u32) -> u32 {
        x + 1
    }

    pub(crate) fn result(&self, which: &str) -> concurry::Result<u32> {
        pool_of(which).one().result()
    }

    pub(crate) async fn result_async(&self, which: &str) -> concurry::Result<u32> {
        pool_of(which).one().result()
    }

    pub(crate) fn mapped(&self, which: &str) -> concurry::Result<u32> {
        pool_of(which).one().map(|x| x + 1).result()
    }

    /// The call is another pool's; its argument is not.
    pub(crate) fn chained(&self, which: &str) -> concurry::Result<u32> {
        pool_of("other").plus(pool_of(which).one()).result()
    }

    pub(crate) fn chained_back(&self, which: &str) -> concurry::Result<u32> {
        pool_of(which).plus(pool_of("other").one()).result()
    }

    pub(crate) fn within(&self, which: &str) -> (String, String) {
        let mut future = pool_of(which).one();
        let first = future.result_within(LONG).unwrap_err().to_string();
        (first, future.result_within(LONG).unwrap_err().to_string())
    }

    pub(crate) fn gathered(&self, which: &str) -> concurry::Result<Vec<u32>> {
        let mut futures: Vec<_> = (0..3).map(|_| pool_of("other").one()).collect();
        futures.push(pool_of(which).one());
        gather(futures).results()
    }

    /// How many came to a value, and how many were refused.
    pub(crate) fn settled(&self, which: &str) -> (usize, usize) {
        let futures: Vec<_> = (0..6).map(|index| pool_of(if index % 2 == 0 { "other" } else { which }).one()).collect();
        let settled = gather(futures).settled();
        let refused = |result: &&concurry::Result<u32>| matches!(result, Err(Error::Unsupported { .. }));
        (settled.iter().filter(|result| result.is_ok()).count(), settled.iter().filter(refused).count())
    }

    pub(crate) fn tuple(&self, which: &str) -> concurry::Result<(u32, u32)> {
        gather((pool_of("other").one(), pool_of(which).one())).results()
    }

    pub(crate) fn completed(&self, which: &str) -> (usize, usize) {
        let futures = [pool_of(which).one(), pool_of("other").one()];
        let results: Vec<_> = gather(futures).as_completed().map(|(_, result)| result.is_ok()).collect();
        (results.iter().filter(|ok| **ok).count(), results.len())
    }

    pub(crate) fn waited(&self, which: &str) -> (usize, usize) {
        let futures = [pool_of(which).one(), pool_of("other").one()];
        let Waited { done, pending } = wait(futures, ReturnWhen::AllCompleted, None);
        (done.len(), pending.len())
    }

    pub(crate) fn unordered(&self, which: &str) -> (usize, usize) {
        let results: Vec<_> =
            concurry::map_unordered(0..4, |index| pool_of(if index % 2 == 0 { "other" } else { which }).one())
                .collect();
        (results.iter().filter(|(_, result)| result.is_ok()).count(), results.len())
    }

    pub(crate) fn idle(&self, which: &str) {
        pool_of(which).wait_idle();
    }

    pub(crate) async fn awaited(&self, which: &str) -> concurry::Result<u32> {
        let one = pool_of(which).one().await?;
        Ok(one + gather([pool_of(which).one(), pool_of(which).one()]).await?.iter().sum::<u32>())
    }
}

fn refused<T: std::fmt::Debug>(result: concurry::Result<T>, remedy: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("Caller::one") && text.contains(remedy), "{text}");
}

fn each_way_of_waiting(which: &str, remedy: &str) {
    let pool = pool_of(which);
    refused(pool.result(which).result(), remedy);
    refused(pool.result_async(which).result(), remedy);
    refused(pool.mapped(which).result(), remedy);
    refused(pool.chained(which).result(), remedy);
    let error = pool.chained_back(which).result().unwrap_err();
    assert!(error.to_string().contains("Caller::plus"), "{error}");
    let (first, again) = pool.within(which).result().unwrap();
    assert!(first.contains("Caller::one") && first.contains(remedy), "{first}");
    assert_eq!(first, again, "the future is usable still");
    refused(pool.gathered(which).result(), remedy);
    refused(pool.tuple(which).result(), remedy);
    assert_eq!(pool.settled(which).result().unwrap(), (3, 3));
    assert_eq!(pool.completed(which).result().unwrap(), (1, 2));
    assert_eq!(pool.waited(which).result().unwrap(), (1, 1));
    assert_eq!(pool.unordered(which).result().unwrap(), (2, 4));
    pool.idle(which).result().unwrap();
    // None of that has been in the way of anything.
    assert_eq!(pool.result("other").result().unwrap(), 1);
    assert_eq!(pool.gathered("other").result().unwrap(), [1; 4]);
    pool.wait_idle();
}

#[test]
fn an_event_loop_does_not_block_on_itself() {
    each_way_of_waiting("loop", "`.await`");
    assert_eq!(pool_of("loop").awaited("loop").result().unwrap(), 3);
}

#[test]
fn a_thread_does_not_block_on_itself() {
    each_way_of_waiting("thread", "another pool");
}

#[test]
fn a_worker_may_wait_for_another_of_its_pool() {
    let pair = pool_of("pair");
    // Round robin: the first is asked, and asks the second.
    assert_eq!(pair.result("pair").result().unwrap(), 1);
    pair.stop().unwrap();
}

#[test]
fn a_runtime_of_somebody_elses_may_be_blocked() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let pool = Caller::options().mode(Mode::Async).init().unwrap();
    runtime.block_on(async {
        assert_eq!(pool.one().result().unwrap(), 1);
        assert_eq!(pool.one().result_within(Duration::from_secs(60)).unwrap(), 1);
        assert_eq!(gather([pool.one(), pool.one()]).results().unwrap(), [1, 1]);
        pool.stop().unwrap();
    });
}
