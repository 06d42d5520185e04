//! Progress where there is no terminal: a line now and then.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Counts, End};

/// Lines are at least this far apart, however fast it goes.
const SOON: Duration = Duration::from_secs(1);
/// After this long there is a line whatever the share that was done since the last.
const LATE: Duration = Duration::from_secs(5);

pub(super) struct Plain(Mutex<State>);

struct State {
    to: Box<dyn Write + Send>,
    description: String,
    begun: Instant,
    last: Instant,
    /// The tenths that were done at the last line.
    tenths: u64,
}

impl Plain {
    pub(super) fn new(to: Box<dyn Write + Send>, now: Instant) -> Self {
        Plain(Mutex::new(State { to, description: String::new(), begun: now, last: now, tenths: 0 }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn describe(&self, description: String) {
        self.lock().description = description;
    }

    pub(super) fn advance(&self, counts: Counts, now: Instant) {
        let mut state = self.lock();
        let since = now.saturating_duration_since(state.last);
        let tenths = tenths(counts);
        if since >= SOON && (tenths > state.tenths || since >= LATE) {
            state.last = now;
            state.tenths = tenths;
            // The last line is for `end` to print.
            if counts.done < counts.total {
                state.print(counts, None, now);
            }
        }
    }

    /// When there is to be a line at the latest.
    pub(super) fn late_at(&self) -> Instant {
        self.lock().last + LATE
    }

    pub(super) fn end(&self, counts: Counts, end: End, now: Instant) {
        self.lock().print(counts, Some(end), now);
    }
}

fn tenths(counts: Counts) -> u64 {
    (counts.done.saturating_mul(10)).checked_div(counts.total).unwrap_or(10)
}

impl State {
    fn print(&mut self, counts: Counts, end: Option<End>, now: Instant) {
        let elapsed = now.saturating_duration_since(self.begun);
        let line = Line { description: &self.description, counts, end, elapsed };
        // In one write, so that lines of several processes do not mix. Whoever closed standard error does not want to
        // hear of it.
        let _ = self.to.write_all(format!("{line}\n").as_bytes());
    }
}

struct Line<'a> {
    description: &'a str,
    counts: Counts,
    end: Option<End>,
    elapsed: Duration,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { done, total, failed, cancelled } = self.counts;
        if !self.description.is_empty() {
            write!(f, "{}: ", self.description)?;
        }
        write!(f, "{done}/{total}")?;
        let seconds = self.elapsed.as_secs_f64();
        let rate = if seconds > 0.0 { done as f64 / seconds } else { 0.0 };
        match self.end {
            None => {
                if let Some(percent) = done.saturating_mul(100).checked_div(total) {
                    write!(f, " ({percent}%)")?;
                }
                if rate > 0.0 {
                    let left = total.saturating_sub(done) as f64 / rate;
                    write!(f, ", {rate:.1}/s, {left:.0}s left")?;
                }
            }
            Some(end) => {
                f.write_str(match end {
                    End::Failed | End::Cancelled if done < total => " given up",
                    End::Done | End::Failed | End::Cancelled => " done",
                    End::Stopped => " stopped",
                })?;
                write!(f, " in {seconds:.1}s, {rate:.1}/s")?;
            }
        }
        if failed > 0 {
            write!(f, ", {failed} failed")?;
        }
        if cancelled > 0 { write!(f, ", {cancelled} cancelled") } else { Ok(()) }
    }
}
