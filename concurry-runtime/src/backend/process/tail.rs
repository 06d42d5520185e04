//! The last that a worker wrote to its stderr: as much of it as an error keeps.
//!
//! With `RUST_BACKTRACE=1` what a worker says last is a backtrace, longer than all that is given. Why it died is said before
//! that, so more is kept than is given, and frames are left out. They have been shown when they were written.

use std::collections::VecDeque;

/// How many bytes are kept: some backtraces, and what was before.
const KEPT: usize = 16 << 10;

/// How many bytes are given.
const BYTES: usize = 4 << 10;

/// How many lines are given.
const LINES: usize = 20;

#[derive(Default)]
pub(in crate::backend) struct Tail {
    bytes: VecDeque<u8>,
    /// Something was before what is kept.
    cut: bool,
}

impl Tail {
    pub(in crate::backend) fn push(&mut self, bytes: &[u8]) {
        let new = bytes.get(bytes.len().saturating_sub(KEPT)..).unwrap_or_default();
        let over = (self.bytes.len() + new.len()).saturating_sub(KEPT);
        self.cut |= over > 0 || new.len() < bytes.len();
        self.bytes.drain(..over);
        self.bytes.extend(new);
    }

    /// The last lines, whole ones where there are any, without a last one that is `ours`. What is no text is replaced, as
    /// ever.
    pub(in crate::backend) fn text(&self, ours: Option<&str>) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let whole = match bytes.iter().position(|&byte| byte == b'\n') {
            Some(end) if self.cut && end + 1 < bytes.len() => bytes.get(end + 1..).unwrap_or_default(),
            _ => &bytes,
        };
        let text = String::from_utf8_lossy(whole);
        let text = text.trim_end();
        let text = ours.and_then(|ours| text.strip_suffix(ours)).unwrap_or(text);
        let lines = without_frames(text.trim_end(), self.cut);
        end_of(&lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")).to_owned()
    }
}

/// The lines that are no part of a backtrace of Rust's; `inside` where the text may begin in one.
fn without_frames(text: &str, mut inside: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    for line in text.lines() {
        if line == "stack backtrace:" {
            inside = true;
        } else if !inside || !is_frame(line) {
            // The last line of one says how to have a longer one.
            let note = inside && line.starts_with("note: Some details are omitted");
            inside = false;
            if !note {
                lines.push(line);
            }
        }
    }
    lines
}

/// As `  12: name`, and where that is, as `             at file:line:column`.
fn is_frame(line: &str) -> bool {
    let frame = line.trim_start();
    let numbered = frame.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    frame.len() < line.len() && (numbered || frame.starts_with("at "))
}

/// The last of it, in whole lines where there are any.
fn end_of(text: &str) -> &str {
    let over = text.len().saturating_sub(BYTES);
    let end = (over..text.len()).find_map(|at| text.get(at..)).unwrap_or_default();
    match end.split_once('\n') {
        Some((_, whole)) if over > 0 => whole,
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(parts: &[&[u8]]) -> String {
        let mut tail = Tail::default();
        for part in parts {
            tail.push(part);
        }
        tail.text(Some("ours"))
    }

    #[test]
    fn the_last_lines_are_kept_however_they_come() {
        assert_eq!(tail(&[]), "");
        assert_eq!(tail(&[b"\n\n"]), "");
        assert_eq!(tail(&[b"one\ntw", b"o\n", b"three"]), "one\ntwo\nthree");
        assert_eq!(tail(&[b"\n  indented\n\nlast\n\n"]), "\n  indented\n\nlast");
        let many: Vec<String> = (0..1000).map(|line| format!("line {line}\n")).collect();
        let bytes: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
        let expected: Vec<String> = (980..1000).map(|line| format!("line {line}")).collect();
        assert_eq!(tail(&bytes), expected.join("\n"));
        assert_eq!(tail(&[many.concat().as_bytes()]), expected.join("\n"));
    }

    #[test]
    fn what_is_ours_is_left_out() {
        let many: Vec<String> = (0..20).map(|line| format!("line {line}\n")).collect();
        let whole = many.concat();
        assert_eq!(tail(&[whole.as_bytes(), b"\nours\n"]), whole.trim_end());
        assert_eq!(tail(&[b"ours\ntheirs\n"]), "ours\ntheirs");
    }

    #[test]
    fn long_lines_are_cut_and_rubbish_is_text() {
        let long = vec![b'x'; 3 * KEPT];
        assert_eq!(tail(&[&long]), "x".repeat(BYTES));
        assert_eq!(tail(&[&long, b"\nlast\n"]), "last");
        assert_eq!(tail(&[&long, b"\n"]), "x".repeat(BYTES));
        assert_eq!(tail(&[b"\xff\xfe!\n"]), "\u{fffd}\u{fffd}!");
        let half = "é".repeat(KEPT);
        assert!(tail(&[half.as_bytes(), b"e"]).ends_with("ée"));
    }

    #[test]
    fn backtraces_leave_room_for_what_was_said() {
        let frames: Vec<String> =
            (0..50).map(|n| format!("{n:>4}: some::{}\n             at ./a.rs:{n}:1\n", "x".repeat(60))).collect();
        let note = "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n";
        let text = format!("before\nout of memory\nstack backtrace:\n{}{note}after\n", frames.concat());
        assert!(text.len() > BYTES && text.len() < KEPT);
        assert_eq!(tail(&[text.as_bytes()]), "before\nout of memory\nafter");
        // One whose beginning is lost.
        assert_eq!(tail(&[frames.concat().repeat(4).as_bytes(), note.as_bytes(), b"after\n"]), "after");
        // What only looks like one.
        assert_eq!(tail(&[b"   1: one\n             at home\n"]), "   1: one\n             at home");
        assert_eq!(tail(&[b"stack backtrace:\n   0: f\n2: two\n   3: three\n"]), "2: two\n   3: three");
    }
}
