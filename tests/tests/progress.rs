//! Bars on a terminal stay apart from each other and from what anybody prints; elsewhere they are lines.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use avt::{Color, Line, Terminal};
use concurry_tests::Program;
use nix::pty::{Winsize, openpty};

/// The end of a frame.
const SHOWN: &str = "\u{1b}[?2026l";

/// What a line of the screen is.
#[derive(Debug, PartialEq)]
enum Seen {
    Printed(String),
    /// Label, figures, colour and what went wrong; the column in which the bar begins.
    Bar(String, usize),
}

fn is_of_bar(letter: char) -> bool {
    "█▉▊▋▌▍▎▏░".contains(letter)
}

fn seen(line: &Line) -> Option<Seen> {
    let text = line.text().trim_end().to_owned();
    let Some(begins) = line.cells().iter().position(|cell| is_of_bar(cell.char())) else {
        return (!text.is_empty()).then_some(Seen::Printed(text));
    };
    let colour = match line.cells()[begins].pen().foreground() {
        Some(Color::Indexed(1)) => "red",
        Some(Color::Indexed(2)) => "green",
        Some(Color::Indexed(3)) => "yellow",
        Some(Color::Indexed(5)) => "magenta",
        Some(Color::Indexed(6)) => "cyan",
        other => panic!("{text}: {other:?}"),
    };
    let label: String = text.chars().take(begins).collect();
    let figures = text.trim_start_matches(|letter| !is_of_bar(letter)).trim_start_matches(is_of_bar).trim();
    let count = figures.split(' ').next().unwrap();
    let trouble = figures.split_once(", ").map(|(_, trouble)| format!(", {trouble}")).unwrap_or_default();
    Some(Seen::Bar(format!("{} {count} {colour}{trouble}", label.trim_end()), begins))
}

fn screen(terminal: &Terminal) -> Vec<Seen> {
    terminal.screen().all_lines().filter_map(seen).collect()
}

fn printed(line: impl Into<String>) -> Seen {
    Seen::Printed(line.into())
}

/// Runs the program on a terminal, shows `each` the screen after every frame, and gives the last.
fn on_a_terminal(mode: &str, rows: u16, columns: u16, mut each: impl FnMut(&Terminal)) -> Terminal {
    let pty = openpty(&Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }, None).unwrap();
    let side = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_bars"));
    command.arg(mode).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::null()).stdout(side()).stderr(side()).spawn().unwrap();
    drop(command);
    drop(pty.slave);
    let mut terminal = Terminal::with_scrollback(columns.into(), rows.into(), None).unwrap();
    let (mut master, mut bytes, mut chunk) = (File::from(pty.master), Vec::new(), [0; 4096]);
    // Nobody has the other side open any more: that is an error of reading, on Linux.
    while let Ok(count @ 1..) = master.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..count]);
        let whole = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid()).to_owned();
        bytes.drain(..whole.len());
        for frame in whole.split_inclusive(SHOWN) {
            terminal.feed(frame);
            if frame.ends_with(SHOWN) {
                each(&terminal);
            }
        }
    }
    assert!(child.wait().unwrap().success());
    terminal
}

#[test]
fn bars_stand_in_a_column_below_what_workers_print() {
    for mode in ["thread", "process"] {
        let mut together = 0;
        let last = on_a_terminal(mode, 24, 80, |terminal| {
            let lines = screen(terminal);
            let bars: Vec<_> = lines
                .iter()
                .filter_map(|line| match line {
                    Seen::Bar(text, begins) => Some((text.as_str(), *begins)),
                    Seen::Printed(_) => None,
                })
                .collect();
            // Those that run are the last lines, in the order in which they were made.
            if let [.., outer, inner] = bars.as_slice()
                && outer.0.starts_with("outer ")
                && outer.0.ends_with("cyan")
                && inner.0.starts_with("inner ")
                && inner.0.ends_with("cyan")
            {
                together += 1;
                assert_eq!(outer.1, inner.1, "{lines:?}");
                assert!(matches!(lines.as_slice(), [.., Seen::Bar(..), Seen::Bar(..)]), "{lines:?}");
            }
            for line in &lines {
                // What was printed is as it was printed.
                if let Seen::Printed(text) = line {
                    assert!(
                        text.starts_with("a worker says ") && text.len() == 17 || text == "half a line",
                        "{lines:?}"
                    );
                }
            }
        });
        assert!(together >= 6, "{mode}: seen together {together} times");

        let mut expected = Vec::new();
        for round in 0..2 {
            expected.extend((0..6).map(|number| printed(format!("a worker says {round}.{number}"))));
            expected.push(Seen::Bar(format!("inner {round} 6/6 green"), 8));
        }
        expected.push(Seen::Bar("outer 2/2 green".to_owned(), 8));
        expected.push(printed("half a line"));
        for (line, begins) in [
            ("good 2/2 green", 5),
            ("bad 2/2 red, 1 failed", 4),
            ("gone 2/2 yellow, 1 cancelled", 5),
            ("both 2/2 red, 1 failed, 1 cancelled", 5),
            ("given up 1/1 yellow, 1 cancelled", 9),
            ("left 1/2 magenta", 5),
        ] {
            expected.push(Seen::Bar(line.to_owned(), begins));
        }
        expected.push(printed("the end"));
        assert_eq!(screen(&last), expected, "{mode}");
    }
}

#[test]
fn on_a_small_terminal_bars_are_shorter_and_nothing_wraps() {
    let last = on_a_terminal("thread", 8, 40, |terminal| {
        // Only what a bar that ended left alone.
        let mut wrapped = terminal.screen().all_lines().filter(|line| line.is_wrapped());
        assert!(wrapped.all(|line| line.text().trim_end() == "half a line"));
    });
    let lines = screen(&last);
    assert_eq!(lines.len(), 12 + 3 + 1 + 6 + 1, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| matches!(line, Seen::Bar(text, _) if text.contains("/6 green"))).count(), 2);
}

#[test]
fn without_a_terminal_there_are_lines() {
    let mut program = Program::start(Command::new(env!("CARGO_BIN_EXE_bars")).arg("process"));
    assert!(program.wait().success());
    let said = program.all_said();
    let begins = ["inner 0: 6/6 done in ", "inner 1: 6/6 done in ", "outer: 2/2 done in ", "good: 2/2 done in "];
    let ends = [
        ("bad: 2/2 done in ", ", 1 failed"),
        ("gone: 2/2 done in ", ", 1 cancelled"),
        ("both: 2/2 done in ", ", 1 failed, 1 cancelled"),
        ("given up: 1/1 done in ", ", 1 cancelled"),
        ("left: 1/2 stopped in ", "/s"),
    ];
    let expected: Vec<_> = begins.into_iter().map(|begin| (begin, "/s")).chain(ends).collect();
    // Between these, there may be more where time passes slowly.
    let mut lines = said.iter();
    for (begin, end) in expected {
        assert!(lines.any(|line| line.starts_with(begin) && line.ends_with(end)), "{begin}..{end} in {said:#?}");
    }
    assert!(said.iter().all(|line| !line.contains('\u{1b}')), "{said:#?}");
}
