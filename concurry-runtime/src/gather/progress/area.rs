//! The lines at the bottom of the terminal where the bars are.
//!
//! While bars are shown the cursor rests on an empty line above them. So what others print in between, of this process
//! or of a worker process that shares the terminal, lands on that line, and the next frame clears the bars below it and
//! draws them again further down: no output is lost, and none is drawn over. Of several lines at once those after the
//! first may carry the tail of a bar. A bar that has ended is printed once more, above the empty line, and stays.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

/// More bars than this are counted, not shown, so that they fit a small terminal.
const SHOWN: usize = 10;

static AREA: Mutex<Area> = Mutex::new(Area { next: 0, lines: Vec::new(), drawn: false });

fn area() -> MutexGuard<'static, Area> {
    AREA.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Area {
    next: u64,
    lines: Vec<(u64, String)>,
    /// Whether bars are below the cursor.
    drawn: bool,
}

impl Area {
    #[cfg(test)]
    pub(super) fn new() -> Self {
        Area { next: 0, lines: Vec::new(), drawn: false }
    }

    pub(super) fn add(&mut self) -> u64 {
        self.next += 1;
        self.lines.push((self.next, String::new()));
        self.next
    }

    pub(super) fn set(&mut self, id: u64, text: &str) {
        if let Some((_, line)) = self.lines.iter_mut().find(|(own, _)| *own == id) {
            text.clone_into(line);
        }
    }

    /// Takes a line out, to be printed for good.
    pub(super) fn remove(&mut self, id: u64) -> Option<String> {
        let index = self.lines.iter().position(|(own, _)| *own == id)?;
        Some(self.lines.remove(index).1)
    }

    /// What to send to the terminal: clears what is there, prints `last` for good, and draws the bars.
    pub(super) fn frame(&mut self, last: Option<&str>) -> String {
        let mut frame = String::new();
        // No line wraps meanwhile, whatever the width.
        frame.push_str("\x1b[?7l");
        if self.drawn {
            frame.push_str("\x1b[J");
        }
        if let Some(last) = last {
            let _ = write!(frame, "\r{last}\n");
        }
        let shown = self.lines.len().min(SHOWN);
        for (_, line) in &self.lines[..shown] {
            let _ = write!(frame, "\n{line}");
        }
        let more = self.lines.len() - shown;
        if more > 0 {
            let _ = write!(frame, "\n… and {more} more");
        }
        let height = shown + usize::from(more > 0);
        self.drawn = height > 0;
        if self.drawn {
            let _ = write!(frame, "\r\x1b[{height}A");
        }
        frame.push_str("\x1b[?7h");
        frame
    }

    fn draw(&mut self, last: Option<&str>) {
        let frame = self.frame(last);
        let mut terminal = io::stderr().lock();
        // Whoever closed the terminal does not want to hear of it.
        let _ = terminal.write_all(frame.as_bytes()).and_then(|()| terminal.flush());
    }
}

/// One bar's line: a terminal on which indicatif draws a single line, which goes into the area.
#[derive(Debug)]
pub(super) struct Line {
    id: u64,
    text: Mutex<String>,
}

impl Line {
    pub(super) fn new() -> Self {
        Line { id: area().add(), text: Mutex::default() }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the line of `id` as it is and where it is.
pub(super) fn end(id: u64) {
    let mut area = area();
    if let Some(line) = area.remove(id) {
        area.draw(Some(&line));
    }
}

impl TermLike for Line {
    fn width(&self) -> u16 {
        // The terminal cuts off what it cannot show; see `Area::frame`.
        500
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.text().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.text().clear();
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = std::mem::take(&mut *self.text());
        let mut area = area();
        area.set(self.id, text.trim());
        area.draw(None);
        Ok(())
    }
}
