//! Progress is counted and told, on a clock of the test's.

use super::area::Area;
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
    (ProgressBar::on(screen, total, Arc::default()), paper)
}

fn counts(done: u64, failed: u64) -> Counts {
    Counts { done, total: 1000, failed }
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
    plain.advance(counts(599, 0), at(14));
    assert_eq!(paper.lines(), ["Hashing: 500/1000 (50%), 100.0/s, 5s left"]);
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
    assert_eq!(bar.0.done.load(Ordering::Relaxed), 4);
}

#[test]
fn nothing_to_do_is_done() {
    let (bar, paper) = on_paper(0);
    drop(bar);
    assert_eq!(paper.lines()[0].split(" in ").next().unwrap(), "0/0 done");
    assert_eq!(
        ProgressBar::on(
            Screen::Plain(Plain::new(Box::new(Paper::default()), Instant::now())),
            amount(-5),
            Arc::default()
        )
        .0
        .total,
        0
    );
}

#[test]
fn bars_are_below_an_empty_line_and_leave_a_line_when_they_end() {
    let mut area = Area::new();
    let (outer, inner) = (area.add(), area.add());
    area.set(outer, "outer");
    area.set(inner, "inner");
    let bare = |frame: String| frame.replace("\x1b[?7l", "").replace("\x1b[?7h", "");
    assert_eq!(bare(area.frame(None)), "\nouter\ninner\r\x1b[2A");
    let last = area.remove(inner);
    assert_eq!(bare(area.frame(last.as_deref())), "\x1b[J\rinner\n\nouter\r\x1b[1A");
    let last = area.remove(outer);
    assert_eq!(bare(area.frame(last.as_deref())), "\x1b[J\router\n");
    assert_eq!(bare(area.frame(None)), "");
    assert!(area.remove(outer).is_none());
    for _ in 0..12 {
        area.add();
    }
    assert!(bare(area.frame(None)).ends_with("\n… and 2 more\r\x1b[11A"));
}
