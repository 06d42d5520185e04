//! [`Level`]: the water in a bucket, counted exactly; and [`Peaks`], which tells how much may be poured back into it.
//!
//! Amounts are scaled by the window's nanoseconds, so that a nanosecond's drip is the whole number `n`; nothing is ever
//! rounded, however long it runs.

use super::Mark;
use crate::limits::clock::Nanos;

/// An amount times nanoseconds.
pub(super) type Scaled = i128;

/// How many peaks are remembered apart; beyond, those that differ least are merged.
const MOST_PEAKS: usize = 64;

/// A level that rises by `n` a nanosecond up to its brim, and falls by what is taken; below zero it is debt.
pub(super) struct Level {
    drip: Scaled,
    unit: Scaled,
    brim: Scaled,
    value: Scaled,
    at: Nanos,
    peaks: Peaks,
}

impl Level {
    /// Full to `brim`, which is in whole amounts.
    pub(super) fn new(n: u64, window: Nanos, brim: u64, now: Nanos) -> Self {
        let unit = Scaled::from(window);
        let brim = Scaled::from(brim) * unit;
        Level { drip: Scaled::from(n), unit, brim, value: brim, at: now, peaks: Peaks::default() }
    }

    fn rise(&mut self, now: Nanos) {
        let passed = Scaled::from(now.saturating_sub(self.at));
        self.at = self.at.max(now);
        self.value = self.value.saturating_add(passed.saturating_mul(self.drip)).min(self.brim);
    }

    /// `None` where the level is at `least` or above; else when it will be.
    pub(super) fn reaches(&mut self, now: Nanos, least: u64) -> Option<Nanos> {
        self.rise(now);
        let missing = (Scaled::from(least) * self.unit).saturating_sub(self.value);
        if missing <= 0 {
            return None;
        }
        let wait = (missing - 1) / self.drip + 1;
        Some(now.saturating_add(Nanos::try_from(wait).unwrap_or(Nanos::MAX)))
    }

    pub(super) fn fall(&mut self, now: Nanos, amount: u64) -> Mark {
        self.rise(now);
        let mark = self.peaks.push(self.value);
        self.value = self.value.saturating_sub(Scaled::from(amount) * self.unit);
        mark
    }

    pub(super) fn pour_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        self.rise(now);
        self.value += self.peaks.room(mark, Scaled::from(amount) * self.unit, self.brim, self.value);
    }

    /// In whole amounts; below zero, how much is missing.
    pub(super) fn whole(&mut self, now: Nanos) -> (u64, u64) {
        self.rise(now);
        let above = u64::try_from(self.value.max(0) / self.unit).unwrap_or(u64::MAX);
        let below = u64::try_from(self.value.min(0).saturating_neg() / self.unit).unwrap_or(u64::MAX);
        (above, below)
    }
}

/// The highest levels since each moment, for pouring back.
///
/// Had an amount not been taken, the level would have been higher by it ever since, except that a bucket does not fill
/// above its brim: of the difference, what would have spilled over is lost. So what may be poured back is no more than
/// the room that was left at the highest level since. Without this, a bucket could overflow in the past and still be
/// full in the present, and more could pass than it guarantees.
///
/// Only levels that were not exceeded later matter; they are kept in order, each lower than the one before. If there are
/// too many, the two neighbours that differ least become one that claims the higher level for both, which errs to the
/// safe side.
#[derive(Default)]
pub(super) struct Peaks {
    /// When, as a count of falls, and the level right before that fall.
    peaks: Vec<(Mark, Scaled)>,
    falls: Mark,
}

impl Peaks {
    /// The level is about to fall from `level`.
    pub(super) fn push(&mut self, level: Scaled) -> Mark {
        while self.peaks.last().is_some_and(|(_, lower)| *lower <= level) {
            self.peaks.pop();
        }
        if self.peaks.len() >= MOST_PEAKS {
            self.merge();
        }
        self.falls += 1;
        self.peaks.push((self.falls, level));
        self.falls
    }

    fn merge(&mut self) {
        let gaps = self.peaks.windows(2).map(|pair| pair[0].1.saturating_sub(pair[1].1));
        if let Some((at, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) {
            self.peaks[at].0 = self.peaks[at + 1].0;
            self.peaks.remove(at + 1);
        }
    }

    /// How much of `amount`, taken by the fall `mark`, may be poured back onto `level`; the past is corrected as if it
    /// had never been taken.
    pub(super) fn room(&mut self, mark: Mark, amount: Scaled, brim: Scaled, level: Scaled) -> Scaled {
        let mut room = amount;
        for (at, peak) in &mut self.peaks {
            // The peak of the fall itself was before it.
            if *at > mark {
                room = room.min(brim.saturating_sub(*peak)).max(0);
                *peak += room;
            }
        }
        let room = room.min(brim.saturating_sub(level)).max(0);
        let mut highest = level + room;
        // Some that were not exceeded may be now.
        let mut at = self.peaks.len();
        while at > 0 {
            at -= 1;
            if self.peaks[at].1 <= highest {
                self.peaks.remove(at);
            } else {
                highest = self.peaks[at].1;
            }
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_to_rounding() {
        // 3 in 7 ns: after 7 million ns, exactly 3 million.
        let mut level = Level::new(3, 7, 3, 0);
        level.fall(0, 3);
        for now in 1..7_000_000 {
            if level.reaches(now, 3).is_none() {
                level.fall(now, 3);
            }
        }
        assert_eq!(level.reaches(6_999_999, 3), Some(7_000_000));
    }

    #[test]
    fn only_what_would_not_have_spilled_is_poured_back() {
        let mut level = Level::new(1, 1, 100, 0);
        let all = level.fall(0, 100);
        // Half full again, and emptied by somebody else.
        level.fall(50, 50);
        // Had nobody taken the 100, the bucket would have been full at 50; so 50 of them would have spilled.
        level.pour_back(50, all, 100);
        assert_eq!(level.whole(50), (50, 0));
    }

    #[test]
    fn merged_peaks_err_to_the_safe_side() {
        let mut exact = Level::new(1, 1, 1000, 0);
        let first = exact.fall(0, 500);
        // Ever lower peaks, so that all would have to be remembered.
        for now in 1..200 {
            exact.fall(now, 2);
            assert!(exact.peaks.peaks.len() <= MOST_PEAKS);
        }
        exact.pour_back(200, first, 500);
        // The level was never above 501 since, so that 499 of the 500 fit, and they go onto 302.
        assert_eq!(exact.whole(200), (801, 0));
    }

    #[test]
    fn the_largest_figures_do_not_overflow() {
        let year_100 = 36_525 * 86_400 * 1_000_000_000;
        let mut level = Level::new(u64::MAX, year_100, u64::MAX, 0);
        let mark = level.fall(0, u64::MAX);
        level.fall(1, u64::MAX);
        level.fall(2, u64::MAX);
        assert!(level.reaches(3, 1).is_some());
        level.pour_back(4, mark, u64::MAX);
        let (_, below) = level.whole(5);
        assert!(below > 0);
        assert_eq!(level.reaches(u64::MAX, u64::MAX), None);
    }
}
