//! Chairs that whoever holds something sits down on, in whatever thread or process it is, so that holders are counted by
//! themselves.
//!
//! A chair is a file, and who sits on it has it locked. The kernel unlocks it when the process of its holder has died,
//! before anybody can learn of that death by waiting for it; so the dead keep no chair, and whoever comes after them
//! finds one.

use std::fs::File;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::TempDir;

/// The test's side.
#[derive(Debug)]
pub struct Chairs {
    folder: TempDir,
    count: usize,
}

/// The worker's side: an argument of a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    folder: PathBuf,
    count: usize,
}

/// Chairs as one holder at a time sees them.
#[derive(Debug)]
pub struct View(Vec<File>);

/// A chair that is sat on. Dropping it stands up.
#[derive(Debug)]
pub struct Seat<'a> {
    /// Which it is, from 0. Nobody sits on a later one while an earlier one is free.
    pub number: usize,
    file: &'a File,
}

impl Chairs {
    /// So many.
    pub fn new(count: usize) -> Self {
        let folder = TempDir::new();
        for number in 0..count {
            File::create(folder.path().join(number.to_string())).unwrap();
        }
        Chairs { folder, count }
    }

    /// What a worker needs to sit down.
    pub fn row(&self) -> Row {
        Row { folder: self.folder.path().to_owned(), count: self.count }
    }
}

impl Row {
    /// Looks at the chairs. Each view is somebody of its own.
    pub fn view(&self) -> View {
        View((0..self.count).map(|number| File::open(self.folder.join(number.to_string())).unwrap()).collect())
    }
}

impl View {
    /// Sits down on the first chair that is free; `None` where none is.
    pub fn sit(&self) -> Option<Seat<'_>> {
        let free = |file: &&File| match file.try_lock() {
            Ok(()) => true,
            Err(std::fs::TryLockError::WouldBlock) => false,
            Err(std::fs::TryLockError::Error(error)) => panic!("a chair could not be locked: {error}"),
        };
        let number = self.0.iter().position(|file| free(&file))?;
        Some(Seat { number, file: &self.0[number] })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.file.unlock().unwrap();
    }
}
