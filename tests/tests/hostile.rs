//! A worker process that has gone mad costs itself and the call that it runs; its driver says what it did.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use concurry::prelude::*;
use concurry::{Error, TimeoutScope};
use concurry_tests::{Journal, Page, Soon, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Where the bytes are that a worker has written for its driver.
const UP: u64 = 4096 + (1 << 20);

/// Where in the memory that it shares with its driver a worker writes nonsense.
const PLACES: [(u64, &[u8]); 5] = [
    // How much it has written: more than there is room for, and less than it had.
    (192, &[255; 8]),
    (192, &[0; 8]),
    // How much it has read, likewise.
    (128, &[255; 8]),
    // What it wrote: a frame that is none.
    (UP, &[170; 4096]),
    // All of that, and who sleeps.
    (64, &[7; 1024]),
];

#[derive(Default)]
struct Mad;

#[worker]
impl Mad {
    pub fn add(&self, x: u64) -> u64 {
        x + 1
    }

    pub fn swallow(&self, bytes: Vec<u8>) -> usize {
        bytes.len()
    }

    /// Says again and again that it has written more than a ring holds. The first time may be its last.
    pub fn lie(&self, page: Page) -> concurry::Result<u64> {
        page.note("lies");
        loop {
            self.scribble(192, vec![255; 8])?;
        }
    }

    /// Writes there, by the file by which a process can write to its own memory.
    pub fn scribble(&self, offset: u64, bytes: Vec<u8>) -> concurry::Result<u64> {
        let maps = std::fs::read_to_string("/proc/self/maps")?;
        let map = maps.lines().find(|line| line.contains("memfd:concurry")).unwrap();
        let start = u64::from_str_radix(map.split('-').next().unwrap(), 16).unwrap();
        let memory: File = OpenOptions::new().write(true).open("/proc/self/mem")?;
        memory.write_all_at(&bytes, start + offset)?;
        Ok(0)
    }
}

/// What the call comes to: its value, or `None` where the worker that had it died. One that has gone silent, as it may
/// where it has spoilt the words by which each side knows that the other sleeps, is killed, as one that hangs would be.
fn outcome<T>(pool: &MadClient, mut future: TaskFuture<T>) -> Option<T> {
    let error = match future.result_within(Duration::from_secs(5)) {
        Ok(value) => return Some(value),
        Err(Error::TimedOut { scope: TimeoutScope::Wait, .. }) => {
            if let Some(pid) = pool.stats().workers[0].pid {
                kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
            }
            match future.soon() {
                Ok(value) => return Some(value),
                Err(error) => error,
            }
        }
        Err(error) => error,
    };
    assert!(matches!(error, Error::WorkerDied { .. }), "{error}");
    None
}

#[test]
fn what_a_worker_does_to_the_shared_memory_costs_that_worker_alone() {
    for (offset, bytes) in PLACES {
        let pool = Mad::options().mode(Mode::Process).max_workers(2).max_restarts(10).init().unwrap();
        assert_eq!(pool.add(1).soon().unwrap(), 2);
        let first = pool.worker(0);
        let before: Vec<_> = (0..20).map(|x| first.add(x)).collect();
        let mad = first.scribble(offset, bytes.to_vec());
        let after: Vec<_> = (0..20).map(|x| first.add(x)).collect();
        // Answers that had not been read may be among what was spoilt; what the worker had not begun goes on elsewhere.
        for (x, future) in before.into_iter().enumerate().chain(after.into_iter().enumerate()) {
            // A value that is overwritten while its driver takes it is what the worker says: that nonsense.
            let spoilt = |sum| offset == UP && sum == u64::from(bytes[0]);
            let sum = outcome(&pool, future);
            assert!(sum.is_none_or(|sum| sum == x as u64 + 1 || spoilt(sum)), "{x}: {sum:?}, after {offset}");
        }
        assert!(outcome(&pool, mad).is_none_or(|nothing| nothing == 0));
        // Whatever it sends or is sent next, the pool goes on.
        assert!(outcome(&pool, pool.worker(0).swallow(vec![1; 3 << 20])).is_none_or(|length| length == 3 << 20));
        for x in 0..100 {
            assert!(outcome(&pool, pool.add(x)).is_none_or(|sum| sum == x + 1));
        }
        assert_eq!(pool.worker(1).add(7).soon().unwrap(), 8, "the other worker has nothing to do with it");
        pool.stop_within(Duration::from_secs(5)).or_else(|_| pool.abort()).unwrap();
    }
}

#[test]
fn the_error_says_what_the_worker_did_and_nothing_runs_twice() {
    let journal = Journal::new();
    let pool = Mad::options().mode(Mode::Process).max_restarts(10).init().unwrap();
    let page = journal.page();
    let mad = pool.lie(page.clone());
    eventually("it lies", || !page.is_blank());
    // It is told of the end of calls that it has not begun, which has the driver look, sooner or later between a true
    // answer and the next lie.
    eventually("the driver sees it", || {
        pool.add(1).cancel();
        mad.is_done()
    });
    let error = mad.soon().unwrap_err();
    assert!(matches!(&error, Error::WorkerDied { status, .. } if status.contains("its link was closed")), "{error}");
    assert_eq!(journal.count("lies"), 1);
    assert_eq!(pool.add(7).soon().unwrap(), 8);
    pool.stop().unwrap();
}
