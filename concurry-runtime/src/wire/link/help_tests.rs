//! Who helps the reader: nothing is taken twice, and nothing is left lying while everybody sleeps.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::*;
use crate::wire::frame::{Head, Kind, MOST};

/// What has come, by whoever took it.
#[derive(Default)]
struct Board {
    came: Mutex<BTreeSet<u64>>,
    changed: Condvar,
    twice: AtomicBool,
    by_helpers: AtomicU64,
}

impl Board {
    fn note(&self, id: u64) {
        if !self.came.lock().unwrap().insert(id) {
            self.twice.store(true, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    fn has(&self, id: u64) -> bool {
        self.came.lock().unwrap().contains(&id)
    }

    fn await_id(&self, id: u64) {
        let limit = Duration::from_secs(60);
        let came = self.came.lock().unwrap();
        let waited = self.changed.wait_timeout_while(came, limit, |came| !came.contains(&id)).unwrap();
        assert!(!waited.1.timed_out(), "{id} is left lying");
    }
}

/// As a thread that waits for `id` helps: it may take the values whose ids are even.
fn help(reading: &Reading, board: &Board, bell: &EventFd, id: u64, patience: Duration) {
    reading.begin_help();
    let end = Instant::now() + patience;
    let mut wake = false;
    while !wake && !board.has(id) && Instant::now() < end {
        if !reading.has_news() {
            std::hint::spin_loop();
            continue;
        }
        match reading.help(|head| (head.id % 2 == 0).then_some(head.id)) {
            Help::Value(id, bytes) => {
                assert_eq!(bytes, id.to_le_bytes());
                board.by_helpers.fetch_add(1, Ordering::Relaxed);
                board.note(id);
            }
            Help::Nothing => {}
            Help::ForReader => wake = true,
        }
    }
    if reading.end_help() || wake {
        bell.write(1).unwrap();
    }
}

#[test]
fn a_helper_leaves_nothing_behind() {
    const CALLERS: u64 = 3;
    const EACH: u64 = 10_000;
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let ours = Arc::new(ours);
    let (memory, file) = Memory::new().unwrap();
    let worker = Arc::new(WorkerEnd::new(theirs, Some(Memory::open(&file).unwrap())));
    let mut up = Up::new(ours, Some(memory), MOST);
    let reading = up.reading().unwrap();
    let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap();
    let board = Board::default();
    std::thread::scope(|scope| {
        // The reader, until the worker's end is gone.
        scope.spawn(|| {
            let take_all = |up: &mut Up| {
                while let Some((head, bytes)) = up.next(Ok).unwrap() {
                    assert_eq!(bytes, head.id.to_le_bytes());
                    board.note(head.id);
                }
            };
            loop {
                take_all(&mut up);
                if up.spin(|| false) {
                    continue;
                }
                if up.wait(bell.as_fd(), false).unwrap() == Arrival::End {
                    return take_all(&mut up);
                }
                let _ = bell.read();
            }
        });
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (worker, reading, board, bell) = (worker.clone(), &reading, &board, &bell);
                scope.spawn(move || {
                    for at in 0..EACH {
                        let id = at * CALLERS + caller;
                        // The worker is asked by its end here: what matters is who reads.
                        worker.tell(Head::about(Kind::Value, id, 8), &id.to_le_bytes()).unwrap();
                        if at % 5 != 0 {
                            help(reading, board, bell, id, Duration::from_micros(at % 30));
                        }
                        board.await_id(id);
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.join().unwrap();
        }
        drop(worker);
    });
    assert!(!board.twice.load(Ordering::Relaxed), "something was taken twice");
    assert_eq!(board.came.lock().unwrap().len() as u64, CALLERS * EACH);
    assert!(board.by_helpers.load(Ordering::Relaxed) > 0, "nobody helped");
}

/// What makes no sense is the reader's, and after it nothing is taken by anybody else.
#[test]
fn nonsense_is_for_the_reader() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (memory, file) = Memory::new().unwrap();
    let worker = WorkerEnd::new(theirs, Some(Memory::open(&file).unwrap()));
    let mut up = Up::new(Arc::new(ours), Some(memory), 100);
    let reading = up.reading().unwrap();
    worker.tell(Head::about(Kind::Value, 2, 0), &[]).unwrap();
    worker.tell(Head::about(Kind::Value, 4, 101), &[0; 101]).unwrap();
    worker.tell(Head::about(Kind::Value, 6, 0), &[]).unwrap();
    assert!(matches!(reading.help(|head| Some(head.id)), Help::Value(2, _)));
    assert!(matches!(reading.help(|head| Some(head.id)), Help::ForReader));
    assert!(matches!(reading.help(|head| Some(head.id)), Help::ForReader));
    assert!(up.next(Ok).is_err());
    assert!(matches!(reading.help(|head| Some(head.id)), Help::ForReader));
}
