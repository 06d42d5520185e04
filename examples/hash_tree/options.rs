//! The command line.

use std::ffi::OsString;

use concurry::prelude::*;

pub(crate) const USAGE: &str = "\
usage: hash_tree [FOLDER]..     every file below it; here, if none is named
  --mode MODE                   sync, thread, process (the default), or ray: built with `--features ray`, on the cluster
                                of RAY_ADDRESS, whose nodes all have the folder
  --workers N                   as many as there are CPUs, if not told
  --verify                      runs the real sha256sum too and compares";

/// What was asked for.
pub(crate) struct Options {
    pub(crate) paths: Vec<OsString>,
    pub(crate) mode: Mode,
    pub(crate) workers: usize,
    pub(crate) verify: bool,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut options = Options { paths: Vec::new(), mode: Mode::Process, workers: 0, verify: false };
        let mut workers = None;
        while let Some(word) = words.next() {
            let mut value = || {
                let value = words.next().ok_or_else(|| format!("{} needs a value", word.display()))?;
                Ok::<_, String>(value.to_string_lossy().into_owned())
            };
            match word.to_str() {
                Some("--mode") => options.mode = value()?.parse().map_err(|error| format!("--mode: {error}"))?,
                Some("--workers") => workers = Some(value()?.parse().map_err(|error| format!("--workers: {error}"))?),
                Some("--verify") => options.verify = true,
                Some(unknown) if unknown.starts_with("--") => return Err(format!("there is no option {unknown}")),
                _ => options.paths.push(word),
            }
        }
        if options.paths.is_empty() {
            options.paths.push(".".into());
        }
        // Sync mode is the caller's own thread, and there is one of that.
        let default =
            |mode| if mode == Mode::Sync { 1 } else { std::thread::available_parallelism().map_or(1, Into::into) };
        options.workers = workers.unwrap_or_else(|| default(options.mode));
        Ok(options)
    }
}
