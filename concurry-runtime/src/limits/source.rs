//! [`LimitSource`]: what a pool can be given as its limits.

use std::sync::Arc;

use super::local::Local;
use super::pool::LimitPool;
use super::set::LimitSet;
use crate::error::Result;

/// What the option `limits` takes: a [`LimitSet`] or a [`LimitPool`].
#[derive(Clone, Debug)]
pub struct LimitSource(Source);

#[derive(Clone, Debug)]
enum Source {
    Set(LimitSet),
    Pool(LimitPool),
}

impl From<LimitSet> for LimitSource {
    fn from(set: LimitSet) -> Self {
        LimitSource(Source::Set(set))
    }
}

impl From<&LimitSet> for LimitSource {
    fn from(set: &LimitSet) -> Self {
        set.clone().into()
    }
}

impl From<LimitPool> for LimitSource {
    fn from(pool: LimitPool) -> Self {
        LimitSource(Source::Pool(pool))
    }
}

impl From<&LimitPool> for LimitSource {
    fn from(pool: &LimitPool) -> Self {
        pool.clone().into()
    }
}

impl LimitSource {
    /// The state behind it; an error where such limits cannot be, which is for `init` to say.
    pub(crate) fn local(&self) -> Result<Arc<Local>> {
        match &self.0 {
            Source::Set(set) => set.local().cloned(),
            Source::Pool(pool) => pool.local().cloned(),
        }
    }

    /// The same limits with a state of their own, as each worker gets by `limits_per_worker`.
    pub(crate) fn fresh(&self) -> Self {
        match &self.0 {
            Source::Set(set) => set.fresh().into(),
            Source::Pool(pool) => pool.fresh().into(),
        }
    }
}
