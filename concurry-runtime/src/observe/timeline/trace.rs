//! What was recorded, in the trace event format: a list of events as JSON, which Perfetto and chrome://tracing read.
//!
//! Slices of a thread must not overlap by halves, there or in any other reader. So a worker that ran several calls at once
//! has several rows, and a slice is in the first that is free.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Write};

use super::ring::{Record, Taken, What};
use crate::call::NONE;
use crate::observe::{Outcome, Scene};

/// How many workers may have rows before their numbers meet those of the next row.
const STRIDE: u64 = 1 << 20;

pub(super) fn write(taken: &Taken, to: &mut dyn Write) -> io::Result<()> {
    let mut trace = Trace { to, start: taken.start, first: true };
    write!(
        trace.to,
        "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"dropped\":\"{}\"}},\"traceEvents\":[",
        taken.dropped
    )?;
    for (at, scene) in taken.pools.iter().enumerate() {
        let records: Vec<&Record> =
            taken.records.iter().filter(|(pool, _)| *pool as usize == at).map(|(_, record)| record).collect();
        trace.pool(scene, &records)?;
    }
    writeln!(trace.to, "\n]}}")
}

struct Trace<'a> {
    to: &'a mut dyn Write,
    start: u64,
    first: bool,
}

/// Where an event is: the pool's number, and the row's.
#[derive(Clone, Copy)]
struct Row {
    pool: u32,
    thread: u64,
}

impl Trace<'_> {
    fn pool(&mut self, scene: &Scene, records: &[&Record]) -> io::Result<()> {
        let pool = scene.number;
        let name = format!("{} ({})", scene.pool, scene.mode_name());
        self.event(format_args!(
            "\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{pool},\"args\":{{\"name\":{}}}",
            Text(&name)
        ))?;
        let mut rows = Rows::default();
        for record in records {
            rows.of(record.worker);
        }
        let mut runs: Vec<&&Record> = records.iter().filter(|record| record.begun().is_some()).collect();
        runs.sort_by_key(|record| record.begun());
        for record in runs {
            if let (Some(begun), Some(ended)) = (record.begun(), record.ended()) {
                let row = Row { pool, thread: rows.take(record.worker, begun, ended) };
                self.run(scene, row, record)?;
            }
        }
        for record in records {
            self.others(scene, Row { pool, thread: thread(record.worker, 0) }, record)?;
        }
        for (worker, ends) in &rows.0 {
            for row in 0..ends.len().max(1) {
                self.name(pool, *worker, row)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, pool: u32, worker: usize, row: usize) -> io::Result<()> {
        let name = match (worker, row) {
            (NONE, _) => "no worker".to_owned(),
            (worker, 0) => format!("worker {worker}"),
            (worker, row) => format!("worker {worker}, at once {}", row + 1),
        };
        let thread = thread(worker, row);
        let order = if worker == NONE { 0 } else { (worker as u64 + 1) * 1024 + row as u64 };
        let common = format!("\"ph\":\"M\",\"pid\":{pool},\"tid\":{thread}");
        self.event(format_args!("{common},\"name\":\"thread_name\",\"args\":{{\"name\":{}}}", Text(&name)))?;
        self.event(format_args!("{common},\"name\":\"thread_sort_index\",\"args\":{{\"sort_index\":{order}}}"))
    }

    /// The slice on a worker's lane.
    fn run(&mut self, scene: &Scene, row: Row, record: &Record) -> io::Result<()> {
        match record.what {
            What::Call { method, call, attempt, begun: Some(begun), ended, came, ready, .. } => {
                let colour = if came == Outcome::Ok { "" } else { ",\"cname\":\"terrible\"" };
                let name = Text(scene.method(method));
                let (at, long, queued) = (self.at(begun), Micros(span(begun, ended)), Micros(span(ready, begun)));
                self.event(format_args!(
                    "\"ph\":\"X\",\"cat\":\"run\",\"name\":{name},{row},\"ts\":{at},\"dur\":{long}{colour},\"args\":{{\"call\":{call},\"attempt\":{attempt},\"outcome\":\"{}\",\"queued_us\":{queued}}}",
                    came.name(),
                ))
            }
            What::Chunk { method, calls, failed, begun, ended } => {
                let name = format!("{} × {calls}", scene.method(method));
                let (at, long) = (self.at(begun), Micros(span(begun, ended)));
                self.event(format_args!(
                    "\"ph\":\"X\",\"cat\":\"chunk\",\"name\":{},{row},\"ts\":{at},\"dur\":{long},\"args\":{{\"calls\":{calls},\"failed\":{failed}}}",
                    Text(&name),
                ))
            }
            What::Call { .. } | What::Mark { .. } => Ok(()),
        }
    }

    /// What is beside the lanes: how long an attempt waited, and marks.
    fn others(&mut self, scene: &Scene, row: Row, record: &Record) -> io::Result<()> {
        match record.what {
            What::Call { method, call, attempt, ready, begun, ended, came, again } => {
                let name = format!("{} queued", scene.method(method));
                let until = begun.unwrap_or(ended);
                let id = format!("{call}.{attempt}");
                for (phase, time) in [('b', ready), ('e', until)] {
                    let at = self.at(time);
                    self.event(format_args!(
                        "\"ph\":\"{phase}\",\"cat\":\"queue\",\"name\":{},\"id\":\"{id}\",{row},\"ts\":{at},\"args\":{{\"call\":{call},\"attempt\":{attempt}}}",
                        Text(&name),
                    ))?;
                }
                let told = match came {
                    _ if again => "retried",
                    Outcome::Cancelled => "cancelled",
                    Outcome::TimedOut => "timed out",
                    _ => return Ok(()),
                };
                self.instant(row, &format!("{} {told}", scene.method(method)), ended)
            }
            What::Chunk { .. } => Ok(()),
            What::Mark { mark, at } => self.instant(row, mark.name(), at),
        }
    }

    fn instant(&mut self, row: Row, name: &str, at: u64) -> io::Result<()> {
        let at = self.at(at);
        self.event(format_args!("\"ph\":\"i\",\"cat\":\"mark\",\"name\":{},{row},\"ts\":{at},\"s\":\"t\"", Text(name)))
    }

    fn event(&mut self, event: fmt::Arguments<'_>) -> io::Result<()> {
        let before = if std::mem::take(&mut self.first) { "\n" } else { ",\n" };
        write!(self.to, "{before}{{{event}}}")
    }

    /// A moment since the start.
    fn at(&self, moment: u64) -> Micros {
        Micros(span(self.start, moment))
    }
}

impl Record {
    fn begun(&self) -> Option<u64> {
        match self.what {
            What::Call { begun, .. } => begun,
            What::Chunk { begun, .. } => Some(begun),
            What::Mark { .. } => None,
        }
    }

    fn ended(&self) -> Option<u64> {
        match self.what {
            What::Call { ended, .. } | What::Chunk { ended, .. } => Some(ended),
            What::Mark { .. } => None,
        }
    }
}

fn span(from: u64, to: u64) -> u64 {
    to.saturating_sub(from)
}

/// The number of a row. That of what no worker had is nought.
fn thread(worker: usize, row: usize) -> u64 {
    if worker == NONE { 0 } else { row as u64 * STRIDE + worker as u64 + 1 }
}

/// The rows of each worker, each with the end of the last slice in it.
#[derive(Default)]
struct Rows(BTreeMap<usize, Vec<u64>>);

impl Rows {
    fn of(&mut self, worker: usize) -> &mut Vec<u64> {
        self.0.entry(worker).or_default()
    }

    /// The first row that is free from `begun` on, for a slice until `ended`.
    fn take(&mut self, worker: usize, begun: u64, ended: u64) -> u64 {
        let rows = self.of(worker);
        let row = rows.iter().position(|&end| end <= begun).unwrap_or(rows.len());
        match rows.get_mut(row) {
            Some(end) => *end = ended,
            None => rows.push(ended),
        }
        thread(worker, row)
    }
}

impl Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"pid\":{},\"tid\":{}", self.pool, self.thread)
    }
}

/// Nanoseconds, as the microseconds that the format wants.
#[derive(Clone, Copy)]
struct Micros(u64);

impl Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A text as JSON has it.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}
