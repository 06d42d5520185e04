//! Progress on a terminal: indicatif keeps the figures and makes the line.

use std::env;
use std::fmt::{self, Write};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::area::{self, Line};
use super::{Counts, End, Tally};

/// How often the passing time is shown while nothing happens, and room made for what others print.
pub(super) const REDRAW: Duration = Duration::from_millis(35);
/// How often a second it is drawn at most.
const RATE: u8 = 30;

/// Whether this is a worker's process, whose driver may show bars on the same terminal.
static LINES_ONLY: AtomicBool = AtomicBool::new(false);

/// This process prints lines, whatever standard error is: the terminal is its driver's to draw on.
pub(crate) fn print_lines_only() {
    LINES_ONLY.store(true, Ordering::Relaxed);
}

/// Whether bars can be shown on standard error.
pub(super) fn possible() -> bool {
    !LINES_ONLY.load(Ordering::Relaxed)
        && io::stderr().is_terminal()
        && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A time as people read it: tenths of a second where that matters, else the largest unit.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 9.95 { write!(f, "{seconds:.1}s") } else { write!(f, "{:#}", HumanDuration(self.0)) }
    }
}

pub(super) struct Bar {
    inner: indicatif::ProgressBar,
    line: u64,
    tally: Arc<Tally>,
}

impl Bar {
    pub(super) fn new(tally: Arc<Tally>) -> Self {
        let line = Line::new();
        let id = line.id();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(line), RATE);
        let inner = indicatif::ProgressBar::with_draw_target(Some(tally.total), target);
        let bar = Bar { inner, line: id, tally };
        bar.inner.set_style(bar.style(None));
        bar.inner.tick();
        bar
    }

    fn style(&self, end: Option<End>) -> ProgressStyle {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let paint = |colour: &'static str| if plain { "" } else { colour };
        let (red, yellow, reset) = (paint("\x1b[31m"), paint("\x1b[33m"), paint("\x1b[0m"));
        let colour = match end {
            None => paint("\x1b[36m"),
            Some(End::Done) => paint("\x1b[32m"),
            Some(End::Failed) => red,
            Some(End::Cancelled) => yellow,
            Some(End::Stopped) => paint("\x1b[35m"),
        };
        // What the figures leave of the terminal.
        let length = area::size().columns.saturating_sub(60).clamp(8, 32);
        let template = format!(
            "{colour}{{bar:{length}}}{reset} {{human_pos}}/{{human_len}} {{percent}}% {{rate}} {{time}}{{troubles}}"
        );
        let tally = self.tally.clone();
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏░")
            .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
                let _ = write!(out, "{:.1}/s", state.per_sec());
            })
            .with_key("time", move |state: &ProgressState, out: &mut dyn Write| {
                let _ = match end {
                    None if state.pos() == 0 => write!(out, "eta ?"),
                    None => write!(out, "eta {}", Time(state.eta())),
                    Some(End::Done | End::Failed | End::Cancelled) => write!(out, "in {}", Time(state.elapsed())),
                    Some(End::Stopped) => write!(out, "stopped after {}", Time(state.elapsed())),
                };
            })
            .with_key("troubles", move |_: &ProgressState, out: &mut dyn Write| {
                let Counts { failed, cancelled, .. } = tally.counts();
                for (count, what, colour) in [(failed, "failed", red), (cancelled, "cancelled", yellow)] {
                    if count > 0 {
                        let _ = write!(out, ", {colour}{count} {what}{reset}");
                    }
                }
            })
    }

    pub(super) fn describe(&self, description: &str) {
        area::describe(self.line, description);
        self.inner.tick();
    }

    pub(super) fn advance(&self, n: u64) {
        self.inner.inc(n);
    }

    pub(super) fn redraw(&self) {
        self.inner.tick();
    }

    pub(super) fn end(&self, end: End) {
        self.inner.set_style(self.style(Some(end)));
        self.inner.abandon();
        area::end(self.line);
    }
}
