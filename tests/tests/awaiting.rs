//! `.await` on futures of calls, under executors of all kinds, whatever the mode of the pool.

use std::future::Future;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};

#[derive(Default)]
struct Sums {
    sum: u64,
}

#[worker]
impl Sums {
    pub(crate) fn add(&mut self, by: u64) -> u64 {
        self.sum += by;
        self.sum
    }

    pub(crate) fn double(&self, x: u64) -> Result<u64, String> {
        x.checked_mul(2).ok_or_else(|| "too big".to_owned())
    }

    pub(crate) async fn later(&self, x: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        x
    }

    pub(crate) fn blow(&self) {
        panic!("as planned");
    }

    pub(crate) fn wait_for_cancel(&self, context: &CallContext) -> bool {
        while !context.is_cancelled() {
            std::thread::yield_now();
        }
        true
    }
}

async fn awaits(mode: Mode) {
    let pool = Sums::options().mode(mode).init().unwrap();
    assert_eq!(pool.add(1u64).await.unwrap(), 1, "{mode}");
    let (first, second) = (pool.add(1u64), pool.add(1u64));
    assert_eq!((second.await.unwrap(), first.await.unwrap()), (3, 2), "{mode}");
    assert!(pool.double(u64::MAX).await.unwrap_err().to_string().contains("too big"), "{mode}");
    assert!(matches!(pool.blow().await, Err(Error::Panicked { .. })), "{mode}");
    // In a chain, in a gather, in both.
    assert_eq!(pool.double(pool.double(pool.add(1u64))).await.unwrap(), 4, "{mode}");
    let many = gather((0..100u64).map(|x| pool.double(x))).await.unwrap();
    assert_eq!(many, (0..100).map(|x| 2 * x).collect::<Vec<_>>(), "{mode}");
    let (x, y) = gather((pool.double(1u64), pool.blow())).await.map_or_else(|error| (1, error), |_| panic!("{mode}"));
    assert!(x == 1 && matches!(y, Error::Panicked { .. }), "{mode}: {y:?}");
    pool.stop().unwrap();
    assert!(matches!(pool.add(1u64).await, Err(Error::Stopped { .. })), "{mode}");
}

/// What does not run inline, and `async` methods, which mode `sync` refuses inside a runtime of one thread.
async fn awaits_elsewhere(mode: Mode) {
    let pool = Sums::options().mode(mode).max_workers(2).init().unwrap();
    assert_eq!(pool.later(7u64).await.unwrap(), 7, "{mode}");
    assert_eq!(gather((0..50u64).map(|x| pool.later(x))).await.unwrap(), (0..50).collect::<Vec<_>>(), "{mode}");
    if mode != Mode::Async {
        let busy = pool.worker(0).wait_for_cancel();
        let late = gather([pool.worker(0).double(1u64)]).timeout(Duration::from_millis(5)).await;
        assert!(matches!(late, Err(Error::TimedOut { scope: TimeoutScope::Wait, .. })), "{mode}: {late:?}");
        busy.cancel();
        match busy.await {
            Ok(told) => assert!(told, "{mode}"),
            Err(error) => assert!(matches!(error, Error::Cancelled { .. }), "{mode}: {error}"),
        }
    }
    assert_eq!(pool.later(pool.double(pool.later(4u64))).await.unwrap(), 8, "{mode}");
    pool.stop().unwrap();
}

async fn everything() {
    awaits(Mode::Sync).await;
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        awaits(mode).await;
        awaits_elsewhere(mode).await;
    }
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn under_tokio_on_one_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(everything());
}

#[test]
fn under_tokio_on_several_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(everything());
    // As a task, which goes from thread to thread.
    runtime.block_on(runtime.spawn(is_send(awaits_elsewhere(Mode::Thread)))).unwrap();
    runtime.block_on(runtime.spawn(is_send(awaits(Mode::Process)))).unwrap();
}

#[tokio::test]
async fn beside_other_tasks_of_tokio() {
    let pool = Sums::options().mode(Mode::Thread).init().unwrap();
    let busy = pool.wait_for_cancel();
    let queued = pool.double(4u64);
    let won = tokio::select! {
        _ = queued => "the call",
        () = tokio::task::yield_now() => "the other",
    };
    assert_eq!(won, "the other");
    busy.cancel();
    let _ = busy.await;
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), pool.double(5u64)).await.unwrap().unwrap(), 10);
    pool.stop().unwrap();
}

#[test]
fn under_smol() {
    smol::block_on(everything());
    let executor = smol::Executor::new();
    let task = executor.spawn(is_send(awaits(Mode::Thread)));
    smol::block_on(executor.run(task));
}

#[test]
fn under_the_executors_of_futures() {
    futures::executor::block_on(everything());
    let mut pool = futures::executor::LocalPool::new();
    pool.run_until(awaits(Mode::Async));
    let joined = futures::executor::block_on(async {
        let sums = Sums::options().mode(Mode::Thread).init().unwrap();
        let joined = futures::future::join_all((0..10u64).map(|x| sums.double(x))).await;
        sums.stop().unwrap();
        joined
    });
    assert_eq!(joined.into_iter().sum::<concurry::Result<u64>>().unwrap(), 90);
}
