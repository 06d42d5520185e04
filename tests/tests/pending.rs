//! Futures that are pending cost memory and nothing else. Alone in its program, since it counts the program's time on
//! processors.

use std::fs;
use std::thread;
use std::time::Duration;

use concurry::Error;
use concurry::prelude::*;
use concurry_tests::{Door, Gate, apart, eventually};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// How many each of three waiters waits for.
const EACH: u64 = 34_000;

#[derive(Default)]
struct Slow;

#[worker]
impl Slow {
    pub fn stay(&self, door: Door) -> u64 {
        door.knock();
        0
    }

    pub fn echo(&self, x: u64, _after: u64) -> u64 {
        x
    }
}

/// How long the threads of this program, its kernel time included, have had a processor.
fn time_on_cpus() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.try_into().unwrap())
}

/// Whether this thread of the program sleeps.
fn sleeps(thread: &str) -> bool {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
    text.rsplit_once(')').unwrap().1.trim_start().starts_with('S')
}

/// Gathers, and says before which thread that will be.
fn waits<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> (String, thread::JoinHandle<T>) {
    let (say, said) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let own = fs::read_link("/proc/thread-self").unwrap();
        say.send(own.file_name().unwrap().to_str().unwrap().to_owned()).unwrap();
        wait()
    });
    (said.recv().unwrap(), thread)
}

#[test]
fn a_hundred_thousand_pending_futures_cost_no_processor() {
    for mode in apart() {
        let gate = Gate::new();
        let pool = Slow::options().mode(mode).init().unwrap();
        let stay = pool.stay(gate.door());
        let visitor = gate.visitor();
        // Some wait for their worker, some for their arguments.
        let calls = || (0..EACH).map(|x| pool.echo(x, 0)).collect::<Vec<_>>();
        let (queued, awaited) = (calls(), calls());
        let chained = (0..EACH).map(|x| pool.echo(x, pool.echo(x, 0))).collect::<Vec<_>>();
        let waiters = [
            waits(|| gather(queued).results()),
            waits(|| futures::executor::block_on(gather(awaited).into_future())),
            waits(|| gather(chained).as_completed().map(|(_, result)| result).collect()),
        ];
        for (thread, _) in &waiters {
            eventually("the waiter sleeps", || sleeps(thread));
        }

        // One of them may have been caught between two locks, so that one window of several has to be quiet. To look at
        // each future once takes some milliseconds.
        let window = Duration::from_millis(300);
        let spent = || {
            let before = time_on_cpus();
            thread::sleep(window);
            time_on_cpus() - before
        };
        let quiet = (0..10).map(|_| spent()).find(|spent| *spent < Duration::from_millis(3));
        assert!(quiet.is_some(), "{mode}: no window of {window:?} took less than 3 ms of a processor");
        assert!(waiters.iter().all(|(_, thread)| !thread.is_finished()));

        // Processes would take their time for so many.
        let abort = mode == Mode::Process;
        if abort {
            pool.abort().unwrap();
        } else {
            visitor.pass("");
        }
        assert_eq!(stay.result().is_err(), abort, "{mode}");
        for (_, thread) in waiters {
            match thread.join().unwrap() {
                Ok(values) => assert!(!abort && values == (0..EACH).collect::<Vec<_>>(), "{mode}"),
                Err(error) => assert!(abort && matches!(error, Error::Stopped { .. }), "{mode}: {error:?}"),
            }
        }
        pool.stop().unwrap();
    }
}
