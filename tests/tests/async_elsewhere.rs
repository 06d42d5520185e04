//! `async fn` in the modes that run one call at a time: tokio is there for them too.

use std::cell::RefCell;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, current};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Errands {
    left: RefCell<Option<JoinHandle<u64>>>,
    count: u64,
}

#[worker]
impl Errands {
    /// An `async` constructor that needs a runtime.
    pub(crate) async fn new() -> Self {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Self::default()
    }

    pub(crate) async fn sleep(&self, x: u64) -> u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let method = current().map(|context| context.method().to_owned());
        assert_eq!(method.as_deref(), Some("sleep"));
        x + 1
    }

    pub(crate) async fn add(&mut self, by: u64) -> u64 {
        tokio::task::yield_now().await;
        self.count += by;
        self.count
    }

    pub(crate) async fn spawn(&self, x: u64) -> u64 {
        let local = tokio::task::spawn_local(async move { x });
        let sent = tokio::spawn(async move { x });
        let blocking = tokio::task::spawn_blocking(move || x);
        local.await.unwrap() + sent.await.unwrap() + blocking.await.unwrap()
    }

    /// Begins what the next call waits for.
    pub(crate) async fn leave(&self, x: u64) {
        let begun = tokio::task::spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            x
        });
        *self.left.borrow_mut() = Some(begun);
    }

    pub(crate) async fn fetch(&self) -> Result<u64, String> {
        let left = self.left.borrow_mut().take().ok_or("nothing was left")?;
        left.await.map_err(|error| error.to_string())
    }

    pub(crate) async fn blow(&self) {
        tokio::task::yield_now().await;
        panic!("as planned");
    }

    pub(crate) fn plain(&self, x: u64) -> u64 {
        x
    }
}

fn errands(mode: Mode) {
    let pool = Errands::options().mode(mode).init().unwrap();
    assert_eq!(pool.sleep(1u64).result().unwrap(), 2, "{mode}");
    assert_eq!(pool.add(2u64).result().unwrap(), 2, "{mode}");
    assert_eq!(pool.add(2u64).result().unwrap(), 4, "{mode}");
    assert_eq!(pool.spawn(3u64).result().unwrap(), 9, "{mode}");
    pool.leave(7u64).result().unwrap();
    assert_eq!(pool.plain(5u64).result().unwrap(), 5, "{mode}");
    assert_eq!(pool.fetch().result().unwrap(), 7, "{mode}: what was spawned lives on between calls");
    assert!(pool.fetch().result().unwrap_err().to_string().contains("nothing was left"), "{mode}");
    assert!(matches!(pool.blow().result(), Err(Error::Panicked { .. })), "{mode}");
    assert_eq!(pool.add(1u64).result().unwrap(), 1, "{mode}: another worker");
    assert_eq!(pool.sleep(3u64).result().unwrap(), 4, "{mode}");
    pool.stop().unwrap();
}

#[test]
fn in_mode_sync() {
    errands(Mode::Sync);
}

#[test]
fn in_mode_thread() {
    errands(Mode::Thread);
}

#[test]
fn in_mode_async() {
    errands(Mode::Async);
}

#[test]
fn in_mode_process() {
    errands(Mode::Process);
}

#[test]
fn mode_sync_refuses_to_block_a_runtime_of_one_thread() {
    let refused = |error: Error, what: &str| {
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        assert!(error.to_string().contains("use mode `thread` or `async`"), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pool = Errands::options().mode(Mode::Sync).init().unwrap();
    runtime.block_on(async {
        refused(Errands::options().mode(Mode::Sync).init().unwrap_err(), "Errands::new");
        refused(pool.sleep(1u64).result().unwrap_err(), "Errands::sleep");
        assert_eq!(pool.plain(1u64).await.unwrap(), 1);
    });
    assert_eq!(pool.sleep(1u64).result().unwrap(), 2);
    pool.stop().unwrap();
}

#[test]
fn in_mode_sync_inside_a_runtime_of_several_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        errands(Mode::Sync);
        tokio::spawn(async { errands(Mode::Sync) }).await.unwrap();
    });
}
