//! What is checked of a call's course.

use std::sync::Arc;

use loom::sync::atomic::AtomicU32;
use loom::thread;

use super::course::{Course, Phase};
use super::sync::Ordering;
use crate::check;

/// A call on its way, and what came of it.
struct Call {
    course: Course,
    /// How often each attempt was begun.
    begun: [AtomicU32; 2],
    /// How often it was settled.
    settled: AtomicU32,
}

impl Call {
    /// One whose first attempt is with a worker.
    fn sent() -> Arc<Self> {
        let course = Course::new();
        assert_eq!(course.step(Phase::Waiting, Phase::Queued), Some(1));
        assert_eq!(course.step(Phase::Queued, Phase::Sent), Some(1));
        Arc::new(Call { course, begun: Default::default(), settled: AtomicU32::new(0) })
    }

    /// A worker comes to it, and answers.
    fn run(&self, attempt: u32) {
        if self.course.begin(attempt) {
            self.begun[attempt as usize - 1].fetch_add(1, Ordering::Relaxed);
            self.settle(Some(attempt));
        }
    }

    fn settle(&self, attempt: Option<u32>) {
        if self.course.close(attempt).is_some() {
            self.settled.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It waits again, and goes to another worker, which runs it.
    fn go_on(&self) {
        if self.course.step(Phase::Waiting, Phase::Queued).is_some()
            && let Some(attempt) = self.course.step(Phase::Queued, Phase::Sent)
        {
            self.run(attempt);
        }
    }

    /// Settled once, and no attempt was begun more than once.
    fn check(&self) {
        assert_eq!(self.settled.load(Ordering::Relaxed), 1);
        assert_eq!(self.course.word().phase, Phase::Settled);
        for begun in &self.begun {
            assert!(begun.load(Ordering::Relaxed) <= 1);
        }
    }
}

/// A worker comes to a call at the moment in which it is taken back from there for another: one of them runs it.
#[test]
fn a_restart_and_an_answer() {
    check(|| {
        let call = Call::sent();
        let (theirs, ours) = (call.clone(), call.clone());
        let worker = thread::spawn(move || theirs.run(1));
        let successor = thread::spawn(move || {
            if ours.course.back(1) {
                ours.go_on();
            }
        });
        worker.join().unwrap();
        successor.join().unwrap();
        call.check();
        assert_eq!(call.begun[0].load(Ordering::Relaxed), 1);
    });
}

/// The time of an attempt is up as its worker answers: the call comes to the answer, or to that of its next attempt.
#[test]
fn a_retry_and_a_late_answer() {
    check(|| {
        let call = Call::sent();
        let (theirs, ours) = (call.clone(), call.clone());
        let worker = thread::spawn(move || theirs.run(1));
        let clock = thread::spawn(move || {
            if ours.course.on_to_the_next(1).is_some() {
                ours.go_on();
            }
        });
        worker.join().unwrap();
        clock.join().unwrap();
        call.check();
        assert!(call.begun.iter().map(|begun| begun.load(Ordering::Relaxed)).sum::<u32>() >= 1);
    });
}

/// A cancellation, an answer and a restart at one moment.
#[test]
fn a_cancellation_comes_between() {
    check(|| {
        let call = Call::sent();
        let (theirs, ours, caller) = (call.clone(), call.clone(), call.clone());
        let worker = thread::spawn(move || theirs.run(1));
        let successor = thread::spawn(move || {
            if ours.course.back(1) {
                ours.go_on();
            }
        });
        caller.settle(None);
        worker.join().unwrap();
        successor.join().unwrap();
        call.check();
    });
}
