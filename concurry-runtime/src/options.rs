//! The options of a pool: what the builder and the attributes say, and what comes of it.

use std::fmt;
use std::time::Duration;

use crate::balance::LoadBalancing;
use crate::error::{Error, Result};
use crate::mode::Mode;
use crate::worker::{Attributes, Worker};

/// What a builder holds.
#[derive(Clone)]
pub struct Options {
    worker: &'static str,
    said: Attributes,
    attributes: Attributes,
    name: Option<String>,
    on_worker_start: Option<fn()>,
}

impl Options {
    /// The options of `W`, with nothing said yet.
    pub fn new<W: Worker>() -> Self {
        Options {
            worker: W::NAME,
            said: Attributes::NONE,
            attributes: W::attributes(),
            name: None,
            on_worker_start: None,
        }
    }

    /// What the setters of builders write to.
    #[doc(hidden)]
    pub fn said(&mut self) -> &mut Attributes {
        &mut self.said
    }

    #[doc(hidden)]
    pub fn set_name(&mut self, name: String) {
        self.name = Some(name);
    }

    #[doc(hidden)]
    pub fn set_on_worker_start(&mut self, hook: fn()) {
        self.on_worker_start = Some(hook);
    }

    /// What holds in the end, checked.
    pub(crate) fn resolve(self) -> Result<Settings> {
        let values = self.said.or(self.attributes);
        let mode = values.mode.unwrap_or_default();
        let on_demand = values.on_demand.unwrap_or(false);
        let default_workers = if on_demand { std::thread::available_parallelism().map_or(1, Into::into) } else { 1 };
        let settings = Settings {
            worker: self.worker,
            name: self.name.or_else(|| values.name.map(str::to_owned)).unwrap_or_else(|| self.worker.to_owned()),
            mode,
            max_workers: values.max_workers.unwrap_or(default_workers),
            max_queued_tasks: values.max_queued_tasks.or(match mode {
                Mode::Process => Some(100),
                Mode::Ray => Some(3),
                _ => None,
            }),
            window_given: values.max_queued_tasks.is_some(),
            load_balancing: values.load_balancing.unwrap_or(if on_demand {
                LoadBalancing::Random
            } else {
                LoadBalancing::RoundRobin
            }),
            on_demand,
            max_restarts: values.max_restarts.unwrap_or(3),
            stop_timeout: values.stop_timeout.unwrap_or(Duration::from_secs(30)),
            timeout: values.timeout,
            on_worker_start: self.on_worker_start,
        };
        settings.check()?;
        Ok(settings)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("worker", &self.worker).field("values", &self.said.or(self.attributes)).finish()
    }
}

/// What holds for a pool.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "the timeout is read by the retrying driver")]
pub(crate) struct Settings {
    pub(crate) worker: &'static str,
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) max_workers: usize,
    pub(crate) max_queued_tasks: Option<usize>,
    pub(crate) window_given: bool,
    pub(crate) load_balancing: LoadBalancing,
    pub(crate) on_demand: bool,
    pub(crate) max_restarts: u32,
    pub(crate) stop_timeout: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_worker_start: Option<fn()>,
}

/// More workers than this are a slip of the pen, not a wish.
const MOST_WORKERS: usize = 65_536;

impl Settings {
    fn check(&self) -> Result<()> {
        let worker = self.worker;
        let bad = |option: &str, value: &dyn fmt::Display, allowed: &str| {
            Err(Error::config(format!("{worker}: `{option}` is {value}, but {allowed}")))
        };
        if self.max_workers == 0 {
            return bad("max_workers", &0, "a pool needs at least 1 worker");
        }
        if self.max_workers > MOST_WORKERS {
            return bad("max_workers", &self.max_workers, &format!("at most {MOST_WORKERS} are allowed"));
        }
        if self.max_queued_tasks == Some(0) {
            return bad(
                "max_queued_tasks",
                &0,
                "at least 1 task must be allowed at a worker; leave it out for the default",
            );
        }
        if self.mode == Mode::Sync && self.max_workers > 1 && !self.on_demand {
            return bad(
                "max_workers",
                &self.max_workers,
                "mode `sync` runs on the caller's thread and has exactly 1; use mode `thread` or `process` for more",
            );
        }
        if self.mode == Mode::Sync && self.on_demand {
            return bad("on_demand", &true, "mode `sync` has no workers to make; use mode `thread` or `process`");
        }
        Ok(())
    }

    /// How many tasks may be with a worker at once.
    pub(crate) fn window(&self) -> usize {
        if self.on_demand {
            1
        } else if self.load_balancing == LoadBalancing::Shared && !self.window_given && self.mode != Mode::Async {
            // A shared queue hands a task to whichever worker is free, so none is sent ahead. An event loop always is.
            1
        } else {
            self.max_queued_tasks.unwrap_or(usize::MAX)
        }
    }
}

/// The setters of a builder that holds [`Options`] in the field that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! __option_setters {
    ($field:tt) => {
        $crate::__option_setters! { @plain $field
            /// Where the workers live; by default on threads.
            mode: $crate::__private::Mode,
            /// How many workers there are, at least 1; on demand, how many at most.
            max_workers: usize,
            /// How many tasks may be with one worker at once, at least 1; the rest wait in its queue.
            max_queued_tasks: usize,
            /// How the worker of a call is picked.
            load_balancing: $crate::__private::LoadBalancing,
            /// Makes a worker when a task comes and ends it with the task.
            on_demand: bool,
            /// How many deaths within 60 s a worker may have before it is given up.
            max_restarts: u32,
            /// How long `stop` waits for accepted work.
            stop_timeout: $crate::__private::std::time::Duration,
            /// How long a call may take from its submission.
            timeout: $crate::__private::std::time::Duration,
        }

        /// The pool's name, for statistics and errors; by default the type's.
        pub fn name(mut self, name: impl $crate::__private::std::convert::Into<$crate::__private::std::string::String>) -> Self {
            self.$field.set_name($crate::__private::std::convert::Into::into(name));
            self
        }

        /// Runs `hook` in each worker before its constructor, each time that a worker starts.
        pub fn on_worker_start(mut self, hook: fn()) -> Self {
            self.$field.set_on_worker_start(hook);
            self
        }
    };
    (@plain $field:tt $($(#[$doc:meta])* $option:ident: $type:ty,)*) => {
        $(
            $(#[$doc])*
            pub fn $option(mut self, $option: $type) -> Self {
                self.$field.said().$option = $crate::__private::std::option::Option::Some($option);
                self
            }
        )*
    };
}
