//! Progress on a terminal: indicatif keeps the figures and makes the line.

use std::env;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressDrawTarget, ProgressState, ProgressStyle};

use super::End;
use super::area::{self, Line};

/// How often the passing time is shown while nothing happens.
pub(super) const REDRAW: Duration = Duration::from_millis(250);
/// How often a second it is drawn at most.
const RATE: u8 = 15;

/// Whether standard error can show a bar.
pub(super) fn possible() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

pub(super) struct Bar {
    inner: indicatif::ProgressBar,
    line: u64,
    failed: Arc<AtomicU64>,
}

impl Bar {
    pub(super) fn new(total: u64, failed: Arc<AtomicU64>) -> Self {
        let line = Line::new();
        let id = line.id();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(line), RATE);
        let bar = Bar { inner: indicatif::ProgressBar::with_draw_target(Some(total), target), line: id, failed };
        bar.inner.set_style(bar.style(None));
        bar.inner.tick();
        bar
    }

    fn style(&self, end: Option<End>) -> ProgressStyle {
        let colour = match end {
            None => "\x1b[36m",
            Some(End::Done) => "\x1b[32m",
            Some(End::Failed) => "\x1b[31m",
            Some(End::Stopped) => "\x1b[33m",
        };
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let (colour, red, reset) = if plain { ("", "", "") } else { (colour, "\x1b[31m", "\x1b[0m") };
        let time = match end {
            None => "eta {eta}",
            Some(End::Done | End::Failed) => "in {elapsed}",
            Some(End::Stopped) => "stopped after {elapsed}",
        };
        let template = format!(
            "{{prefix}}{colour}{{bar:32}}{reset} {{human_pos}}/{{human_len}} {{percent}}% {{rate}} {time}{{failed}}"
        );
        let failed = self.failed.clone();
        ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏░")
            .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
                let _ = write!(out, "{:.1}/s", state.per_sec());
            })
            .with_key("failed", move |_: &ProgressState, out: &mut dyn Write| {
                let failed = failed.load(Ordering::Relaxed);
                if failed > 0 {
                    let _ = write!(out, ", {red}{failed} failed{reset}");
                }
            })
    }

    pub(super) fn describe(&self, mut description: String) {
        if !description.is_empty() {
            description.push(' ');
        }
        self.inner.set_prefix(description);
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
