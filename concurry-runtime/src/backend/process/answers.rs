//! How the answers of a worker come to their calls: by its reader, or by whoever waits for one of them; and how what it asks
//! for comes to it.

use std::sync::Arc;

use super::link::ProcessLink;
use crate::backend::Link;
use crate::call::Job;
use crate::error::Told;
#[cfg(feature = "ray")]
use crate::far::Stored;
use crate::fault::Point;
use crate::fork::is_fork;
use crate::limits::{Desk, Holder, Local};
use crate::panics;
use crate::wire::codec::{self, Codec};
use crate::wire::frame::{Head, Kind};
use crate::wire::link::{Frame, Help, Reading};

/// What a worker said, with the job that it is about, if that is still waited for.
pub(super) enum Said {
    Value(Option<Job>, Vec<u8>),
    Error(Option<Job>, Told),
    /// A value was left on the worker's node.
    #[cfg(feature = "ray")]
    Kept(Option<Job>, Arc<Stored>),
    /// What is no answer.
    Other(Frame),
}

pub(super) fn decode_told(bytes: &[u8]) -> Result<Told, String> {
    codec::decode(Codec::Bincode, bytes).map_err(|why| format!("it sent an error that {why}"))
}

impl ProcessLink {
    /// Takes the job that a frame answers. To be called in the order of the frames.
    pub(super) fn claim(&self, (head, bytes): Frame) -> Result<Said, String> {
        if head.kind.is_answer() {
            self.fault(Point::Heard);
        }
        Ok(match head.kind {
            Kind::Value => Said::Value(self.answered(&head)?, bytes),
            Kind::Error => {
                // What makes no sense leaves the job where it is.
                let told = decode_told(&bytes)?;
                Said::Error(self.answered(&head)?, told)
            }
            #[cfg(feature = "ray")]
            Kind::Kept => {
                let promised = self.state().promised.take().filter(|stored| stored.key.call == head.id);
                let stored = promised.ok_or("it left a value on its node, which it was not told to")?;
                Said::Kept(self.answered(&head)?, stored)
            }
            _ => Said::Other((head, bytes)),
        })
    }

    fn answered(&self, head: &Head) -> Result<Option<Job>, String> {
        let mut state = self.state();
        state.sent.expects(head.id, head.kind != Kind::Error)?;
        let job = state.sent.take(head.id);
        drop(state);
        Ok(told(job, head))
    }

    /// Brings a job to its value.
    pub(super) fn settle(&self, job: Option<Job>, bytes: Vec<u8>) {
        if let Some(job) = job {
            job.complete_encoded(bytes);
        }
        self.fault(Point::Answered);
    }

    /// Looks for answers for a moment, until `done`, while the reader may sleep.
    pub(super) fn look_for_answers(&self, done: &dyn Fn() -> bool) {
        // In a fork the ring is its parent's.
        if is_fork() {
            return;
        }
        let Some(reading) = self.state().reading.clone() else { return };
        let mut for_reader = false;
        reading.begin_help();
        let looked = panics::caught_text(|| for_reader = self.look(&reading, done));
        let handed_over = reading.end_help();
        if let Err(why) = &looked {
            // What the worker has said cannot be known any more, as where the reader itself panics.
            self.state().refuse(format!("a thread that took its answer panicked: {why}"));
        }
        self.wake_reader(for_reader || handed_over);
    }

    /// Whether it met something that is the reader's.
    fn look(&self, reading: &Reading, done: &dyn Fn() -> bool) -> bool {
        let mut for_reader = false;
        let pause = || reading.pause();
        reading.patience.watch(pause, || {
            if !reading.has_news() {
                return done();
            }
            match reading.help(|head| self.claim_plain(head)) {
                Help::Value(job, bytes) => self.settle(Some(job), bytes),
                Help::Nothing => {}
                Help::ForReader => for_reader = true,
            }
            for_reader || done()
        });
        for_reader
    }

    /// As [`claim`](Self::claim), where it is a value at which no code of anybody's runs.
    fn claim_plain(&self, head: &Head) -> Option<Job> {
        if head.kind != Kind::Value {
            return None;
        }
        {
            let state = self.state();
            let is_plain = state.sent.get(head.id).is_some_and(|job| job.call().is_plain());
            if !is_plain || state.sent.expects(head.id, true).is_err() {
                return None;
            }
        }
        self.fault(Point::Heard);
        let job = self.state().sent.take(head.id);
        told(job, head)
    }
}

impl ProcessLink {
    /// Asks for limits on behalf of this worker.
    pub(super) fn desk(&self, local: Arc<Local>) -> Desk {
        let me = self.me.clone();
        Desk::new(local, Holder::worker().worker, move |answer| {
            let Some(link) = me.upgrade() else { return };
            match codec::encode(Codec::Bincode, &answer) {
                Ok(bytes) => {
                    link.write(link.state(), Head::plain(Kind::Granted, bytes.len()), &bytes);
                }
                // It is ours and small; a worker that gets no answer would wait for ever.
                Err(_) => {
                    link.kill();
                }
            }
        })
    }
}

/// A job with what its answer says of its run.
fn told(job: Option<Job>, head: &Head) -> Option<Job> {
    if let Some(job) = &job {
        job.told(head.times());
    }
    job
}
