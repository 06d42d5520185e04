//! What is checked of the link.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU64};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::attention::Attention;
use super::flag::Flag;
use super::lookout::Lookout;
use super::memory::{Memory, Way};
use super::ring::{RingReader, RingWriter};
use super::sync::Ordering;
use crate::check;

/// Every byte arrives once and in order, and whoever sleeps, for bytes or for room, is woken: loom finds a thread that
/// sleeps for ever.
#[test]
fn all_bytes_arrive_and_nobody_sleeps_for_ever() {
    const BYTES: [u8; 3] = [1, 2, 3];
    check(|| {
        let memory = Memory::new();
        let theirs = memory.clone();
        let reader = thread::spawn(move || {
            let mut ring = RingReader::new(theirs.clone(), Way::Down);
            let mut got = Vec::new();
            while got.len() < BYTES.len() {
                let read = ring.read(BYTES.len(), &mut got).unwrap();
                ring.release();
                theirs.full.wake();
                if read == 0 {
                    theirs.reader.announce();
                    // As the driver's reader looks: whether there is more than it has seen.
                    if theirs.head(Way::Down).load(Ordering::Relaxed) == ring.seen() {
                        theirs.reader.sleep();
                    }
                    theirs.reader.retract();
                }
            }
            got
        });
        let mut ring = RingWriter::new(memory.clone(), Way::Down);
        let mut done = 0;
        while done < BYTES.len() {
            let written = ring.write(&BYTES[done..]).unwrap();
            ring.publish();
            memory.reader.wake();
            done += written;
            if written == 0 {
                memory.full.announce();
                if ring.room(1).unwrap() == 0 {
                    memory.full.sleep();
                }
                memory.full.retract();
            }
        }
        assert_eq!(reader.join().unwrap(), BYTES);
    });
}

/// What is published while a thread stops looking is seen by it, or a bell is rung.
#[test]
fn what_is_urgent_is_seen_or_rung_for() {
    check(|| {
        let attention = Arc::new(Attention::new());
        let published = Arc::new(AtomicBool::new(false));
        let (theirs, seen) = (attention.clone(), published.clone());
        let worker = thread::spawn(move || {
            let look = theirs.look();
            let first = seen.load(Ordering::Acquire);
            drop(look);
            first || seen.load(Ordering::Acquire)
        });
        published.store(true, Ordering::Release);
        let rung = attention.call(true);
        assert!(worker.join().unwrap() || rung);
    });
}

/// A worker that goes to sleep hears of what is published, also where its guard is the one to find it first and has to
/// wake it.
#[test]
fn a_sleeping_worker_hears_of_everything() {
    check(|| {
        let attention = Arc::new(Attention::new());
        let published = Arc::new(AtomicBool::new(false));
        let queued = Arc::new(AtomicBool::new(false));
        let bell = Arc::new((Mutex::new(None), Condvar::new()));

        let (own, word, queue) = (attention.clone(), published.clone(), queued.clone());
        let worker = thread::spawn(move || {
            loop {
                let look = own.look();
                let mut ready = word.swap(false, Ordering::AcqRel);
                drop(look);
                ready |= word.swap(false, Ordering::AcqRel) || queue.load(Ordering::Acquire);
                if ready {
                    return;
                }
                own.sleep(|| word.load(Ordering::Acquire) || queue.load(Ordering::Acquire));
            }
        });
        let (own, word, queue, ring) = (attention.clone(), published.clone(), queued.clone(), bell.clone());
        let guard = thread::spawn(move || {
            let mut rung = ring.0.lock().unwrap();
            let rung = loop {
                match *rung {
                    Some(rung) => break rung,
                    None => rung = ring.1.wait(rung).unwrap(),
                }
            };
            if rung && word.swap(false, Ordering::AcqRel) {
                queue.store(true, Ordering::Release);
                own.call(false);
            }
        });
        // As an exchange, because loom may put a plain store after an exchange that has seen it.
        published.swap(true, Ordering::AcqRel);
        let rung = attention.call(true);
        *bell.0.lock().unwrap() = Some(rung);
        bell.1.notify_one();
        worker.join().unwrap();
        guard.join().unwrap();
    });
}

/// Whatever is published is taken, by the reader or by somebody who helps, and the reader does not sleep over it.
#[test]
fn nothing_is_left_lying_between_the_reader_and_who_helps() {
    check(|| {
        let (lookout, flag) = (Arc::new(Lookout::new()), Arc::new(Flag::new()));
        let published = Arc::new(AtomicU64::new(0));
        let taken = Arc::new(Mutex::new(0));
        let bell = Arc::new((Mutex::new(false), Condvar::new()));
        let ring = |bell: &(Mutex<bool>, Condvar)| {
            *bell.0.lock().unwrap() = true;
            bell.1.notify_one();
        };

        let (own, word, news, count, sleep) =
            (lookout.clone(), flag.clone(), published.clone(), taken.clone(), bell.clone());
        let reader = thread::spawn(move || {
            loop {
                {
                    let mut taken = count.lock().unwrap();
                    *taken = news.load(Ordering::Acquire);
                    if *taken == 1 {
                        return;
                    }
                }
                // Only it can have taken nothing since: whoever helps leaves the number as it is or finishes the work.
                if own.doze(&word) && news.load(Ordering::Relaxed) != 0 {
                    own.rise(&word);
                    continue;
                }
                let mut rung = sleep.0.lock().unwrap();
                while !*rung {
                    rung = sleep.1.wait(rung).unwrap();
                }
                *rung = false;
                drop(rung);
                own.rise(&word);
            }
        });
        let (own, word, news, bell_of_helper) = (lookout.clone(), flag.clone(), published.clone(), bell.clone());
        let helper = thread::spawn(move || {
            own.help(&word);
            // It meets what is not for it, or nothing.
            let met = news.load(Ordering::Acquire) != 0;
            let last = own.leave(&word);
            if met || last && news.load(Ordering::Relaxed) != 0 {
                ring(&bell_of_helper);
            }
        });
        // As an exchange, because loom may put a plain store after an exchange that has seen it.
        published.swap(1, Ordering::AcqRel);
        if flag.claim() {
            ring(&bell);
        }
        helper.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*taken.lock().unwrap(), 1);
    });
}
