//! Timeouts: a call is resolved on time whatever its worker does, and the worker's other calls are none the worse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};
use concurry_tests::{Door, Gate, Journal, LONG, Page, Soon, all_ok, apart, eventually, eventually_is, next};

const MODES: [Mode; 4] = [Mode::Sync, Mode::Thread, Mode::Async, Mode::Process];

/// Long enough for a process to be started, and to come to a call, on a machine that has too much to do.
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Slow;

#[worker]
impl Slow {
    /// Stays for good, whatever it is told; the test does not wait for it.
    pub fn stuck(&self, door: Door) -> String {
        door.knock()
    }

    /// Stays until it is told that its time is up.
    pub fn polite(&self, ctx: &CallContext) -> bool {
        let begun = Instant::now();
        while !ctx.is_cancelled() && begun.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(1));
        }
        ctx.is_cancelled()
    }

    /// Answers in the very moment in which it is told that its time is up.
    pub fn eager(&self, ctx: &CallContext) -> bool {
        let begun = Instant::now();
        while !ctx.is_cancelled() && begun.elapsed() < LONG {
            std::hint::spin_loop();
        }
        true
    }

    #[worker(timeout = "1s")]
    pub fn own_timeout(&self, door: Door) -> String {
        door.knock()
    }

    /// Is over long before a call with the timeout of its pool is.
    #[worker(timeout = "500ms")]
    pub fn brief(&self, page: Page, number: u64) -> u64 {
        page.note(number);
        number
    }

    /// Milliseconds that are left.
    pub fn left(&self, ctx: &CallContext) -> Option<u64> {
        let left = ctx.deadline()?.saturating_duration_since(Instant::now());
        u64::try_from(left.as_millis()).ok()
    }

    pub fn note(&self, page: Page, number: u64) -> u64 {
        page.note(number);
        number
    }

    pub fn pid(&self) -> u32 {
        std::process::id()
    }

    /// What is left to a call that is made in here.
    pub fn nested(&self, mode: Mode) -> concurry::Result<Option<u64>> {
        let inner = Slow::options().mode(mode).init()?;
        let left = inner.left().result();
        inner.stop()?;
        left
    }

    /// A call in here that would stay for long.
    pub fn nested_stuck(&self, door: Door) -> concurry::Result<String> {
        let inner = Slow::options().mode(Mode::Thread).init()?;
        let told = inner.stuck(door).result();
        inner.abort()?;
        told
    }
}

#[track_caller]
fn timed_out<T: std::fmt::Debug>(result: concurry::Result<T>) -> Error {
    let error = result.unwrap_err();
    assert!(matches!(error, Error::TimedOut { scope: TimeoutScope::Call, .. }), "{error:?}");
    error
}

#[test]
fn a_call_times_out_on_time_whatever_its_worker_does() {
    for mode in [Mode::Thread, Mode::Async, Mode::Process] {
        let gate = Gate::new();
        let pool = Slow::options().mode(mode).timeout(TIMEOUT).init().unwrap();
        let begun = Instant::now();
        let future = pool.stuck(gate.door());
        let (told, resolved) = channel();
        future.on_done(move |_| told.send(Instant::now()).unwrap());
        let at = next(&resolved) - begun;
        let error = timed_out(future.soon());
        let text = error.to_string();
        assert!(text.contains("Slow::stuck") && text.contains("3s"), "{text}");
        assert!(at >= TIMEOUT && at < TIMEOUT + Duration::from_secs(5), "{mode}: {at:?}");
        let replaced = u64::from(mode == Mode::Process);
        // One that comes to its end by itself before it is ended is not replaced.
        eventually_is("it is replaced where it can be", replaced, || pool.stats().restarts);
        drop(gate);
        pool.pid().soon().unwrap();
        let stats = pool.stats();
        assert_eq!((stats.completed, stats.failed, stats.queued, stats.restarts), (1, 1, 0, replaced), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn an_inline_call_that_was_too_slow_is_told_and_timed_out() {
    let pool = Slow::options().mode(Mode::Sync).timeout(TIMEOUT).init().unwrap();
    timed_out(pool.polite().soon());
    pool.pid().soon().unwrap();
    assert_eq!((pool.stats().completed, pool.stats().failed), (1, 1));
    pool.stop().unwrap();
}

#[test]
fn a_method_may_have_a_timeout_of_its_own() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Slow::options().mode(mode).timeout(Duration::from_secs(3600)).init().unwrap();
        let begun = Instant::now();
        timed_out(pool.own_timeout(gate.door()).soon());
        assert!(begun.elapsed() >= Duration::from_secs(1), "{mode}");
        drop(gate);
        let left = pool.left().soon().unwrap().unwrap();
        assert!((3_500_000..=3_600_000).contains(&left), "{mode}: {left}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_stuck_process_is_replaced_and_its_other_calls_are_unharmed() {
    let (gate, journal) = (Gate::new(), Journal::new());
    // It may not die once.
    let limited = Slow::options().mode(Mode::Process).max_restarts(0).timeout(TIMEOUT).init().unwrap();
    let before = limited.pid().soon().unwrap();
    let stuck = limited.stuck(gate.door());
    let _visitor = gate.visitor();
    timed_out(stuck.soon());
    for number in 0..20 {
        assert_eq!(limited.note(journal.page(), number).soon().unwrap(), number);
    }
    assert_ne!(limited.pid().soon().unwrap(), before);
    assert_eq!(journal.numbers(), (0..20).collect::<Vec<_>>());
    assert_eq!(limited.stats().restarts, 1);
    limited.stop().unwrap();
}

#[test]
fn calls_that_time_out_together_cost_a_process_no_death() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Slow::options().mode(Mode::Process).max_restarts(0).timeout(TIMEOUT).init().unwrap();
    for round in 0..3 {
        // One is running, the others are sent and wait behind it; all are over at almost the same time.
        let stuck = pool.stuck(gate.door());
        let behind: Vec<_> = (0..20).map(|_| pool.note(journal.page(), 99)).collect();
        let _visitor = gate.visitor();
        timed_out(stuck.soon());
        for future in behind {
            // On a busy machine the next worker may be there before the last of them is over.
            match future.soon() {
                Ok(number) => assert_eq!(number, 99),
                late => drop(timed_out(late)),
            }
        }
        // It was replaced and has not died, which it may not do once.
        assert_eq!(pool.note(journal.page(), round).soon().unwrap(), round);
        assert!(pool.stats().restarts > round);
    }
    pool.stop().unwrap();
}

#[test]
fn what_was_over_while_it_waited_never_runs() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Slow::options().mode(Mode::Process).max_restarts(0).timeout(TIMEOUT * 2).init().unwrap();
    for round in 0..2 {
        let stuck = pool.stuck(gate.door());
        let behind: Vec<_> = (0..20).map(|_| pool.brief(journal.page(), 99)).collect();
        let _visitor = gate.visitor();
        for future in behind {
            timed_out(future.soon());
        }
        assert!(!stuck.is_done());
        timed_out(stuck.soon());
        assert_eq!(pool.note(journal.page(), round).soon().unwrap(), round);
        assert_eq!(pool.stats().restarts, round + 1);
    }
    assert_eq!(journal.numbers(), [0, 1]);
    pool.stop().unwrap();
}

#[derive(Default)]
struct Patient;

#[worker(run_timeout = "1s")]
impl Patient {
    #[worker(run_timeout = "1h")]
    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn stuck(&self, door: Door) -> String {
        door.knock()
    }

    pub fn left(&self, ctx: &CallContext) -> bool {
        ctx.deadline().is_some_and(|deadline| deadline > Instant::now())
    }
}

#[test]
fn a_run_timeout_does_not_count_the_time_in_queues() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Patient::options().mode(mode).init().unwrap();
        let first = pool.stay(gate.door());
        let visitor = gate.visitor();
        let waits = pool.left();
        // Longer than the call behind may run.
        let begun = Instant::now();
        eventually("more than a second", || begun.elapsed() > Duration::from_millis(1200));
        assert!(!waits.is_done(), "{mode}");
        visitor.pass("on");
        assert_eq!(first.soon().unwrap(), "on");
        assert!(waits.soon().unwrap(), "{mode}: it had its time");
        let stuck = pool.stuck(gate.door());
        timed_out(stuck.soon());
        drop(gate);
        assert!(pool.left().soon().unwrap());
        pool.stop().unwrap();
    }
}

#[test]
fn a_method_and_the_calls_that_it_makes_see_the_deadline() {
    for mode in MODES {
        let pool = Slow::options().mode(mode).timeout(Duration::from_secs(1000)).init().unwrap();
        let left = pool.left().soon().unwrap().unwrap();
        assert!((900_000..=1_000_000).contains(&left), "{mode}: {left}");
        for inner in apart() {
            let left = pool.nested(inner).soon().unwrap();
            assert!(left.is_some_and(|left| (900_000..=1_000_000).contains(&left)), "{inner} in {mode}: {left:?}");
        }
        pool.stop().unwrap();
        let pool = Slow::options().mode(mode).init().unwrap();
        assert_eq!(pool.left().soon().unwrap(), None, "{mode}");
        assert_eq!(pool.nested(Mode::Thread).soon().unwrap(), None, "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_nested_call_ends_with_the_call_that_made_it() {
    for mode in [Mode::Sync, Mode::Thread] {
        let gate = Gate::new();
        let pool = Slow::options().mode(mode).timeout(TIMEOUT).init().unwrap();
        timed_out(pool.nested_stuck(gate.door()).soon());
        // The inner call has resolved too, though its method goes on, so the worker is free.
        pool.pid().soon().unwrap();
        assert_eq!((pool.stats().completed, pool.stats().failed), (1, 1), "{mode}");
        pool.stop().unwrap();
    }
}

/// Says what it was told.
#[derive(Default)]
struct Told;

#[worker(local)]
impl Told {
    pub fn wait(&self, ctx: &CallContext, events: Sender<bool>) -> u64 {
        let begun = Instant::now();
        while !ctx.is_cancelled() && begun.elapsed() < LONG {
            std::thread::sleep(Duration::from_millis(1));
        }
        events.send(ctx.is_cancelled()).unwrap();
        7
    }
}

#[test]
fn a_thread_is_told_and_its_late_answer_is_dropped() {
    for mode in [Mode::Thread, Mode::Async] {
        let pool = Told::options().mode(mode).timeout(TIMEOUT).init().unwrap();
        let (told, events) = channel();
        timed_out(pool.wait(told).soon());
        assert!(next(&events), "{mode}");
        eventually_is("in flight", 0, || pool.stats().in_flight);
        assert_eq!((pool.stats().completed, pool.stats().failed), (0, 1), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn cancel_hard_ends_the_process_and_no_other_call() {
    let (gate, journal) = (Gate::new(), Journal::new());
    let pool = Slow::options().mode(Mode::Process).max_restarts(0).init().unwrap();
    let stuck = pool.stuck(gate.door());
    let visitor = gate.visitor();
    let behind: Vec<_> = (0..10).map(|number| pool.note(journal.page(), number)).collect();
    assert!(stuck.cancel_hard());
    assert!(matches!(stuck.soon(), Err(Error::Cancelled { .. })));
    assert_eq!(all_ok(behind), (0..10).collect::<Vec<_>>());
    assert_eq!(journal.numbers(), (0..10).collect::<Vec<_>>());
    assert_ne!(pool.pid().soon().unwrap(), visitor.pid);
    assert_eq!(pool.stats().restarts, 1);
    pool.stop().unwrap();
}

#[test]
fn an_answer_in_the_moment_of_the_timeout_is_a_timeout() {
    for mode in MODES {
        let pool = Slow::options().mode(mode).timeout(Duration::from_millis(20)).init().unwrap();
        for _ in 0..20 {
            timed_out(pool.eager().soon());
        }
        assert_eq!((pool.stats().completed, pool.stats().failed), (0, 20), "{mode}");
        pool.stop().unwrap();
        let pool = Slow::options().mode(mode).run_timeout(Duration::from_millis(20)).init().unwrap();
        for _ in 0..20 {
            timed_out(pool.eager().soon());
        }
        assert_eq!((pool.stats().completed, pool.stats().failed), (0, 20), "{mode}");
        pool.stop().unwrap();
    }
}

#[test]
fn a_timeout_of_zero_hurts_nobody() {
    static RAN: AtomicBool = AtomicBool::new(false);
    for mode in MODES {
        match Slow::options().mode(mode).timeout(Duration::ZERO).init() {
            Err(error) => assert!(matches!(error, Error::Config { .. }), "{error:?}"),
            Ok(pool) => {
                timed_out(pool.polite().soon());
                RAN.store(true, Ordering::Relaxed);
                pool.stop().unwrap();
            }
        }
    }
}
