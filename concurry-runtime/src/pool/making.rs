//! Making a pool of a worker type: on which backend, and with the workers that it has from its beginning.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::client::Client;
use super::core::{Core, Engine};
use super::lane::Status;
use super::{Handle, Pool};
#[cfg(feature = "tokio")]
use crate::backend::event_loop::EventLoops;
use crate::backend::inline::InlineWorker;
use crate::backend::process::{Processes, watch_forks};
use crate::backend::thread::Threads;
use crate::backend::{Backend, Recipe};
use crate::call::Terms;
use crate::error::{Error, Result};
use crate::fork::is_fork;
use crate::mode::Mode;
use crate::observe::News;
use crate::options::Options;
use crate::panics;
use crate::worker::{Method, OfAKind, Wire, Worker};

/// Makes a pool of `W` and waits until its workers are up.
///
/// # Errors
/// [`Error::Config`] for a value that cannot be; [`Error::Unsupported`] for a mode that cannot run here;
/// [`Error::InitFailed`] where a worker cannot be started or its constructor fails; what the constructor itself
/// returned where that is an [`Error`].
pub fn start<W: Worker>(options: Options, init: W::Init) -> Result<Client<W>> {
    make(options, init).map_err(|error| error.at(W::NAME, "new"))
}

fn make<W: Worker>(options: Options, init: W::Init) -> Result<Client<W>> {
    let settings = options.resolve()?;
    if settings.mode != Mode::Sync {
        if is_fork() {
            return Err(Error::in_a_fork());
        }
        watch_forks();
    }
    panics::install();
    let name = settings.name.clone();
    let recipe = Arc::new(Recipe::<W> {
        init,
        start_hook: settings.on_worker_start,
        init_timeout: settings.init_timeout,
        max_calls: settings.max_calls_per_worker,
        pool_name: Arc::from(name.as_str()),
        limiting: settings.limiting.clone(),
    });
    let workers = |backend: Box<dyn Backend>| Engine::Workers(backend);
    let (engine, remote) = match settings.mode {
        Mode::Sync => (Engine::Inline(Box::new(InlineWorker::start(recipe)?)), None),
        Mode::Thread => (workers(Box::new(Threads::new(recipe))), None),
        Mode::Process => {
            let wire = wire_of::<W>()?;
            (workers(Box::new(Processes::new(&recipe, wire, &settings)?)), Some(wire))
        }
        #[cfg(feature = "tokio")]
        Mode::Async => (workers(Box::new(EventLoops::new(recipe))), None),
        #[cfg(not(feature = "tokio"))]
        Mode::Async => {
            return Err(Error::unsupported(format!(
                "{}: mode `async` is not built into this concurry; write `concurry = {{ features = [\"tokio\"] }}` in Cargo.toml, or use mode `thread`",
                W::NAME
            )));
        }
        #[cfg(feature = "ray")]
        Mode::Ray => {
            let wire = wire_of::<W>()?;
            (workers(Box::new(Processes::on_ray(&recipe, wire, &settings)?)), Some(wire))
        }
        #[cfg(not(feature = "ray"))]
        Mode::Ray => {
            return Err(Error::unsupported(format!(
                "{}: mode `ray` is not built into this concurry; write `concurry = {{ features = [\"ray\"] }}` in Cargo.toml, or use mode `process`",
                W::NAME
            )));
        }
    };
    let terms = |(number, method): (usize, &Method)| Terms {
        timeout: method.said.timeout.or(settings.timeout),
        run_timeout: method.said.run_timeout.or(settings.run_timeout),
        policy: settings.retries.of(number).cloned(),
    };
    let terms: Vec<Terms> = W::METHODS.iter().enumerate().map(terms).collect();
    let core = Core::new(settings, terms, engine, W::KIND);
    let pool = Pool(Arc::new(Handle(core.clone())));
    let client = Client::of(pool, remote);
    core.make()?;
    Ok(client)
}

/// How the calls of a worker leave this process.
fn wire_of<W: Worker>() -> Result<Wire<W>> {
    let Some(wire) = W::wire() else {
        return Err(Error::unsupported(format!(
            "{} is `#[worker(local)]`, whose messages cannot leave this process; use mode `thread`, or drop `local` and make its arguments and results serializable",
            W::NAME
        )));
    };
    match wire.codec.missing() {
        Some(missing) => Err(Error::unsupported(format!("{}: {missing}", W::NAME))),
        None => Ok(wire),
    }
}

impl Core {
    /// Starts the workers that a pool has from its beginning.
    fn make(&self) -> Result<()> {
        if let (Engine::Workers(_), false) = (&self.engine, self.settings.on_demand) {
            let mut failed = None;
            for index in 0..self.settings.max_workers {
                let (group, at) = self.home(index);
                let mut group = self.group(group);
                if let Err(error) = self.start(&mut group, at) {
                    group.lanes[at].status = Status::Vacant;
                    failed = Some(error);
                    break;
                }
            }
            if failed.is_none() {
                let mut error = None;
                self.wait_until_gate(|gate| {
                    error = gate.init_error.clone();
                    error.is_some() || gate.came_up == self.settings.max_workers
                });
                failed = error;
            }
            if let Some(error) = failed {
                self.abort()?;
                return Err(error);
            }
        }
        if let Engine::Inline(_) = &self.engine {
            self.scene.note(News::Up(0));
            self.scene.tell();
        }
        self.making.store(false, Ordering::SeqCst);
        Ok(())
    }
}
