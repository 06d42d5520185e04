//! A page on which workers of any thread or process note what they do, so that a test can count what was run.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::TempDir;

/// The test's side.
#[derive(Debug, Default)]
pub struct Journal(TempDir);

/// The worker's side: an argument of a call or of a constructor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page(PathBuf);

impl Journal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a worker needs to write.
    pub fn page(&self) -> Page {
        Page(self.0.path().join("page"))
    }

    /// What was noted, in order.
    pub fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.page().0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What was noted, as numbers.
    pub fn numbers(&self) -> Vec<u64> {
        self.lines().iter().map(|line| line.parse().unwrap()).collect()
    }

    /// How often `line` was noted.
    pub fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|noted| *noted == line).count()
    }
}

impl Page {
    /// Whether nothing was noted yet.
    pub fn is_blank(&self) -> bool {
        std::fs::metadata(&self.0).map_or(true, |page| page.len() == 0)
    }

    /// Whether this is the first time that anybody asks.
    pub fn is_claimed_first(&self) -> bool {
        OpenOptions::new().create_new(true).write(true).open(self.0.with_extension("claimed")).is_ok()
    }

    /// Whether `line` was noted.
    pub fn has(&self, line: &str) -> bool {
        std::fs::read_to_string(&self.0).is_ok_and(|text| text.lines().any(|noted| noted == line))
    }

    /// How often `line` was noted.
    pub fn count(&self, line: &str) -> usize {
        std::fs::read_to_string(&self.0).map_or(0, |text| text.lines().filter(|noted| *noted == line).count())
    }

    /// Adds a line. It is one write, so that lines of several processes do not mix.
    pub fn note(&self, line: impl Display) {
        match OpenOptions::new().create(true).append(true).open(&self.0) {
            Ok(mut page) => page.write_all(format!("{line}\n").as_bytes()).unwrap(),
            // A worker that is let go of after its test has nobody to tell.
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
    }
}
