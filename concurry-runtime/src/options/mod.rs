//! The options of a pool: what its builder holds, and what comes of it and of all other sources.
//!
//! The options themselves stand in a table that the macros share (`concurry_options`), and what is made of it is in
//! `config`. Here are the builder's [setters](setters), what only a builder has, and the [`Settings`] that a pool goes
//! by.

mod retries;
mod setters;
mod settings;

#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use settings::Settings;

#[cfg(feature = "ray")]
use crate::backend::ray::RayOptions;
use crate::balance::LoadBalancing;
use crate::config::{Attributes, Layer, Sources};
use crate::error::{Error, Result};
use crate::limits::{LimitSource, Limiting};
use crate::mode::Mode;
use crate::retry::{Retries, Retry};
use crate::worker::{Method, Worker};

/// What a builder holds.
#[derive(Clone)]
pub struct Options {
    worker: &'static str,
    methods: &'static [Method],
    attributes: Attributes,
    said: Layer,
    on_worker_start: Option<fn()>,
    retry: Option<Retry>,
    /// By the method's name; a later one for the same method wins.
    retry_methods: Vec<(String, Retry)>,
    limits: Option<LimitSource>,
    limits_per_worker: Option<LimitSource>,
    #[cfg(feature = "ray")]
    ray: RayOptions,
}

impl Options {
    /// The options of `W`, with nothing said yet.
    pub fn new<W: Worker>() -> Self {
        Options {
            worker: W::NAME,
            methods: W::METHODS,
            attributes: W::attributes(),
            said: Layer::default(),
            on_worker_start: None,
            retry: None,
            retry_methods: Vec::new(),
            limits: None,
            limits_per_worker: None,
            #[cfg(feature = "ray")]
            ray: RayOptions::default(),
        }
    }

    /// What the setters of builders write to.
    #[doc(hidden)]
    pub fn said(&mut self) -> &mut Layer {
        &mut self.said
    }

    #[doc(hidden)]
    pub fn set_on_worker_start(&mut self, hook: fn()) {
        self.on_worker_start = Some(hook);
    }

    #[doc(hidden)]
    pub fn set_retry(&mut self, retry: Retry) {
        self.retry = Some(retry);
    }

    #[doc(hidden)]
    pub fn set_retry_method(&mut self, method: String, retry: Retry) {
        self.retry_methods.push((method, retry));
    }

    #[doc(hidden)]
    pub fn set_limits(&mut self, limits: LimitSource) {
        self.limits = Some(limits);
    }

    #[doc(hidden)]
    pub fn set_limits_per_worker(&mut self, limits: LimitSource) {
        self.limits_per_worker = Some(limits);
    }

    #[cfg(feature = "ray")]
    #[doc(hidden)]
    pub fn set_ray(&mut self, ray: RayOptions) {
        self.ray = ray;
    }

    /// The limits of a pool with these settings; an error where such limits cannot be.
    fn limiting(&self, settings: &Settings) -> Result<Limiting> {
        let worker = self.worker;
        let (shared, own) = (self.limits.clone(), self.limits_per_worker.clone());
        let told = |error: Error| match error {
            limit @ Error::Limit { .. } => limit.at(worker, ""),
            Error::Config { message } => Error::config(format!("{worker}: {message}")),
            other => other,
        };
        let limiting = Limiting::new(shared, own, settings.max_workers).map_err(told)?;
        let picked = !settings.on_demand && settings.load_balancing != LoadBalancing::Shared;
        if matches!(limiting, Limiting::PerWorker(_)) && limiting.throttles() && !picked {
            return Err(Error::config(format!(
                "{worker}: `calls` in `limits_per_worker` is counted before a call is sent, but {} its worker is known only then; use `limits`, or balance by `round_robin`",
                if settings.on_demand { "on demand" } else { "with `shared` balancing" }
            )));
        }
        Ok(limiting)
    }

    /// What holds in the end, checked.
    pub(crate) fn resolve(self) -> Result<Settings> {
        let limits = self.clone();
        let mut settings = self.resolve_values()?;
        settings.limiting = limits.limiting(&settings)?;
        Ok(settings)
    }

    /// What holds for calls that run here and now where nobody has said anything, but for the attribute's name.
    pub(crate) fn unsaid(self) -> Settings {
        let mut sources = Sources::default();
        sources.builder.mode = Some(Mode::Sync);
        sources.attribute.name = self.attributes.layer().name;
        Settings::put_together(self, sources.values(None), Retries::default())
    }

    fn resolve_values(self) -> Result<Settings> {
        let sources = Sources::here(self.said.clone(), self.attributes.layer());
        self.resolve_with(&sources)
    }

    /// The same of `sources`, of which the builder and the attribute are this one's.
    fn resolve_with(self, sources: &Sources) -> Result<Settings> {
        let worker = self.worker;
        let settings = sources.checked().and_then(|values| {
            let retries = retries::of(&self, &values)?;
            Settings::of(self, values, retries)
        });
        settings.map_err(|why| Error::config(format!("{worker}: {why}")))
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("worker", &self.worker)
            .field("builder", &self.said)
            .field("attribute", &self.attributes)
            .field("retry", &self.retry)
            .field("retry_methods", &self.retry_methods)
            .finish_non_exhaustive()
    }
}
