//! Progress is counted and told, on a clock of the test's.

use super::area::{Area, Size};
use std::io::Write;
use std::sync::Mutex;
use std::time::Duration;

use super::*;

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

fn on_paper(total: u64) -> (ProgressBar, Paper) {
    let paper = Paper::default();
    let screen = Screen::Plain(Plain::new(Box::new(paper.clone()), Instant::now()));
    (ProgressBar::on(screen, Tally::new(total)), paper)
}

fn counts(done: u64, failed: u64) -> Counts {
    Counts { done, total: 1000, failed, cancelled: 0 }
}

#[test]
fn a_line_now_and_then() {
    let paper = Paper::default();
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    let plain = Plain::new(Box::new(paper.clone()), start);
    plain.describe("Hashing".to_owned());
    plain.advance(counts(500, 0), start + Duration::from_millis(900));
    assert!(paper.lines().is_empty(), "too soon");
    plain.advance(counts(500, 0), at(5));
    plain.advance(counts(550, 0), at(7));
    plain.advance(counts(599, 0), start + Duration::from_millis(9900));
    assert_eq!(paper.lines(), ["Hashing: 500/1000 (50%), 100.0/s, 5s left"]);
    assert_eq!(plain.late_at(), at(10));
    plain.advance(counts(599, 2), at(15));
    assert_eq!(paper.lines()[1], "Hashing: 599/1000 (59%), 39.9/s, 10s left, 2 failed");
    plain.advance(counts(600, 2), at(16));
    assert!(paper.lines()[2].starts_with("Hashing: 600/1000 (60%)"));
    plain.advance(counts(1000, 2), at(20));
    assert_eq!(paper.lines().len(), 3, "the last line comes with the end");
    plain.end(counts(1000, 2), End::Failed, at(20));
    assert_eq!(paper.lines()[3], "Hashing: 1000/1000 done in 20.0s, 50.0/s, 2 failed");
}

#[test]
fn a_line_at_the_end_and_only_one() {
    let (bar, paper) = on_paper(3);
    bar.inc(2);
    bar.inc_failed(1usize);
    bar.finish();
    bar.inc(1);
    bar.finish();
    drop(bar);
    let lines = paper.lines();
    assert!(lines.len() == 1 && lines[0].starts_with("3/3 done in ") && lines[0].ends_with(", 1 failed"), "{lines:?}");
}

#[test]
fn what_was_cancelled_did_not_fail() {
    let (bar, paper) = on_paper(4);
    bar.inc(1);
    bar.inc_cancelled(2);
    assert_eq!(format!("{bar:?}"), "ProgressBar { done: 3, total: 4, failed: 0, cancelled: 2 }");
    bar.inc_failed(1);
    bar.finish();
    let lines = paper.lines();
    assert!(lines[0].starts_with("4/4 done in ") && lines[0].ends_with(", 1 failed, 2 cancelled"), "{lines:?}");
    let (bar, paper) = on_paper(3);
    bar.end(End::of_error(&Error::cancelled()));
    assert!(paper.lines()[0].starts_with("0/3 given up in "), "{:?}", paper.lines());
    assert_eq!(Outcome::of(&Err::<(), _>(Error::cancelled())), Outcome::Cancelled);
    assert_eq!(Outcome::of(&Err::<(), _>(Error::stopped())), Outcome::Failed);
}

#[test]
fn dropped_half_way_it_says_so() {
    let (bar, paper) = on_paper(3);
    let same = bar.clone();
    bar.inc(1);
    drop(bar);
    assert!(paper.lines().is_empty());
    drop(same);
    assert!(paper.lines()[0].starts_with("1/3 stopped in "), "{:?}", paper.lines());
    let (bar, paper) = on_paper(3);
    bar.end(End::Failed);
    assert!(paper.lines()[0].starts_with("0/3 given up in "), "{:?}", paper.lines());
}

#[test]
fn a_wrapped_iterator_is_counted() {
    let (bar, paper) = on_paper(10);
    let items = bar.wrap(0..10);
    assert_eq!(items.len(), 10);
    assert_eq!(items.sum::<i32>(), 45);
    assert!(paper.lines()[0].starts_with("10/10 done in "), "{:?}", paper.lines());
    let (bar, paper) = on_paper(10);
    for item in bar.wrap(0..10) {
        if item == 4 {
            break;
        }
    }
    assert!(paper.lines().is_empty());
    assert_eq!(bar.0.tally.counts().done, 4);
}

#[test]
fn nothing_to_do_is_done() {
    let (bar, paper) = on_paper(0);
    drop(bar);
    assert_eq!(paper.lines()[0].split(" in ").next().unwrap(), "0/0 done");
    assert_eq!(amount(-5), 0);
}

/// Frames of an area on a terminal of this size, without what surrounds each.
fn frames(area: &mut Area, last: Option<&str>, rows: usize, columns: usize) -> String {
    let frame = area.frame(last, Size { rows, columns });
    let inside = frame.strip_prefix("\x1b[?2026h\x1b[?7l").and_then(|rest| rest.strip_suffix("\x1b[?7h\x1b[?2026l"));
    inside.unwrap().to_owned()
}

#[test]
fn bars_are_below_what_is_printed_and_leave_a_line_when_they_end() {
    let mut area = Area::new();
    let (outer, inner) = (area.add(), area.add());
    area.set(outer, "1/2");
    area.set(inner, "3/4");
    let drawn = |lines: &[&str]| {
        let below = lines.len() + 3;
        format!("{}\x1b[{below}A\x1b7\x1b[4B\r{}\x1b8", "\x1bD".repeat(below), lines.join("\r\x1b[B"))
    };
    assert_eq!(frames(&mut area, None, 24, 10), drawn(&["1/2", "3/4"]));
    // With labels they begin in the same column, and go on to do so.
    area.describe(inner, "in\nner");
    assert_eq!(frames(&mut area, None, 24, 10), format!("\x1b[J{}", drawn(&["       1/2", "in ner 3/4"])));
    let last = area.remove(inner);
    let ended = |line: &str| format!("\x1b[J\x1b[?7h          \x1b[?7l\r\x1b[K{line}\n");
    let frame = frames(&mut area, last.as_deref(), 24, 10);
    assert_eq!(frame, format!("{}{}", ended("in ner 3/4"), drawn(&["       1/2"])));
    let last = area.remove(outer);
    assert_eq!(frames(&mut area, last.as_deref(), 24, 10), ended("       1/2"));
    assert_eq!(frames(&mut area, None, 24, 10), "");
    assert!(area.remove(outer).is_none());
    // The next ones have labels of their own.
    let next = area.add();
    area.set(next, "\x1b[36m12345678901\x1b[0m");
    assert_eq!(frames(&mut area, None, 24, 10), drawn(&["\x1b[36m123456789…\x1b[0m"]), "cut where it does not fit");
}

#[test]
fn no_more_bars_are_shown_than_fit() {
    let mut area = Area::new();
    for number in 0..12 {
        let bar = area.add();
        area.set(bar, &number.to_string());
    }
    let shown = |area: &mut Area, rows| {
        let frame = frames(area, None, rows, 80);
        let (_, lines) = frame.split_once("\x1b[4B\r").unwrap();
        lines.strip_suffix("\x1b8").unwrap().split("\r\x1b[B").map(str::to_owned).collect::<Vec<_>>()
    };
    for (rows, bars) in [(0, 1), (5, 1), (7, 2), (14, 9), (15, 10), (100, 10)] {
        let lines = shown(&mut area, rows);
        assert_eq!(lines.len(), bars + 1, "{rows} rows: {lines:?}");
        assert_eq!(lines[bars], format!("… and {} more", 12 - bars));
    }
    (1..=2).for_each(|id| drop(area.remove(id)));
    assert_eq!(shown(&mut area, 100), (2..12).map(|number| number.to_string()).collect::<Vec<_>>());
}
