//! [`Limiting`]: which limits the workers of a pool have.

use std::sync::Arc;

use super::local::Local;
use super::source::LimitSource;
use crate::error::{Error, Result};

/// The limits of a pool.
#[derive(Clone, Default)]
pub(crate) enum Limiting {
    /// None.
    #[default]
    Off,
    /// All workers share these, with whoever else has them.
    Shared(Arc<Local>),
    /// Each worker has its own.
    PerWorker(Vec<Arc<Local>>),
}

impl Limiting {
    /// Of what a builder was given. The error is one of [`Error::Limit`] where such limits cannot be.
    pub(crate) fn new(shared: Option<LimitSource>, own: Option<LimitSource>, workers: usize) -> Result<Self> {
        match (shared, own) {
            (None, None) => Ok(Limiting::Off),
            (Some(source), None) => Ok(Limiting::Shared(source.local()?)),
            (None, Some(source)) => {
                let each = (0..workers).map(|_| source.fresh().local());
                Ok(Limiting::PerWorker(each.collect::<Result<_>>()?))
            }
            (Some(_), Some(_)) => Err(Error::config(
                "both `limits` and `limits_per_worker` are given, but a call acquires from one of them; keep one",
            )),
        }
    }

    /// Those of the worker at `index`.
    pub(crate) fn of(&self, index: usize) -> Option<&Arc<Local>> {
        match self {
            Limiting::Off => None,
            Limiting::Shared(local) => Some(local),
            Limiting::PerWorker(locals) => locals.get(index),
        }
    }

    /// Whether calls wait for a turn before they are sent.
    pub(crate) fn throttles(&self) -> bool {
        self.of(0).is_some_and(|local| local.throttles())
    }
}

impl std::fmt::Debug for Limiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limiting::Off => "Off",
            Limiting::Shared(_) => "Shared",
            Limiting::PerWorker(_) => "PerWorker",
        })
    }
}
