//! A call's future: waiting, awaiting, cancelling, watching, mapping, and futures as arguments of other calls.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, Way, all_soon, apart, eventually_is, freeze, modes};

#[derive(Default)]
struct Math {
    calls: u64,
}

#[worker]
impl Math {
    pub fn add(&mut self, a: u64, b: u64) -> u64 {
        self.calls += 1;
        a + b
    }

    pub fn parse(&self, text: &str) -> Result<u64, std::num::ParseIntError> {
        text.parse()
    }

    pub fn join(&self, texts: &[String], between: &str) -> String {
        texts.join(between)
    }

    pub fn stay(&self, door: Door) -> u64 {
        door.knock().parse().unwrap_or(0)
    }

    /// Stands at the door, then waits until it is told that nobody waits for it.
    pub fn heed(&self, ctx: &CallContext, door: Door) -> u64 {
        door.knock();
        let begun = Instant::now();
        while !ctx.is_cancelled() {
            if begun.elapsed() > LONG {
                return 0;
            }
            std::thread::yield_now();
        }
        7
    }

    pub fn note(&self, page: &Page, line: u64) -> u64 {
        page.note(line);
        line
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

fn pool(mode: Mode) -> MathClient {
    Math::options().mode(mode).max_queued_tasks(1).init().unwrap()
}

/// The smallest executor: parks the thread until it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(LONG),
        }
    }
}

#[test]
fn the_type_is_what_it_is_promised_to_be() {
    fn can<T: Send + Sync + Unpin + std::fmt::Debug + Future<Output = concurry::Result<u64>>>() {}
    can::<TaskFuture<u64>>();
    let one = TaskFuture::ready(1);
    assert!(one.is_done() && !one.is_cancelled() && !one.cancel());
    let other = TaskFuture::ready(1);
    assert_ne!(one.id(), other.id());
    assert_eq!(one.result().unwrap(), 1);
}

#[test]
fn waiting_with_a_bound_leaves_the_future_usable_and_gives_the_value_once() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode));
        let mut stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        for wait in [Duration::ZERO, Duration::from_millis(5)] {
            let begun = Instant::now();
            let error = stay.result_within(wait).unwrap_err();
            let Error::TimedOut { scope: TimeoutScope::Wait, after, .. } = &error else { panic!("{error:?}") };
            assert_eq!(*after, Some(wait));
            assert!(begun.elapsed() >= wait && !stay.is_done());
        }
        visitor.pass("42");
        assert_eq!(stay.result_within(LONG).unwrap(), 42, "{mode}");
        assert!(stay.is_done());
        let again = stay.result_within(LONG).unwrap_err();
        assert!(matches!(again, Error::Invalid { .. }) && again.to_string().contains("taken"), "{again:?}");
        assert!(matches!(stay.result(), Err(Error::Invalid { .. })));
        pool.stop().unwrap();
    }
}

#[test]
fn an_endless_bound_is_a_wait_without_one() {
    let pool = pool(Mode::Thread);
    assert_eq!(pool.add(1, 2).result_within(Duration::MAX).unwrap(), 3);
    pool.stop().unwrap();
}

#[test]
fn it_can_be_awaited_under_any_executor() {
    for mode in modes() {
        let pool = pool(mode);
        let sum = block_on(async {
            let mut sum = 0;
            for number in 0..20 {
                sum = pool.add(sum, number).await?;
            }
            let failed = pool.parse("x").await;
            assert!(failed.unwrap_err().is::<std::num::ParseIntError>());
            Ok::<_, Error>(sum)
        });
        assert_eq!(sum.unwrap(), 190, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn awaiting_wakes_the_last_waker_and_nobody_polls() {
    struct Count(AtomicU64);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode));
        let mut stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let counts: Vec<_> = (0..2).map(|_| Arc::new(Count(AtomicU64::new(0)))).collect();
        for count in &counts {
            let waker = Waker::from(count.clone());
            let mut context = Context::from_waker(&waker);
            for _ in 0..3 {
                assert!(std::pin::Pin::new(&mut stay).poll(&mut context).is_pending());
            }
        }
        visitor.pass("5");
        eventually_is("wakes", 1, || counts[1].0.load(Ordering::SeqCst));
        assert_eq!(counts[0].0.load(Ordering::SeqCst), 0, "{mode}: it was replaced");
        assert_eq!(block_on(stay).unwrap(), 5);
        pool.stop().unwrap();
    }
}

#[test]
fn many_threads_may_wait_for_one_through_callbacks_and_one_gets_the_value() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode));
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let (sender, seen) = channel();
        for number in 0..5 {
            let sender = sender.clone();
            stay.on_done(move |result| sender.send((number, *result.as_ref().unwrap())).unwrap());
        }
        visitor.pass("9");
        assert_eq!(stay.soon().unwrap(), 9);
        drop(sender);
        // They ran before the value could be taken, in the order that they came in.
        assert_eq!(seen.iter().collect::<Vec<_>>(), (0..5).map(|number| (number, 9)).collect::<Vec<_>>(), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_callback_that_comes_late_runs_here_and_now() {
    for mode in modes() {
        let pool = pool(mode);
        let mut future = pool.add(1, 1);
        let (sender, seen) = channel();
        let first = sender.clone();
        future.on_done(move |_| first.send(0).unwrap());
        assert_eq!(seen.recv_timeout(LONG).unwrap(), 0);
        eventually_is("done", true, || future.is_done());
        let here = std::thread::current().id();
        let second = sender.clone();
        future.on_done(move |result| {
            assert_eq!(std::thread::current().id(), here);
            second.send(*result.as_ref().unwrap()).unwrap();
        });
        assert_eq!(seen.try_recv().unwrap(), 2, "{mode}");
        assert_eq!(future.result_within(LONG).unwrap(), 2);
        // The value is gone, so there is nothing to show.
        future.on_done(move |_| sender.send(3).unwrap());
        assert!(seen.try_recv().is_err());
        pool.stop().unwrap();
    }
}

#[test]
fn callbacks_see_errors_and_may_submit() {
    for mode in apart() {
        let pool = pool(mode);
        let next = Arc::new(Mutex::new(None));
        let future = pool.parse("x");
        future.on_done({
            let (pool, next) = (pool.clone(), next.clone());
            move |result| {
                assert!(matches!(result, Err(Error::Failed { .. })));
                *next.lock().unwrap() = Some(pool.add(3, 4));
            }
        });
        assert!(future.soon().is_err());
        let next = next.lock().unwrap().take().unwrap();
        assert_eq!(next.soon().unwrap(), 7, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn map_changes_the_value_and_lets_errors_pass() {
    for mode in modes() {
        let pool = pool(mode);
        let text = pool.add(40, 2).map(|sum| format!("<{sum}>")).map(|text| (text.len(), text));
        assert_eq!(text.soon().unwrap(), (4, "<42>".to_owned()), "{mode}");
        let error = pool.parse("x").map(|_| -> u64 { panic!("not for errors") }).soon().unwrap_err();
        assert!(error.is::<std::num::ParseIntError>(), "{mode}");
        pool.stop().unwrap();
    }
    let (gate, pool) = (Gate::new(), pool(Mode::Thread));
    let stay = pool.stay(gate.door());
    let visitor = gate.visitor();
    let mapped = pool.add(1, 1).map(|sum| sum + 1);
    assert!(mapped.cancel() && mapped.is_cancelled());
    assert!(matches!(mapped.soon(), Err(Error::Cancelled { .. })));
    drop(visitor);
    stay.soon().unwrap();
    pool.stop().unwrap();
}

#[test]
fn a_queued_call_that_is_cancelled_never_runs() {
    for mode in apart() {
        let (gate, journal, pool) = (Gate::new(), Journal::new(), pool(mode));
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        let notes: Vec<_> = (0..200).map(|line| pool.note(journal.page(), line)).collect();
        for note in notes.iter().step_by(2) {
            assert!(note.cancel(), "{mode}");
            assert!(note.is_done() && note.is_cancelled());
            assert!(!note.cancel(), "a second time there is nothing to do");
        }
        visitor.pass("");
        stay.soon().unwrap();
        for (line, outcome) in (0..).zip(all_soon(notes)) {
            match outcome {
                Ok(noted) => assert!(noted == line && line % 2 == 1),
                Err(error) => assert!(matches!(error, Error::Cancelled { .. }) && line % 2 == 0, "{error:?}"),
            }
        }
        assert_eq!(journal.numbers(), (0..200).filter(|line| line % 2 == 1).collect::<Vec<_>>(), "{mode}");
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.in_flight), (101, 100, 0, 0), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn what_was_sent_to_a_process_and_not_begun_can_be_cancelled_too() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Math::options().mode(Mode::Process).max_queued_tasks(100).init().unwrap();
    let stay = pool.stay(gate.door());
    let visitor = gate.visitor();
    let notes: Vec<_> = (0..50).map(|line| pool.note(journal.page(), line)).collect();
    assert!(notes.iter().all(TaskFuture::cancel));
    // The process answers for them while it is busy with another.
    for note in notes {
        assert!(matches!(note.soon(), Err(Error::Cancelled { .. })));
    }
    visitor.pass("");
    stay.soon().unwrap();
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), []);
}

#[test]
fn what_was_cancelled_is_not_run_by_a_successor_either() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Math::options().mode(Mode::Process).max_queued_tasks(100).init().unwrap();
    let stay = pool.stay(gate.door());
    let visitor = gate.visitor();
    let pid = nix::unistd::Pid::from_raw(visitor.pid.cast_signed());
    let notes: Vec<_> = (0..20).map(|line| pool.note(journal.page(), line)).collect();
    // Stopped, it cannot answer; then it is killed.
    freeze(visitor.pid);
    assert!(notes.iter().step_by(2).all(TaskFuture::cancel));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    assert!(matches!(stay.soon(), Err(Error::WorkerDied { .. })));
    for (line, outcome) in (0..).zip(all_soon(notes)) {
        match outcome {
            Ok(noted) => assert!(noted == line && line % 2 == 1, "{line}"),
            Err(error) => assert!(matches!(error, Error::Cancelled { .. }) && line % 2 == 0, "{line}: {error:?}"),
        }
    }
    pool.stop().unwrap();
    assert_eq!(journal.numbers(), (0..20).filter(|line| line % 2 == 1).collect::<Vec<_>>());
}

#[test]
fn a_running_call_is_told_and_decides_for_itself() {
    for mode in apart() {
        let (gate, pool) = (Gate::new(), pool(mode));
        let heeds = pool.heed(gate.door());
        let visitor = gate.visitor();
        assert!(!heeds.is_cancelled());
        assert!(heeds.cancel(), "{mode}");
        assert!(heeds.is_cancelled() && !heeds.is_done());
        visitor.pass("");
        assert_eq!(heeds.soon().unwrap(), 7, "{mode}: it was told and returned a value all the same");
        // The next call is not.
        let after = pool.add(1, 1);
        assert!(!after.is_cancelled());
        assert_eq!(after.soon().unwrap(), 2);
        pool.stop().unwrap();
    }
}

#[test]
fn a_call_that_is_done_cannot_be_cancelled() {
    for mode in modes() {
        let pool = pool(mode);
        let future = pool.add(1, 1);
        eventually_is("done", true, || future.is_done());
        assert!(!future.cancel() && !future.is_cancelled(), "{mode}");
        assert_eq!(future.soon().unwrap(), 2);
        pool.stop().unwrap();
    }
}

#[test]
fn a_future_that_is_dropped_does_not_cancel_its_call() {
    for mode in modes() {
        let (journal, pool) = (Journal::new(), pool(mode));
        for line in 0..50 {
            drop(pool.note(journal.page(), line));
        }
        pool.wait_idle();
        assert_eq!(journal.numbers(), (0..50).collect::<Vec<_>>(), "{mode}");
        assert_eq!(pool.stats().completed, 50);
        pool.stop().unwrap();
    }
}
