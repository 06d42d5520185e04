//! Event loops leave nothing behind. Alone in its program, since it counts what the program has.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use concurry::prelude::*;
use concurry_tests::next;

#[derive(Default)]
struct Loose;

#[worker(local, mode = "async")]
impl Loose {
    pub(crate) async fn stay(&self, inside: std::sync::mpsc::Sender<()>) {
        inside.send(()).unwrap();
        std::future::pending::<()>().await;
    }

    /// Leaves tasks behind, and uses the threads for blocking work.
    pub(crate) async fn spawn(&self) -> u8 {
        tokio::task::spawn_local(std::future::pending::<()>());
        tokio::spawn(std::future::pending::<()>());
        tokio::task::spawn_blocking(|| 7).await.unwrap()
    }

    pub(crate) async fn sleep(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    pub(crate) async fn blow(&self) {
        panic!("as planned");
    }
}

fn count() -> (usize, usize) {
    // The descriptor that reads the folder is in both.
    (fs::read_dir("/proc/self/task").unwrap().count(), fs::read_dir("/proc/self/fd").unwrap().count())
}

fn once(stops: bool) {
    let pool = Loose::options().max_workers(3).init().unwrap();
    let (inside, is_inside) = channel();
    let stays: Vec<_> = (0..6).map(|_| pool.stay(inside.clone())).collect();
    for _ in 0..6 {
        next(&is_inside);
    }
    let spawned = pool.broadcast(|client| client.spawn());
    assert_eq!(gather(spawned).results().unwrap(), [7; 3]);
    gather((0..30).map(|_| pool.sleep())).results().unwrap();
    assert!(pool.blow().result().is_err());
    if stops {
        assert!(stays.iter().all(TaskFuture::cancel));
        pool.stop().unwrap();
    } else {
        pool.abort().unwrap();
    }
    assert!(gather(stays).settled().iter().all(Result::is_err));
}

#[test]
fn threads_and_files_are_given_back() {
    // What a runtime keeps for all that come after it, such as its way to hear of signals, is there from then on.
    once(true);
    let before = count();
    for round in 0..20 {
        once(round % 2 == 0);
    }
    // Threads for blocking work are told to end, and not waited for, where a pool is aborted.
    let begun = std::time::Instant::now();
    while count() != before && begun.elapsed() < concurry_tests::LONG {
        std::thread::yield_now();
    }
    assert_eq!(count(), before);
}
