//! The worker of these tests, and a pool that is kept busy.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use concurry::prelude::*;
use concurry::{Error, Reserve};
use concurry_tests::{Door, Gate, Soon, Visitor, Way};
#[derive(Default)]
pub(crate) struct Desk;

#[worker(max_restarts = 1000)]
impl Desk {
    pub fn echo(&self, number: u64) -> u64 {
        number
    }

    pub fn stay(&self, door: Door) -> String {
        door.knock()
    }

    pub fn fail(&self) -> Result<u64, String> {
        Err("as asked".to_owned())
    }

    pub fn end(&self, way: Way) -> u64 {
        way.go()
    }
}

/// A pool of one worker that stands at the gate, with the call that brought it there.
pub(crate) struct Busy {
    pub(crate) pool: DeskClient,
    pub(crate) stays: TaskFuture<String>,
    pub(crate) visitor: Visitor,
    gate: Gate,
}

impl Busy {
    pub(crate) fn new(options: DeskOptions) -> Self {
        let gate = Gate::new();
        let pool = options.init().unwrap();
        let stays = pool.stay(gate.door());
        Busy { pool, stays, visitor: gate.visitor(), gate }
    }

    pub(crate) fn end(self) {
        self.visitor.pass("go");
        assert_eq!(self.stays.soon().unwrap(), "go");
        drop(self.gate);
        self.pool.stop().unwrap();
    }
}

pub(crate) fn is_full(error: &Error) -> bool {
    matches!(error, Error::Full { .. })
}

/// How many calls are accepted before the pool is full. They wait behind the one at the gate.
#[track_caller]
pub(crate) fn accepted(pool: &DeskClient) -> Vec<TaskFuture<u64>> {
    let mut waiting = Vec::new();
    for number in 0..1000 {
        let call = pool.echo(number);
        if call.is_done() {
            assert!(is_full(&call.soon().unwrap_err()));
            return waiting;
        }
        waiting.push(call);
    }
    panic!("it was never full");
}

pub(crate) fn poll<C: WorkerClient>(future: Pin<&mut Reserve<C>>) -> Poll<concurry::Result<C>> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
