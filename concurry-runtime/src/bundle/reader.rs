//! What the iterator of a map holds: [`Reader`], and on top of it results in order ([`Ordered`]) or as they come
//! ([`Unordered`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::chunk::{Outcome, Piece};
use super::feed::Feed;
use super::feeder::Starter;
use super::inputs::Inputs;
use crate::call::here;
use crate::error::Result;
use crate::panics::dismiss;
use crate::spin::Patience;

/// The end of a feed at which inputs go in and results come out.
pub(crate) struct Reader<A, T> {
    feed: Arc<Feed<A, T>>,
    /// The function, which goes with the reader.
    starter: Option<Arc<dyn Starter>>,
    patience: Patience,
    drawn: u64,
    taken: u64,
    /// How many inputs are drawn at once, where that takes no time.
    together: usize,
    /// Those on their way to the feed.
    block: VecDeque<A>,
    /// The pool takes no more.
    refused: bool,
    /// What was read last, and buffers to give back.
    batch: Vec<Piece<T>>,
    spare: Vec<VecDeque<Outcome<T>>>,
}

/// How many calls are ahead unless told otherwise.
const LOOK_AHEAD: usize = 256;
/// The same where they take next to nothing, and neither their inputs nor their results hold anything.
const FAR_AHEAD: usize = 8192;
/// How many inputs are drawn at once, where that takes no time.
const TOGETHER: usize = 64;
/// The same where many are ahead.
const MANY_TOGETHER: usize = 256;
/// How large such a value may be.
const SMALL: usize = 64;

impl<A, T> Reader<A, T> {
    pub(super) fn new(feed: Arc<Feed<A, T>>, starter: Arc<dyn Starter>) -> Self {
        Reader {
            feed,
            starter: Some(starter),
            patience: Patience::new(),
            drawn: 0,
            taken: 0,
            together: TOGETHER,
            block: VecDeque::new(),
            refused: false,
            batch: Vec::new(),
            spare: Vec::new(),
        }
    }

    fn ahead(&self) -> usize {
        (self.drawn - self.taken) as usize
    }

    /// How many more calls may be ahead.
    fn room(&mut self, bound: Option<usize>) -> usize {
        let bound = bound.unwrap_or_else(|| {
            let far = Self::is_plain() && self.feed.is_cheap();
            let (bound, together) = if far { (FAR_AHEAD, MANY_TOGETHER) } else { (LOOK_AHEAD, TOGETHER) };
            self.together = together;
            bound
        });
        bound.saturating_sub(self.ahead())
    }

    const fn is_plain() -> bool {
        !std::mem::needs_drop::<A>()
            && !std::mem::needs_drop::<T>()
            && size_of::<A>() <= SMALL
            && size_of::<T>() <= SMALL
    }

    /// Makes a call for the result that is about to leave, or later several at once where the input allows that; and
    /// more while `is_ready` says that none is there.
    fn draw_ahead<I: Iterator<Item = A>>(
        &mut self,
        inputs: &mut Inputs<I>,
        bound: Option<usize>,
        mut is_ready: impl FnMut(&mut Self) -> bool,
    ) {
        if inputs.prompt {
            let room = self.room(bound);
            let mut more = room < self.together || self.draw_some(inputs, self.together);
            while more && !is_ready(self) {
                let room = self.room(bound);
                more = room > 0 && self.draw_some(inputs, room.min(self.together));
            }
            return;
        }
        let mut more = self.room(bound) > 0 && self.draw(inputs);
        while more && !is_ready(self) && self.room(bound) > 0 {
            more = self.draw(inputs);
        }
    }

    /// Draws so many inputs at once, as far as there are any; `false` where there are none or the pool takes no more.
    fn draw_some<I: Iterator<Item = A>>(&mut self, inputs: &mut Inputs<I>, some: usize) -> bool {
        if self.refused {
            return false;
        }
        self.block.extend(inputs.take(some));
        let drawn = self.block.len();
        if drawn == 0 {
            return false;
        }
        match self.feed.push_block(&mut self.block) {
            Some(start) => {
                self.drawn += drawn as u64;
                while start && self.starter.as_ref().is_some_and(|starter| starter.start(false)) {}
                drawn >= some
            }
            None => {
                inputs.hold(&mut self.block);
                self.refused = true;
                false
            }
        }
    }

    /// Draws an input; `false` where there is none or the pool takes no more.
    fn draw<I: Iterator<Item = A>>(&mut self, inputs: &mut Inputs<I>) -> bool {
        if self.refused {
            return false;
        }
        let Some(input) = inputs.next() else { return false };
        match self.feed.push(input) {
            Ok(start) => {
                self.drawn += 1;
                if start && let Some(starter) = &self.starter {
                    starter.start(false);
                }
                true
            }
            Err(back) => {
                inputs.hold(&mut VecDeque::from([back]));
                self.refused = true;
                false
            }
        }
    }

    fn read(&mut self) {
        self.feed.read(&mut self.batch, &mut self.spare);
    }

    /// Waits for the result of call `number`, or any, and reads what is there; which may be another one's.
    fn wait(&mut self, number: Option<u64>) {
        let Reader { feed, patience, batch, spare, .. } = self;
        if patience.spin(|| feed.has_news()) {
            feed.read(batch, spare);
            if !batch.is_empty() {
                return;
            }
        }
        if here::is_of(&feed.core) {
            // A map that was begun elsewhere. This worker runs nothing as long as it waits.
            match &self.starter {
                _ if feed.core.settings.max_workers == 1 => {
                    feed.give_up(&here::waits_for_itself(feed.worker, feed.method))
                }
                Some(starter) => while starter.start(true) {},
                None => {}
            }
        }
        feed.wait(number, batch, spare);
    }

    fn give_back(&mut self, buffer: VecDeque<Outcome<T>>) {
        if buffer.capacity() > 0 && self.spare.len() < 64 {
            self.spare.push(buffer);
        }
    }
}

impl<A, T> Drop for Reader<A, T> {
    fn drop(&mut self) {
        self.feed.close();
        self.block.drain(..).for_each(dismiss);
        // What the function holds is the user's.
        dismiss(self.starter.take());
    }
}

/// Results in the order of the inputs.
pub(super) struct Ordered<A, T> {
    reader: Reader<A, T>,
    pieces: InOrder<T>,
}

/// What was read, in order.
struct InOrder<T> {
    /// From the next result on, as far as they are there.
    current: VecDeque<Outcome<T>>,
    /// What is there of later ones, by the number of the first.
    later: BTreeMap<u64, VecDeque<Outcome<T>>>,
}

impl<T> InOrder<T> {
    /// Whether the next result is there.
    #[inline]
    fn is_ready<A>(&mut self, reader: &mut Reader<A, T>) -> bool {
        if self.current.is_empty() && reader.feed.has_news() {
            reader.read();
            self.sort_in(reader);
        }
        !self.current.is_empty()
    }

    fn sort_in<A>(&mut self, reader: &mut Reader<A, T>) {
        let next = reader.taken;
        let mut batch = std::mem::take(&mut reader.batch);
        for piece in batch.drain(..) {
            if piece.first == next && self.current.is_empty() {
                reader.give_back(std::mem::replace(&mut self.current, piece.outcomes));
            } else {
                self.later.insert(piece.first, piece.outcomes);
            }
        }
        reader.batch = batch;
        self.advance(reader);
    }

    /// Goes on to the next piece, where that is there.
    fn advance<A>(&mut self, reader: &mut Reader<A, T>) {
        if self.current.is_empty()
            && let Some(next) = self.later.remove(&reader.taken)
        {
            reader.give_back(std::mem::replace(&mut self.current, next));
        }
    }
}

impl<A, T> Ordered<A, T> {
    pub(super) fn new(reader: Reader<A, T>) -> Self {
        Ordered { reader, pieces: InOrder { current: VecDeque::new(), later: BTreeMap::new() } }
    }

    pub(super) fn ahead(&self) -> usize {
        self.reader.ahead()
    }

    /// Whether the pool takes no more.
    pub(super) fn is_refused(&self) -> bool {
        self.reader.refused
    }

    /// The next result, waiting for it. `None` where there is none, or none before the pool is another.
    pub(super) fn next<I>(&mut self, inputs: &mut Inputs<I>, bound: Option<usize>) -> Option<Result<T>>
    where
        I: Iterator<Item = A>,
    {
        let Ordered { reader, pieces } = self;
        reader.draw_ahead(inputs, bound, |reader| pieces.is_ready(reader));
        if reader.ahead() == 0 {
            return None;
        }
        while !pieces.is_ready(reader) {
            reader.wait(Some(reader.taken));
            pieces.sort_in(reader);
        }
        let outcome = pieces.current.pop_front()?;
        reader.taken += 1;
        if pieces.current.is_empty() {
            pieces.advance(reader);
        }
        Some(outcome.map_err(|error| *error))
    }
}

impl<A, T> Drop for Ordered<A, T> {
    fn drop(&mut self) {
        self.reader.feed.close();
        let InOrder { current, later } = &mut self.pieces;
        let later = std::mem::take(later).into_values().flatten();
        current.drain(..).chain(later).for_each(dismiss);
    }
}

/// Results as they come, with the numbers of their inputs.
pub(super) struct Unordered<A, T> {
    reader: Reader<A, T>,
    pieces: AsTheyCame<T>,
}

/// What was read, as it came.
struct AsTheyCame<T> {
    current: Piece<T>,
    later: VecDeque<Piece<T>>,
}

impl<T> AsTheyCame<T> {
    /// Whether a result is there.
    #[inline]
    fn is_ready<A>(&mut self, reader: &mut Reader<A, T>) -> bool {
        !self.current.outcomes.is_empty() || self.advance(reader)
    }

    fn advance<A>(&mut self, reader: &mut Reader<A, T>) -> bool {
        if self.later.is_empty() && reader.feed.has_news() {
            reader.read();
            self.later.extend(reader.batch.drain(..));
        }
        let Some(next) = self.later.pop_front() else { return false };
        reader.give_back(std::mem::replace(&mut self.current, next).outcomes);
        true
    }
}

impl<A, T> Unordered<A, T> {
    pub(super) fn new(reader: Reader<A, T>) -> Self {
        let current = Piece { first: 0, outcomes: VecDeque::new() };
        Unordered { reader, pieces: AsTheyCame { current, later: VecDeque::new() } }
    }

    pub(super) fn ahead(&self) -> usize {
        self.reader.ahead()
    }

    pub(super) fn drawn(&self) -> u64 {
        self.reader.drawn
    }

    /// Whether the pool takes no more.
    pub(super) fn is_refused(&self) -> bool {
        self.reader.refused
    }

    /// The next result that is there, waiting for one, with its number, counted from `before`. `None` as for
    /// [`Ordered::next`].
    pub(super) fn next<I>(
        &mut self,
        inputs: &mut Inputs<I>,
        bound: Option<usize>,
        before: usize,
    ) -> Option<(usize, Result<T>)>
    where
        I: Iterator<Item = A>,
    {
        let Unordered { reader, pieces } = self;
        reader.draw_ahead(inputs, bound, |reader| pieces.is_ready(reader));
        if reader.ahead() == 0 {
            return None;
        }
        while !pieces.is_ready(reader) {
            reader.wait(None);
            pieces.later.extend(reader.batch.drain(..));
        }
        let outcome = pieces.current.outcomes.pop_front()?;
        let number = pieces.current.first;
        pieces.current.first += 1;
        reader.taken += 1;
        Some((before + number as usize, outcome.map_err(|error| *error)))
    }
}

impl<A, T> Drop for Unordered<A, T> {
    fn drop(&mut self) {
        self.reader.feed.close();
        let AsTheyCame { current, later } = &mut self.pieces;
        let later = later.drain(..).flat_map(|piece| piece.outcomes);
        current.outcomes.drain(..).chain(later).for_each(dismiss);
    }
}
