//! The lines at the bottom of the terminal where the bars are.
//!
//! While bars are shown the cursor rests where others left it, some rows above them. So what others print in between,
//! of this process or of a worker process that shares the terminal, lands in these rows, and the next frame clears what is
//! below it and draws the bars again further down: no output is lost, and none is drawn over. Of more lines at once than
//! there are rows, those after that many carry the tail of a bar. A bar that has ended is printed once more, above, and
//! stays.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width, truncate_str};
use indicatif::TermLike;

/// More bars than this are counted, not shown, and fewer on a small terminal.
const SHOWN: usize = 10;

/// How many rows are left for what others print between two frames.
const ROOM: usize = 4;

static AREA: Mutex<Area> = Mutex::new(Area::new());

fn area() -> MutexGuard<'static, Area> {
    AREA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How large the terminal is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// As it is now.
pub(super) fn size() -> Size {
    static TERMINAL: LazyLock<Term> = LazyLock::new(Term::stderr);
    let (rows, columns) = TERMINAL.size_checked().unwrap_or((24, 80));
    Size { rows: rows.into(), columns: columns.into() }
}

/// What is shown of a bar.
struct Shown {
    id: u64,
    label: String,
    text: String,
}

pub(super) struct Area {
    next: u64,
    bars: Vec<Shown>,
    /// The longest label since there were no bars last, so that they stand below each other.
    width: usize,
    /// Whether bars are below the cursor.
    drawn: bool,
}

impl Shown {
    fn line(&self, width: usize) -> String {
        if width == 0 {
            return self.text.clone();
        }
        let rest = width.saturating_sub(measure_text_width(&self.label));
        format!("{}{:rest$} {}", self.label, "", self.text)
    }
}

impl Area {
    pub(super) const fn new() -> Self {
        Area { next: 0, bars: Vec::new(), width: 0, drawn: false }
    }

    pub(super) fn add(&mut self) -> u64 {
        self.next += 1;
        if self.bars.is_empty() {
            self.width = 0;
        }
        self.bars.push(Shown { id: self.next, label: String::new(), text: String::new() });
        self.next
    }

    fn bar(&mut self, id: u64) -> Option<&mut Shown> {
        self.bars.iter_mut().find(|bar| bar.id == id)
    }

    pub(super) fn describe(&mut self, id: u64, label: &str) {
        // A label is one line, whatever is in it.
        let label = label.split(char::is_control).collect::<Vec<_>>().join(" ");
        self.width = self.width.max(measure_text_width(&label));
        if let Some(bar) = self.bar(id) {
            bar.label = label;
        }
    }

    pub(super) fn set(&mut self, id: u64, text: &str) {
        if let Some(bar) = self.bar(id) {
            text.clone_into(&mut bar.text);
        }
    }

    /// Takes a line out, to be printed for good.
    pub(super) fn remove(&mut self, id: u64) -> Option<String> {
        let index = self.bars.iter().position(|bar| bar.id == id)?;
        Some(self.bars.remove(index).line(self.width))
    }

    /// What to send to the terminal: clears what is there, prints `last` for good, and draws the bars.
    pub(super) fn frame(&mut self, last: Option<&str>, size: Size) -> String {
        let fit = |line: &str| truncate_str(line, size.columns, "…").into_owned();
        // Shown at once, where a terminal can; and no line wraps, however long the label.
        let mut frame = "\x1b[?2026h\x1b[?7l".to_owned();
        if self.drawn {
            frame.push_str("\x1b[J");
        }
        if let Some(last) = last {
            // So many spaces come to the next line unless they begin at the first column: what others have begun to
            // print stays.
            let columns = size.columns;
            let _ = write!(frame, "\x1b[?7h{:columns$}\x1b[?7l\r\x1b[K{}\n", "", fit(last));
        }
        let most = size.rows.saturating_sub(ROOM).clamp(2, SHOWN + 1);
        let shown = if self.bars.len() < most { self.bars.len() } else { most - 1 };
        let mut lines: Vec<String> = self.bars[..shown].iter().map(|bar| fit(&bar.line(self.width))).collect();
        let more = self.bars.len() - shown;
        if more > 0 {
            lines.push(format!("… and {more} more"));
        }
        self.drawn = !lines.is_empty();
        if self.drawn {
            // Down, which scrolls where need be, and up again to where the cursor is to rest, in whichever column.
            let below = ROOM + lines.len() - 1;
            let _ = write!(frame, "{}\x1b[{below}A\x1b7\x1b[{ROOM}B", "\x1bD".repeat(below));
            let _ = write!(frame, "\r{}\x1b8", lines.join("\r\x1b[B"));
        }
        frame.push_str("\x1b[?7h\x1b[?2026l");
        frame
    }

    fn draw(&mut self, last: Option<&str>) {
        let frame = self.frame(last, size());
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

/// Puts `label` before the bar of `id`.
pub(super) fn describe(id: u64, label: &str) {
    area().describe(id, label);
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
