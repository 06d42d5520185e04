//! [`Effective`]: what is in force, and where each value came from.

use std::fmt;

use super::sources::Sources;
use super::table::{Layer, Values};
use super::{Origin, Setting};
use crate::error::Error;
use crate::mode::Mode;

/// What is in force on this thread, now, for pools in mode `mode`, and where each value came from.
///
/// What a pool's builder and its type's attribute say is not known here; each is stronger than all that is shown.
///
/// ```
/// use concurry::prelude::*;
/// let _guard = concurry::config::scoped(|c| c.all().max_workers = Some(3));
/// let effective = concurry::config::effective(Mode::Process);
/// assert_eq!(effective.max_workers(), Some(3));
/// assert_eq!(effective.origin("max_workers").unwrap().to_string(), "config::scoped");
/// println!("{effective}");
/// ```
pub fn effective(mode: Mode) -> Effective {
    Effective::of(mode, &Sources::here(Layer::NONE, Layer::NONE))
}

/// What [`effective`] has found; it prints as a table.
#[derive(Clone, Debug)]
pub struct Effective {
    mode: Mode,
    pub(super) values: Values,
    problems: Vec<Error>,
    ignored: Vec<String>,
}

impl Effective {
    pub(super) fn of(mode: Mode, sources: &Sources) -> Self {
        let values = sources.values(Some(mode));
        let misfit = values.check().err().map(|misfit| misfit.to_string());
        Effective {
            mode,
            values,
            problems: sources.problems().into_iter().chain(misfit).map(Error::config).collect(),
            ignored: sources.environment.ignored.clone(),
        }
    }

    /// The mode that was asked about. (`mode()` is what a pool is in that says nothing.)
    pub fn of_mode(&self) -> Mode {
        self.mode
    }

    /// Every option.
    pub fn settings(&self) -> Vec<Setting> {
        self.values.settings()
    }

    /// Where the value of the option of this name came from; `None` where there is no such option.
    pub fn origin(&self, option: &str) -> Option<Origin> {
        self.settings().into_iter().find(|setting| setting.name == option).map(|setting| setting.origin)
    }

    /// What is wrong with what is said; the first of them is the error of every `init`.
    pub fn problems(&self) -> &[Error] {
        &self.problems
    }

    /// Variables of the environment that begin as ours do, but are for others.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings();
        let width = |text: fn(&Setting) -> usize| settings.iter().map(text).max().unwrap_or(0);
        let (name, value) = (width(|setting| setting.name.len()), width(|setting| setting.value.chars().count()));
        write!(f, "options of a pool in mode `{}`:", self.mode)?;
        for setting in &settings {
            write!(f, "\n  {:name$}  {:value$}  {}", setting.name, setting.value, setting.origin)?;
        }
        for problem in &self.problems {
            write!(f, "\n  wrong: {problem}")?;
        }
        for variable in &self.ignored {
            write!(f, "\n  ignored: {variable}")?;
        }
        Ok(())
    }
}
