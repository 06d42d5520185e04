//! [`Settings`]: what holds for a pool.

use std::time::Duration;

use concurry_options::text::size_text;

use super::Options;
#[cfg(feature = "ray")]
use crate::backend::ray::RayOptions;
use crate::balance::LoadBalancing;
use crate::config::{Misfit, Origin, Values};
use crate::full::OnFull;
use crate::limits::Limiting;
use crate::mode::Mode;
use crate::retry::Retries;
use crate::wire::frame::MOST;

/// What holds for a pool.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) worker: &'static str,
    pub(crate) name: String,
    pub(crate) mode: Mode,
    pub(crate) max_workers: usize,
    pub(crate) max_queued_tasks: Option<usize>,
    pub(crate) window_given: bool,
    /// Whether its workers run calls side by side.
    pub(crate) side_by_side: bool,
    pub(crate) load_balancing: LoadBalancing,
    pub(crate) on_demand: bool,
    pub(crate) max_restarts: u32,
    pub(crate) restart_window: Duration,
    pub(crate) restart_backoff: Duration,
    pub(crate) max_calls_per_worker: Option<usize>,
    pub(crate) max_memory: Option<u64>,
    /// In bytes.
    pub(crate) max_message_size: usize,
    pub(crate) max_pending: Option<usize>,
    pub(crate) on_full: OnFull,
    pub(crate) init_timeout: Option<Duration>,
    pub(crate) stop_timeout: Duration,
    pub(crate) capture_stderr: bool,
    pub(crate) forward_logs: bool,
    pub(crate) preload: bool,
    /// For methods without one of their own.
    pub(crate) timeout: Option<Duration>,
    pub(crate) run_timeout: Option<Duration>,
    pub(crate) retries: Retries,
    pub(crate) limiting: Limiting,
    pub(crate) on_worker_start: Option<fn()>,
    #[cfg(feature = "ray")]
    pub(crate) ray: RayOptions,
}

impl Settings {
    /// Of values each of which is allowed. `Err` tells what does not go together.
    pub(super) fn of(options: Options, values: Values, retries: Retries) -> Result<Self, String> {
        together(&values)?;
        Ok(Self::put_together(options, values, retries))
    }

    /// Of values that are known to go together.
    pub(super) fn put_together(options: Options, values: Values, retries: Retries) -> Self {
        let Options { worker, methods, on_worker_start, .. } = options;
        #[cfg(feature = "ray")]
        let ray = options.ray;
        let shares = methods.iter().any(|method| method.asynchronous && !method.exclusive);
        Settings {
            worker,
            name: values.name.value.unwrap_or_else(|| worker.to_owned()),
            mode: values.mode.value.unwrap_or_default(),
            max_workers: values.max_workers.value.unwrap_or(1),
            max_queued_tasks: values.max_queued_tasks.value,
            window_given: values.max_queued_tasks.origin != Origin::Default,
            side_by_side: shares && values.mode.value == Some(Mode::Async),
            load_balancing: values.load_balancing.value.unwrap_or_default(),
            on_demand: values.on_demand.value.unwrap_or_default(),
            max_restarts: values.max_restarts.value.unwrap_or_default(),
            restart_window: values.restart_window.value.unwrap_or_default(),
            restart_backoff: values.restart_backoff.value.unwrap_or_default(),
            max_calls_per_worker: values.max_calls_per_worker.value,
            max_memory: values.max_memory.value,
            max_message_size: values.max_message_size.value.and_then(|most| usize::try_from(most).ok()).unwrap_or(MOST),
            max_pending: values.max_pending.value,
            on_full: values.on_full.value.unwrap_or_default(),
            init_timeout: values.init_timeout.value,
            stop_timeout: values.stop_timeout.value.unwrap_or_default(),
            capture_stderr: values.capture_stderr.value.unwrap_or(true),
            forward_logs: values.forward_logs.value.unwrap_or_default(),
            preload: values.preload.value.unwrap_or_default(),
            timeout: values.timeout.value,
            run_timeout: values.run_timeout.value,
            retries,
            limiting: Limiting::Off,
            on_worker_start,
            #[cfg(feature = "ray")]
            ray,
        }
    }

    /// How many tasks may be with a worker at once.
    pub(crate) fn window(&self) -> usize {
        if self.on_demand {
            1
        } else if self.load_balancing == LoadBalancing::Shared && !self.window_given && !self.side_by_side {
            // A shared queue hands a task to whichever worker is free, so none is sent ahead.
            1
        } else {
            self.max_queued_tasks.unwrap_or(usize::MAX)
        }
    }
}

/// Whether values that are each allowed go together.
fn together(values: &Values) -> Result<(), String> {
    let Values { mode, max_workers, on_demand, max_memory, max_message_size, preload, .. } = values;
    let Values { capture_stderr, forward_logs, .. } = values;
    let misfit =
        |option, value, origin: &Origin, why| Err(Misfit { option, value, origin: origin.clone(), why }.to_string());
    if let (Some(most), Some(within @ (Mode::Sync | Mode::Thread | Mode::Async))) = (max_memory.value, mode.value) {
        let why = format!(
            "mode `{within}` (from {}) shares the program's memory, so that none of it is a worker's own; use mode `process`, or `max_calls_per_worker`",
            mode.origin
        );
        return misfit("max_memory", size_text(most), &max_memory.origin, why);
    }
    if let (Some(most), Some(Mode::Ray)) = (max_memory.value, mode.value) {
        let why = format!(
            "how much memory a worker of mode `ray` (from {}) has is not looked at from here; use `max_calls_per_worker`",
            mode.origin
        );
        return misfit("max_memory", size_text(most), &max_memory.origin, why);
    }
    if let Some(most) = max_message_size.value.filter(|&most| most > MOST as u64) {
        let why = format!("no message can have more than {}", size_text(MOST as u64));
        return misfit("max_message_size", size_text(most), &max_message_size.origin, why);
    }
    if let (Some(true), Some(within)) = (preload.value, mode.value.filter(|mode| *mode != Mode::Process)) {
        let why = format!(
            "mode `{within}` (from {}) has no processes that could be forked from one that has run the constructor; use mode `process`, or leave it out",
            mode.origin
        );
        return misfit("preload", true.to_string(), &preload.origin, why);
    }
    if forward_logs.value == Some(true) {
        let refuse = |why: &str| misfit("forward_logs", true.to_string(), &forward_logs.origin, why.to_owned());
        if !cfg!(feature = "tracing") {
            return refuse(
                "this concurry is built without the feature `tracing`; write `concurry = { features = [\"tracing\"] }` in Cargo.toml, or leave it out",
            );
        }
        if capture_stderr.value == Some(false) {
            return refuse(
                "`capture_stderr` is false, so that what workers write never comes here; leave one of them out",
            );
        }
    }
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
