//! Options that are not said at each pool: for a part of the program, by the environment, for the whole program.
//!
//! Where several say something, the strongest holds:
//!
//! 1. the pool's builder, `.max_workers(4)`;
//! 2. the type's attribute, `#[worker(max_workers = 4)]`;
//! 3. [`scoped`], for the pools that this thread makes while a guard lives;
//! 4. the environment, `CONCURRY_PROCESS_MAX_WORKERS=8`, or `CONCURRY_MAX_WORKERS=8` for every mode;
//! 5. [`set`], for the whole program;
//! 6. the built-in defaults.
//!
//! Within one of 3, 4 and 5 what is said for the pool's mode is stronger than what is said for all. (`mode` itself is
//! said for all.) A pool takes its options when it is made, and keeps them.
//!
//! Values in the environment are written as in an attribute, without quotes: `CONCURRY_MODE=thread`,
//! `CONCURRY_TIMEOUT=250ms`, `CONCURRY_ON_DEMAND=true`. Worker processes inherit the environment, so it holds for pools
//! that are made inside of them, too; what [`scoped`] and [`set`] say does not reach there. A value that is not allowed,
//! from whatever source, is an [`Error::Config`](crate::Error::Config) of `init` that names the source; so is a variable
//! that was meant to be an option's and is misspelt. [`effective`] shows what holds, and why.
//!
//! ```
//! use concurry::prelude::*;
//!
//! concurry::config::set(|c| {
//!     c.all().max_restarts = Some(10);
//!     c.mode(Mode::Process).max_queued_tasks = Some(50);
//! });
//! println!("{}", concurry::config::effective(Mode::Process));
//! ```

mod effective;
mod environment;
mod kind;
mod scope;
mod sources;
mod table;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::mode::Mode;

pub use effective::{Effective, effective};
pub use scope::{Scoped, scoped};
use sources::Level;
pub(crate) use sources::{Chosen, Misfit, Sources};
pub(crate) use table::Values;
pub use table::{Attributes, Layer};

/// What one source says: a [`Layer`] for all modes, and one for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    all: Layer,
    modes: [Layer; Mode::ALL.len()],
}

impl Config {
    const NONE: Config = Config { all: Layer::NONE, modes: [const { Layer::NONE }; Mode::ALL.len()] };

    /// What is said for every mode.
    pub fn all(&mut self) -> &mut Layer {
        &mut self.all
    }

    /// What is said for one mode; stronger than what is said for all.
    pub fn mode(&mut self, mode: Mode) -> &mut Layer {
        &mut self.modes[mode as usize]
    }

    fn follow(&mut self, before: &Config, after: Config) {
        self.all.follow(&before.all, after.all);
        for ((layer, before), after) in self.modes.iter_mut().zip(&before.modes).zip(after.modes) {
            layer.follow(before, after);
        }
    }
}

/// What [`set`] has set.
static SET: Mutex<Config> = Mutex::new(Config::NONE);

fn locked(store: &Mutex<Config>) -> MutexGuard<'_, Config> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stored() -> Config {
    locked(&SET).clone()
}

/// Sets options for all pools that this program makes from now on. `change` sees what was set before; to set an option
/// to `None` takes it back.
///
/// It is the weakest source but for the built-in defaults, so that whoever runs the program can overrule it by the
/// environment. Several threads may set different options at once.
///
/// ```
/// use concurry::prelude::*;
/// concurry::config::set(|c| c.mode(Mode::Process).max_restarts = Some(5));
/// assert_eq!(concurry::config::effective(Mode::Process).max_restarts(), Some(5));
/// ```
pub fn set(change: impl FnOnce(&mut Config)) {
    change_in(&SET, change);
}

/// Runs the user's code on a copy, and takes over what it has changed there; so that no lock is held meanwhile.
fn change_in(store: &Mutex<Config>, change: impl FnOnce(&mut Config)) {
    let before = locked(store).clone();
    let mut after = before.clone();
    change(&mut after);
    locked(store).follow(&before, after);
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The pool's builder.
    Builder,
    /// The type's attribute.
    Attribute,
    /// [`scoped`].
    #[non_exhaustive]
    Scoped {
        /// The mode that it is said for; `None` for all.
        mode: Option<Mode>,
    },
    /// The environment.
    #[non_exhaustive]
    Environment {
        /// The variable's name.
        variable: String,
    },
    /// [`set`].
    #[non_exhaustive]
    Set {
        /// The mode that it is said for; `None` for all.
        mode: Option<Mode>,
    },
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Builder => f.write_str("the builder"),
            Origin::Attribute => f.write_str("the attribute"),
            Origin::Scoped { mode: None } => f.write_str("config::scoped"),
            Origin::Scoped { mode: Some(mode) } => write!(f, "config::scoped for mode {mode}"),
            Origin::Environment { variable } => f.write_str(variable),
            Origin::Set { mode: None } => f.write_str("config::set"),
            Origin::Set { mode: Some(mode) } => write!(f, "config::set for mode {mode}"),
            Origin::Default => f.write_str("the default"),
        }
    }
}

/// An option's value in force, as text, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// The option's name.
    pub name: &'static str,
    /// Its value, as it is written in the environment; `none` or the like where there is no value.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
}
