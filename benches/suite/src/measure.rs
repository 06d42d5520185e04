//! Ways to do the same work, measured in rounds that take turns, so that whatever else the machine does meets all alike.

use std::error::Error;
use std::time::{Duration, Instant};

use serde::Serialize;

pub type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Whose way it is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    Ours,
    /// What the machine itself allows, with nothing around it.
    Limit,
    Peer,
}

type Run = Box<dyn FnMut(u32) -> Result<Duration>>;

pub struct Way {
    name: String,
    who: Who,
    /// How many operations a round has.
    operations: u32,
    run: Run,
    /// Seconds an operation, one for each round.
    took: Vec<f64>,
    failed: Option<String>,
}

impl Way {
    /// A way that is timed from here.
    pub fn new(who: Who, name: &str, operations: u32, mut run: impl FnMut(u32) -> Result<()> + 'static) -> Self {
        Self::told(who, name, operations, move |operations| {
            let begun = Instant::now();
            run(operations)?;
            Ok(begun.elapsed())
        })
    }

    /// A way that says itself how long it took.
    pub fn told(who: Who, name: &str, operations: u32, run: impl FnMut(u32) -> Result<Duration> + 'static) -> Self {
        let operations = operations.max(1);
        Way { name: name.to_owned(), who, operations, run: Box::new(run), took: Vec::new(), failed: None }
    }

    fn round(&mut self, counts: bool) {
        if self.failed.is_some() {
            return;
        }
        // The first round is for getting warm, for which a part of the work will do.
        let operations = if counts { self.operations } else { self.operations.div_ceil(10) };
        match (self.run)(operations) {
            Ok(took) if counts => self.took.push(took.as_secs_f64() / f64::from(operations)),
            Ok(_) => {}
            Err(error) => self.failed = Some(error.to_string()),
        }
    }
}

/// Some work, and who does it.
pub struct Row {
    pub key: &'static str,
    pub title: String,
    pub ways: Vec<Way>,
}

/// What a way came to.
#[derive(Serialize)]
pub struct Figure {
    pub name: String,
    pub who: Who,
    /// Seconds an operation, by the median round; none where it failed.
    pub seconds: Option<f64>,
    /// The quickest and the slowest round.
    pub range: Option<(f64, f64)>,
    /// How many times as long it takes as our first way.
    pub ratio: Option<f64>,
    pub failed: Option<String>,
}

#[derive(Serialize)]
pub struct Table {
    pub key: &'static str,
    pub title: String,
    pub figures: Vec<Figure>,
}

impl Row {
    pub fn measure(mut self, rounds: usize) -> Table {
        eprintln!("{}", self.title);
        for round in 0..=rounds {
            for way in &mut self.ways {
                way.round(round > 0);
            }
        }
        let mut figures: Vec<Figure> = self.ways.into_iter().map(figure).collect();
        let ours = figures.iter().find(|figure| figure.who == Who::Ours).and_then(|figure| figure.seconds);
        for figure in &mut figures {
            figure.ratio = figure.seconds.zip(ours).map(|(own, ours)| own / ours);
        }
        Table { key: self.key, title: self.title, figures }
    }
}

fn figure(way: Way) -> Figure {
    let Way { name, who, mut took, failed, .. } = way;
    took.sort_by(f64::total_cmp);
    let seconds = took.get(took.len() / 2).copied();
    let range = took.first().copied().zip(took.last().copied());
    Figure { name, who, seconds, range, ratio: None, failed }
}
