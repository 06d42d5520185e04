//! [`Settings`]: what holds for a pool.

use std::time::Duration;

use super::Options;
use crate::balance::LoadBalancing;
use crate::config::{Misfit, Origin, Values};
use crate::limits::Limiting;
use crate::mode::Mode;
use crate::retry::Retries;

/// What holds for a pool.
#[derive(Clone, Debug)]
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
    /// For methods without one of their own.
    pub(crate) timeout: Option<Duration>,
    pub(crate) run_timeout: Option<Duration>,
    pub(crate) retries: Retries,
    pub(crate) limiting: Limiting,
    pub(crate) on_worker_start: Option<fn()>,
}

impl Settings {
    /// Of values each of which is allowed. `Err` tells what does not go together.
    pub(super) fn of(options: Options, values: Values, retries: Retries) -> Result<Self, String> {
        together(&values)?;
        let Options { worker, on_worker_start, .. } = options;
        Ok(Settings {
            worker,
            name: values.name.value.unwrap_or_else(|| worker.to_owned()),
            mode: values.mode.value.unwrap_or_default(),
            max_workers: values.max_workers.value.unwrap_or(1),
            max_queued_tasks: values.max_queued_tasks.value,
            window_given: values.max_queued_tasks.origin != Origin::Default,
            load_balancing: values.load_balancing.value.unwrap_or_default(),
            on_demand: values.on_demand.value.unwrap_or_default(),
            max_restarts: values.max_restarts.value.unwrap_or_default(),
            stop_timeout: values.stop_timeout.value.unwrap_or_default(),
            timeout: values.timeout.value,
            run_timeout: values.run_timeout.value,
            retries,
            limiting: Limiting::Off,
            on_worker_start,
        })
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

/// Whether values that are each allowed go together.
fn together(values: &Values) -> Result<(), String> {
    let Values { mode, max_workers, on_demand, .. } = values;
    let misfit =
        |option, value, origin: &Origin, why| Err(Misfit { option, value, origin: origin.clone(), why }.to_string());
    let workers = max_workers.value.unwrap_or(1);
    if mode.value != Some(Mode::Sync) {
        return Ok(());
    }
    let sync = format!("mode `sync` (from {})", mode.origin);
    if on_demand.value == Some(true) {
        let why = format!("{sync} has no workers to make; use mode `thread` or `process`");
        return misfit("on_demand", true.to_string(), &on_demand.origin, why);
    }
    if workers > 1 {
        let why =
            format!("{sync} runs on the caller's thread and has exactly 1; use mode `thread` or `process` for more");
        return misfit("max_workers", workers.to_string(), &max_workers.origin, why);
    }
    Ok(())
}
