//! The link as a whole: both ways, with a ring and without.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use nix::sys::eventfd::EventFd;

use super::socket::{Inbox, ring_bell};
use super::*;
use crate::wire::frame::{HEAD, Head, Kind, MOST};

const SIZES: [usize; 9] = [0, 1, 100, (64 << 10) - HEAD, 64 << 10, 3 * (64 << 10) + 7, (1 << 20) - HEAD, 9 << 20, 2];

type Frame = (Head, Vec<u8>);

/// What a link carries, by a ring or without one.
struct Ends {
    down: Down,
    up: Up,
    worker: Arc<WorkerEnd>,
    bell: EventFd,
}

fn ends(with_ring: bool) -> Ends {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    let ours = Arc::new(ours);
    let (memory, other) = if with_ring {
        let (memory, file) = Memory::new().unwrap();
        (Some(memory), Some(Memory::open(&file).unwrap()))
    } else {
        (None, None)
    };
    Ends {
        down: Down::new(ours.clone(), memory.clone()),
        up: Up::new(ours, memory, MOST),
        worker: Arc::new(WorkerEnd::new(theirs, other)),
        bell: EventFd::new().unwrap(),
    }
}

impl Ends {
    /// Reads the next frame as a driver's reader does, writing what waits to be written; `None` at the end.
    fn read(&mut self, outbox: &mut Outbox) -> Option<(Head, Vec<u8>)> {
        loop {
            if let Some(frame) = self.up.next(Ok).unwrap() {
                return Some(frame);
            }
            let full = !outbox.flush(&mut self.down).unwrap();
            self.down.tell(full);
            if self.up.spin(|| false) {
                continue;
            }
            if self.up.wait(std::os::fd::AsFd::as_fd(&self.bell), full).unwrap() == Arrival::End {
                return self.up.next(Ok).unwrap();
            }
        }
    }
}

fn payload(id: u64, size: usize) -> Vec<u8> {
    (0..size).map(|at| (at as u64).wrapping_mul(id + 3) as u8).collect()
}

/// A worker that sends back what it gets, on a thread, and its guard on another.
fn echo(worker: &Arc<WorkerEnd>) -> (std::thread::JoinHandle<()>, std::thread::JoinHandle<()>) {
    let got: Arc<Mutex<VecDeque<Frame>>> = Arc::default();
    let (own, queue) = (worker.clone(), got.clone());
    let guard = std::thread::spawn(move || {
        own.guard(&mut |head, bytes| {
            queue.lock().unwrap().push_back((head, bytes));
            own.wake();
        })
        .unwrap();
    });
    let own = worker.clone();
    let runner = std::thread::spawn(move || {
        loop {
            let next = got.lock().unwrap().pop_front();
            match next {
                Some((head, _)) if head.kind == Kind::Stop => return,
                Some((head, bytes)) => own.tell(Head { kind: Kind::Value, ..head }, &bytes).unwrap(),
                None => {
                    let some = || !got.lock().unwrap().is_empty();
                    own.attend(&mut |head, bytes| got.lock().unwrap().push_back((head, bytes)), some).unwrap();
                    own.sleep(some);
                }
            }
        }
    });
    (runner, guard)
}

#[test]
fn frames_of_all_sizes_cross_both_ways_whole_and_in_order() {
    for with_ring in [false, true] {
        let mut ends = ends(with_ring);
        let (runner, guard) = echo(&ends.worker);
        let mut outbox = Outbox::default();
        for round in 0..3 {
            for (at, &size) in SIZES.iter().enumerate() {
                let id = round * 100 + at as u64;
                outbox.frame(Head::about(Kind::Call, id, size), &payload(id, size));
            }
            for (at, &size) in SIZES.iter().enumerate() {
                let id = round * 100 + at as u64;
                let (head, bytes) = ends.read(&mut outbox).unwrap();
                assert_eq!((head.id, bytes.len()), (id, size), "{with_ring}");
                assert!(bytes == payload(id, size), "{id} {with_ring}");
            }
        }
        outbox.frame(Head::plain(Kind::Stop, 0), &[]);
        assert!(outbox.flush(&mut ends.down).unwrap());
        ends.down.tell(false);
        runner.join().unwrap();
        drop(ends);
        guard.join().unwrap();
    }
}

#[test]
fn a_hundred_thousand_turns_lose_no_wakeup() {
    let mut ends = ends(true);
    let (runner, guard) = echo(&ends.worker);
    let mut outbox = Outbox::default();
    for id in 0..100_000 {
        assert!(ends.down.put_frame(Head::about(Kind::Call, id, 3), b"abc").unwrap());
        ends.down.tell(id % 3 == 0);
        if id % 1000 == 0 {
            // Both sides fall asleep now and then.
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        assert_eq!(ends.read(&mut outbox).unwrap().0.id, id);
    }
    assert!(ends.down.put_frame(Head::plain(Kind::Stop, 0), &[]).unwrap());
    ends.down.tell(false);
    runner.join().unwrap();
    drop(ends);
    guard.join().unwrap();
}

#[test]
fn a_busy_workers_guard_hears_what_is_urgent_and_what_is_in_the_way() {
    let mut ends = ends(true);
    let (told, heard) = std::sync::mpsc::channel();
    let own = ends.worker.clone();
    let guard = std::thread::spawn(move || own.guard(&mut |head, _| told.send(head.id).unwrap()).unwrap());
    let limit = std::time::Duration::from_secs(60);
    // Nobody attends, as when a method runs.
    assert!(ends.down.put_frame(Head::about(Kind::Call, 1, 0), &[]).unwrap());
    ends.down.tell(false);
    assert!(ends.down.put_frame(Head::about(Kind::Cancel, 2, 0), &[]).unwrap());
    ends.down.tell(true);
    assert_eq!(heard.recv_timeout(limit).unwrap(), 1);
    assert_eq!(heard.recv_timeout(limit).unwrap(), 2);
    // More than the ring holds.
    let mut outbox = Outbox::default();
    outbox.frame(Head::about(Kind::Call, 3, 5 << 20), &vec![7; 5 << 20]);
    while !outbox.flush(&mut ends.down).unwrap() {
        ends.down.tell(true);
        assert_eq!(ends.up.wait(std::os::fd::AsFd::as_fd(&ends.bell), true).unwrap(), Arrival::Some);
        assert!(ends.up.next(Ok).unwrap().is_none());
    }
    ends.down.tell(true);
    assert_eq!(heard.recv_timeout(limit).unwrap(), 3);
    drop(ends);
    guard.join().unwrap();
}

#[test]
fn what_was_published_before_the_end_is_still_read() {
    let mut ends = ends(true);
    ends.worker.tell(Head::about(Kind::Value, 9, 2), b"ok").unwrap();
    let Ends { worker, .. } = &mut ends;
    *worker = Arc::new(WorkerEnd::new(UnixStream::pair().unwrap().0, None));
    assert_eq!(ends.up.next(Ok).unwrap().unwrap().0.id, 9);
    assert!(ends.up.next(Ok).unwrap().is_none());
    assert_eq!(ends.up.wait(std::os::fd::AsFd::as_fd(&ends.bell), false).unwrap(), Arrival::End);
}

#[test]
fn rubbish_is_an_error_and_no_panic() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut &ours, &[255; 100]).unwrap();
    let mut inbox = Inbox::new(false, MOST);
    inbox.read(&theirs).unwrap();
    assert!(inbox.next().is_err());
    // The same in a ring.
    let ends = ends(true);
    let Ends { mut up, worker, .. } = ends;
    let head = Head { length: usize::MAX, ..Head::plain(Kind::Value, 0) };
    worker.tell(head, &[]).unwrap();
    assert!(up.next(Ok).is_err());
}

#[test]
fn bells_are_never_in_the_way() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    for _ in 0..1_000_000 {
        ring_bell(&ours);
    }
    let mut inbox = Inbox::new(true, MOST);
    inbox.read(&theirs).unwrap();
    assert_eq!(inbox.next().unwrap().unwrap().0.kind, Kind::Bell);
}

#[test]
fn a_connection_between_machines_that_broke_off_has_not_ended() {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    for (unread, last) in [(false, Arrival::End), (true, Arrival::Torn)] {
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut theirs = listener.accept().unwrap().0;
        theirs.write_all(&Head::plain(Kind::Bell, 0).to_bytes()).unwrap();
        if unread {
            ours.write_all(b"nobody reads this").unwrap();
            theirs.peek(&mut [0]).unwrap();
        }
        let mut inbox = Inbox::new(false, MOST);
        let ours = UnixStream::from(OwnedFd::from(ours));
        assert_eq!(inbox.read(&ours).unwrap(), Arrival::Some);
        drop(theirs);
        assert_eq!(inbox.read(&ours).unwrap(), last);
        assert_eq!(inbox.next().unwrap().unwrap().0.kind, Kind::Bell);
    }
}
