//! The sliding window; see [`super::RateAlgorithm::SlidingWindow`].

use std::collections::VecDeque;

use super::{Mark, Meter};
use crate::limits::clock::Nanos;

/// Up to this `n`, everything that passes has an entry of its own, of which there are at most `n`. Beyond, an entry stands
/// for this part of a window.
const ENTRIES: u64 = 1024;

/// What passed between two times. It counts until a window after the later one, so that grouping never lets more pass.
struct Entry {
    from: Nanos,
    to: Nanos,
    amount: u64,
}

/// A log of the last window. While there is debt, the log is full: what leaves it is replaced by debt that is paid.
pub(super) struct SlidingWindow {
    n: u64,
    window: Nanos,
    /// How long an entry may last; zero where all are kept apart.
    grain: Nanos,
    log: VecDeque<Entry>,
    /// The sum of the log.
    total: u64,
    debt: u64,
}

impl SlidingWindow {
    pub(super) fn new(n: u64, window: Nanos) -> Self {
        let grain = if n <= ENTRIES { 0 } else { window / ENTRIES };
        SlidingWindow { n, window, grain, log: VecDeque::new(), total: 0, debt: 0 }
    }

    fn expiry(&self, entry: &Entry) -> Nanos {
        entry.to.saturating_add(self.window)
    }

    fn room(&self) -> u64 {
        self.n - self.total
    }

    /// Where in the log the first entry is that begins after `time`.
    fn after(&self, time: Nanos) -> usize {
        if self.log.back().is_some_and(|last| last.from <= time) {
            return self.log.len();
        }
        self.log.partition_point(|entry| entry.from <= time)
    }

    /// Writes down that `amount` passed at `time`; there is room for it.
    fn write(&mut self, time: Nanos, amount: u64) {
        if amount == 0 {
            return;
        }
        self.total += amount;
        let at = self.after(time);
        if let Some(before) = at.checked_sub(1).and_then(|before| self.log.get_mut(before))
            && (time <= before.to || time - before.from < self.grain)
        {
            before.to = before.to.max(time);
            before.amount += amount;
            return;
        }
        self.log.insert(at, Entry { from: time, to: time, amount });
    }

    /// Pays debt with the room that there is at `time`.
    fn pay(&mut self, time: Nanos) {
        let paid = self.debt.min(self.room());
        self.debt -= paid;
        self.write(time, paid);
    }

    /// Forgets what is older than a window.
    fn slide(&mut self, now: Nanos) {
        if self.debt > 0 {
            self.skip_windows(now);
        }
        while let Some(oldest) = self.log.front() {
            let expiry = self.expiry(oldest);
            if expiry > now {
                return;
            }
            self.total -= oldest.amount;
            self.log.pop_front();
            self.pay(expiry);
        }
    }

    /// A window in which debt is paid looks like the one before, as long as there is debt; so whole windows can be
    /// skipped, however many they are.
    fn skip_windows(&mut self, now: Nanos) {
        let Some(last) = self.log.back() else { return };
        let windows = (self.debt / self.n).min(now.saturating_sub(last.to) / self.window);
        for entry in &mut self.log {
            entry.from += windows * self.window;
            entry.to += windows * self.window;
        }
        self.debt -= windows * self.n;
    }
}

impl Meter for SlidingWindow {
    fn ready_at(&mut self, now: Nanos, amount: u64) -> Option<Nanos> {
        self.slide(now);
        let needed = u128::from(amount) + u128::from(self.debt);
        let missing = needed.saturating_sub(u128::from(self.room()));
        if missing == 0 {
            return None;
        }
        // As long as there is debt, each window lets go of `n`; without, what is missing is in the log.
        let n = u128::from(self.n);
        let windows = (missing - 1) / n;
        let mut left = missing - windows * n;
        let entry = self.log.iter().find(|entry| {
            left = left.saturating_sub(u128::from(entry.amount));
            left == 0
        });
        let first = entry.map_or(now, |entry| self.expiry(entry));
        let windows = windows.saturating_mul(u128::from(self.window));
        Some(first.saturating_add(Nanos::try_from(windows).unwrap_or(Nanos::MAX)))
    }

    fn take(&mut self, now: Nanos, amount: u64) -> Mark {
        self.slide(now);
        self.write(now, amount.min(self.room()));
        now
    }

    fn give_back(&mut self, now: Nanos, mark: Mark, amount: u64) {
        self.slide(now);
        // What has left the log counts no more, and nothing can come back of it.
        let Some(at) = self.after(mark).checked_sub(1) else { return };
        if let Some(entry) = self.log.get_mut(at).filter(|entry| mark <= entry.to) {
            let back = amount.min(entry.amount);
            entry.amount -= back;
            self.total -= back;
            if entry.amount == 0 {
                self.log.remove(at);
            }
            self.pay(now);
        }
    }

    fn owe(&mut self, now: Nanos, amount: u64) {
        self.slide(now);
        self.debt = self.debt.saturating_add(amount);
        self.pay(now);
    }

    fn available(&mut self, now: Nanos) -> u64 {
        self.slide(now);
        self.room()
    }

    fn owed(&mut self, now: Nanos) -> u64 {
        self.slide(now);
        self.debt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_grouping_only_delays() {
        let (n, window) = (1_000_000, 1_000_000);
        let mut log = SlidingWindow::new(n, window);
        for now in 0..3 * window {
            if log.ready_at(now, 1).is_none() {
                log.take(now, 1);
            }
            assert!(log.log.len() <= ENTRIES as usize + 2, "{}", log.log.len());
        }
        // One a nanosecond is just what is allowed; grouped, it waits at most a grain longer.
        assert!(log.total >= n - 2 * log.grain, "{}", log.total);
    }

    #[test]
    fn a_group_counts_until_its_last_is_a_window_old() {
        let window = 100 * ENTRIES;
        let mut log = SlidingWindow::new(2 * ENTRIES, window);
        log.take(0, ENTRIES);
        log.take(50, ENTRIES);
        assert_eq!(log.log.len(), 1);
        assert_eq!(log.ready_at(51, 1), Some(50 + window));
        assert_eq!(log.ready_at(50 + window, 2 * ENTRIES), None);
    }

    #[test]
    fn debt_is_paid_window_by_window_however_many() {
        let mut log = SlidingWindow::new(10, 100);
        log.take(0, 4);
        log.owe(50, 26);
        // 4 at 0, 6 at 50, 20 to pay.
        assert_eq!((log.available(50), log.owed(50)), (0, 20));
        assert_eq!(log.ready_at(50, 1), Some(300));
        assert_eq!(log.owed(100), 16);
        assert_eq!(log.owed(150), 10);
        assert_eq!(log.ready_at(299, 1), Some(300));
        assert_eq!(log.ready_at(300, 4), None);
        assert_eq!(log.ready_at(300, 5), Some(350));

        let mut log = SlidingWindow::new(1, 1);
        log.owe(0, u64::MAX);
        let done = log.ready_at(5_000_000_000, 1);
        assert_eq!(done, Some(u64::MAX));
        assert_eq!(log.owed(5_000_000_000), u64::MAX - 5_000_000_001);
    }

    #[test]
    fn what_has_left_the_log_is_not_given_back() {
        let mut log = SlidingWindow::new(10, 100);
        let old = log.take(0, 10);
        log.take(100, 10);
        log.give_back(100, old, 10);
        assert_eq!(log.available(100), 0);
    }
}
