//! The results of a map, however its calls travel: [`Results`] in order, [`ResultsUnordered`] as they come.
//!
//! Which way they go is decided when the first input has been drawn, and again when the pool that they went to takes no
//! more and all that it had accepted has been read. Calls that are made one by one go on so.

use std::fmt;

use super::inputs::Inputs;
use super::reader::{Ordered, Reader, Unordered};
use crate::error::Result;
use crate::future::TaskFuture;
use crate::gather::{Ahead, AheadUnordered};

/// Where the calls of a map go.
pub(crate) trait Way<A, T> {
    /// In chunks, where they can.
    fn open(&self) -> Option<Reader<A, T>>;
    /// One by one.
    fn call(&self, input: A) -> TaskFuture<T>;
}

enum Stage<I: Iterator, C, O> {
    /// Nothing is ahead.
    Open(Inputs<I>),
    Chunks(Inputs<I>, C),
    Calls(O),
    /// Being changed; seen by nobody.
    Between,
}

impl<I: Iterator, C, O> Stage<I, C, O> {
    /// Decides how the next calls go. `false` where there is none.
    fn set_out(&mut self, way: &impl Way<I::Item, C::Value>, calls: impl FnOnce(Inputs<I>) -> O) -> bool
    where
        C: Chunked<I::Item>,
    {
        if let Stage::Open(inputs) = self
            && !inputs.has_next()
        {
            return false;
        }
        *self = match std::mem::replace(self, Stage::Between) {
            Stage::Open(inputs) => match way.open() {
                Some(reader) => Stage::Chunks(inputs, C::new(reader)),
                None => Stage::Calls(calls(inputs)),
            },
            other => other,
        };
        true
    }

    /// All that went to a pool has been read.
    fn come_in(&mut self) {
        *self = match std::mem::replace(self, Stage::Between) {
            Stage::Chunks(inputs, _) => Stage::Open(inputs),
            other => other,
        };
    }
}

impl<I, C, O> Stage<I, C, O>
where
    I: Iterator,
    C: Chunked<I::Item>,
    O: Going,
{
    /// How many calls have results that were not taken.
    fn ahead(&self) -> usize {
        match self {
            Stage::Chunks(_, chunks) => chunks.ahead(),
            Stage::Calls(calls) => calls.ahead(),
            Stage::Open(_) | Stage::Between => 0,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Stage::Open(inputs) => inputs.size_hint(),
            Stage::Chunks(inputs, chunks) => {
                let ((least, most), ahead) = (inputs.size_hint(), chunks.ahead());
                (least.saturating_add(ahead), most.and_then(|most| most.checked_add(ahead)))
            }
            Stage::Calls(calls) => calls.size_hint(),
            Stage::Between => (0, Some(0)),
        }
    }

    fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>, bound: Option<usize>) -> fmt::Result {
        name.field("ahead", &self.ahead());
        if let Some(bound) = bound {
            name.field("look_ahead", &bound);
        }
        name.finish()
    }
}

type InOrder<I, T> = Stage<I, Ordered<<I as Iterator>::Item, T>, Ahead<Inputs<I>, T>>;
type AsTheyCome<I, T> = Stage<I, Unordered<<I as Iterator>::Item, T>, AheadUnordered<Inputs<I>, T>>;

/// A reader in some order.
trait Chunked<A> {
    type Value;
    fn new(reader: Reader<A, Self::Value>) -> Self;
    fn ahead(&self) -> usize;
}

impl<A, T> Chunked<A> for Ordered<A, T> {
    type Value = T;
    fn new(reader: Reader<A, T>) -> Self {
        Ordered::new(reader)
    }
    fn ahead(&self) -> usize {
        self.ahead()
    }
}

impl<A, T> Chunked<A> for Unordered<A, T> {
    type Value = T;
    fn new(reader: Reader<A, T>) -> Self {
        Unordered::new(reader)
    }
    fn ahead(&self) -> usize {
        self.ahead()
    }
}

/// Calls that are made one by one, in some order.
trait Going {
    fn ahead(&self) -> usize;
    fn size_hint(&self) -> (usize, Option<usize>);
}

impl<I: Iterator, T> Going for Ahead<I, T> {
    fn ahead(&self) -> usize {
        self.ahead()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.size_hint()
    }
}

impl<I: Iterator, T> Going for AheadUnordered<I, T> {
    fn ahead(&self) -> usize {
        self.ahead()
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.size_hint()
    }
}

/// Results in the order of the inputs.
pub(crate) struct Results<I: Iterator, T> {
    bound: Option<usize>,
    stage: InOrder<I, T>,
}

impl<I: Iterator, T> Results<I, T> {
    pub(crate) fn new(inputs: I) -> Self {
        Results { bound: None, stage: Stage::Open(Inputs::new(inputs)) }
    }

    pub(crate) fn look_ahead(&mut self, calls: usize) {
        self.bound = Some(calls.max(1));
        if let Stage::Calls(ahead) = &mut self.stage {
            ahead.look_ahead(calls);
        }
    }

    /// The next result, waiting for it.
    pub(crate) fn next(&mut self, way: &impl Way<I::Item, T>) -> Option<Result<T>> {
        let bound = self.bound;
        loop {
            match &mut self.stage {
                Stage::Chunks(inputs, chunks) => match chunks.next(inputs, bound) {
                    Some(result) => return Some(result),
                    None if chunks.is_refused() => self.stage.come_in(),
                    None => return None,
                },
                Stage::Calls(ahead) => return ahead.next(&mut |input| way.call(input)),
                Stage::Open(_) => {
                    if !self.stage.set_out(way, |inputs| Ahead::of(inputs, bound)) {
                        return None;
                    }
                }
                Stage::Between => return None,
            }
        }
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.stage.size_hint()
    }

    pub(crate) fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        self.stage.describe(name, self.bound)
    }
}

/// Results as they come, with the positions of their inputs.
pub(crate) struct ResultsUnordered<I: Iterator, T> {
    bound: Option<usize>,
    /// How many inputs went to pools that take no more.
    before: usize,
    stage: AsTheyCome<I, T>,
}

impl<I: Iterator, T> ResultsUnordered<I, T> {
    pub(crate) fn new(inputs: I) -> Self {
        let inputs = Inputs::new(inputs);
        ResultsUnordered { bound: None, before: 0, stage: Stage::Open(inputs) }
    }

    pub(crate) fn look_ahead(&mut self, calls: usize) {
        self.bound = Some(calls.max(1));
        if let Stage::Calls(ahead) = &mut self.stage {
            ahead.look_ahead(calls);
        }
    }

    /// The next result that is there, waiting for one, with the position of its input.
    pub(crate) fn next(&mut self, way: &impl Way<I::Item, T>) -> Option<(usize, Result<T>)> {
        let bound = self.bound;
        loop {
            match &mut self.stage {
                Stage::Chunks(inputs, chunks) => match chunks.next(inputs, bound, self.before) {
                    Some(result) => return Some(result),
                    None if chunks.is_refused() => {
                        self.before += chunks.drawn() as usize;
                        self.stage.come_in();
                    }
                    None => return None,
                },
                Stage::Calls(ahead) => {
                    let (position, result) = ahead.next(&mut |input| way.call(input))?;
                    return Some((self.before + position, result));
                }
                Stage::Open(_) => {
                    if !self.stage.set_out(way, |inputs| AheadUnordered::of(inputs, bound)) {
                        return None;
                    }
                }
                Stage::Between => return None,
            }
        }
    }

    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.stage.size_hint()
    }

    pub(crate) fn describe(&self, name: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        self.stage.describe(name, self.bound)
    }
}
