//! All that is said about a pool's options, in order, and what comes of it.

use std::fmt;
use std::sync::Arc;

use super::environment::Environment;
use super::table::{Facts, Layer, Values};
use super::{Config, Origin, scope, stored};
use crate::mode::Mode;

/// Everybody who says something about a pool's options.
#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) builder: Layer,
    pub(crate) attribute: Layer,
    /// The innermost first.
    pub(super) scopes: Vec<Arc<Config>>,
    pub(super) environment: Environment,
    pub(super) set: Config,
}

/// Who says it; as [`Origin`], but for all options alike.
#[derive(Clone, Copy)]
enum Source {
    Builder,
    Attribute,
    Scoped(Option<Mode>),
    Environment(Option<Mode>),
    Set(Option<Mode>),
}

/// A layer, and who says it.
pub(super) struct Level<'a> {
    source: Source,
    layer: &'a Layer,
}

/// A value, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Chosen<T> {
    pub(crate) value: Option<T>,
    pub(crate) origin: Origin,
}

impl<T> Chosen<T> {
    /// The value of the first level that has one.
    pub(super) fn of(option: &str, levels: &[Level<'_>], get: impl Fn(&Layer) -> Option<T>) -> Self {
        let said = levels.iter().find_map(|level| get(level.layer).map(|value| (value, level.source)));
        match said {
            Some((value, source)) => Chosen { value: Some(value), origin: source.origin(option) },
            None => Chosen { value: None, origin: Origin::Default },
        }
    }
}

impl Source {
    fn origin(self, option: &str) -> Origin {
        match self {
            Source::Builder => Origin::Builder,
            Source::Attribute => Origin::Attribute,
            Source::Scoped(mode) => Origin::Scoped { mode },
            Source::Environment(mode) => Origin::Environment { variable: Environment::variable(option, mode) },
            Source::Set(mode) => Origin::Set { mode },
        }
    }
}

/// A value that is not allowed, and who said it.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) option: &'static str,
    pub(crate) value: String,
    pub(crate) origin: Origin,
    /// Why it is none, as what follows a "but".
    pub(crate) why: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Misfit { option, value, origin, why } = self;
        let value = if value.trim().is_empty() { "empty" } else { value };
        write!(f, "`{option}` is {value} (from {origin}), but {why}")
    }
}

impl Sources {
    /// What is said on this thread, now.
    pub(crate) fn here(builder: Layer, attribute: Layer) -> Self {
        let environment = Environment::read(std::env::vars_os());
        Sources { builder, attribute, scopes: scope::current(), environment, set: stored() }
    }

    /// What is said outside of any scope, with `variables` as the environment.
    #[cfg(test)]
    pub(crate) fn said(builder: Layer, attribute: Layer, variables: &[(&str, &str)], set: Config) -> Self {
        let environment = Environment::read(variables.iter().map(|(name, value)| (name.into(), value.into())));
        Sources { builder, attribute, scopes: Vec::new(), environment, set }
    }

    /// What is wrong with what they say, before it is even asked for.
    pub(super) fn problems(&self) -> Vec<String> {
        let scoped = self.scopes.iter().map(|config| ("config::scoped", &**config));
        let misplaced = scoped.chain([("config::set", &self.set)]).flat_map(|(origin, config)| {
            config.modes.iter().zip(Mode::ALL).filter(|(layer, _)| layer.mode.is_some()).map(move |(_, mode)| {
                format!(
                    "`mode` is set for mode `{mode}` alone (from {origin}), but it decides which mode's options hold; set it by `c.all().mode`"
                )
            })
        });
        self.environment.problems.iter().cloned().chain(misplaced).collect()
    }

    fn levels(&self, mode: Option<Mode>) -> Vec<Level<'_>> {
        let mut levels = vec![
            Level { source: Source::Builder, layer: &self.builder },
            Level { source: Source::Attribute, layer: &self.attribute },
        ];
        let scopes = self.scopes.iter().map(|scope| (&**scope, Source::Scoped as fn(Option<Mode>) -> Source));
        for (config, source) in
            scopes.chain([(&self.environment.config, Source::Environment as _), (&self.set, Source::Set as _)])
        {
            // What is said for one mode is stronger than what is said for all.
            if let Some(mode) = mode {
                levels.push(Level { source: source(Some(mode)), layer: &config.modes[mode as usize] });
            }
            levels.push(Level { source: source(None), layer: &config.all });
        }
        levels
    }

    /// What is in force for a pool that is in mode `mode`, or in the mode that they say.
    pub(crate) fn values(&self, mode: Option<Mode>) -> Values {
        let said = Chosen::of("mode", &self.levels(None), |layer| layer.mode);
        let mut values = Values::of(&self.levels(Some(mode.or(said.value).unwrap_or_default())));
        values.mode = said;
        let facts = Facts {
            mode: mode.or(values.mode.value).unwrap_or_default(),
            on_demand: values.on_demand.value.unwrap_or_default(),
        };
        values.fill(&facts);
        values
    }

    /// The same, where all that is said is allowed; else what is not, which names its source.
    pub(crate) fn checked(&self) -> Result<Values, String> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(problem);
        }
        let values = self.values(None);
        values.check().map_err(|misfit| misfit.to_string())?;
        Ok(values)
    }
}
