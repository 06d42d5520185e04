//! [`Queue`]: inputs in the order in which they were drawn, in blocks that change hands as they are, so that nobody is
//! long at the feed's lock.

use std::collections::VecDeque;

/// The most inputs of a block.
pub(super) const BLOCK: usize = 256;
/// How many empty blocks are kept.
const KEPT: usize = 64;

pub(super) struct Queue<A> {
    blocks: VecDeque<VecDeque<A>>,
    len: usize,
    empty: Vec<VecDeque<A>>,
}

impl<A> Queue<A> {
    pub(super) fn new() -> Self {
        Queue { blocks: VecDeque::new(), len: 0, empty: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, input: A) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back(input),
            _ => {
                let mut block = self.empty.pop().unwrap_or_default();
                block.push_back(input);
                self.blocks.push_back(block);
            }
        }
    }

    /// Takes `block`, and leaves an empty one instead.
    pub(super) fn push_block(&mut self, block: &mut VecDeque<A>) {
        self.len += block.len();
        let fresh = self.empty.pop().unwrap_or_default();
        self.blocks.push_back(std::mem::replace(block, fresh));
    }

    /// Moves up to `most` of the first inputs into `into`, which is empty; how many.
    pub(super) fn take(&mut self, most: usize, into: &mut VecDeque<A>) -> usize {
        let Some(first) = self.blocks.front_mut() else { return 0 };
        if first.len() > most {
            into.extend(first.drain(..most));
        } else {
            std::mem::swap(first, into);
            let spent = self.blocks.pop_front().filter(|_| self.empty.len() < KEPT);
            self.empty.extend(spent);
        }
        self.len -= into.len();
        into.len()
    }

    /// Everything that is there.
    pub(super) fn take_all(&mut self) -> VecDeque<VecDeque<A>> {
        self.len = 0;
        std::mem::take(&mut self.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let (mut queue, mut next, mut taken) = (Queue::new(), 0u32, 0u32);
        let mut into = VecDeque::new();
        for round in 0..200usize {
            for _ in 0..round % 7 {
                queue.push(next);
                next += 1;
            }
            if round % 3 == 0 {
                let mut block: VecDeque<u32> = (next..next + 300).collect();
                next += 300;
                queue.push_block(&mut block);
                assert!(block.is_empty());
            }
            assert_eq!(queue.len(), (next - taken) as usize);
            for most in [1, 100, 500] {
                let some = queue.take(most, &mut into);
                assert!(some <= most && some == into.len());
                for input in into.drain(..) {
                    assert_eq!(input, taken);
                    taken += 1;
                }
            }
        }
        let rest: Vec<u32> = queue.take_all().into_iter().flatten().collect();
        assert!(rest.into_iter().eq(taken..next) && queue.len() == 0 && queue.take(9, &mut into) == 0);
    }
}
