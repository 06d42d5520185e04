//! The facade under another name, by `crate = ".."`: renamed in the manifest, renamed by a `use`, and re-exported by a
//! third crate; in edition 2021, without serde among the dependencies.
#![deny(warnings, missing_docs, clippy::all)]

/// What an umbrella crate would do.
pub mod umbrella {
    pub use parallel as workers;
}

/// Depends on `parallel`.
#[derive(Default)]
#[parallel::worker(crate = "::parallel", max_workers = 1)]
pub struct Renamed {
    calls: u64,
}

#[parallel::worker(crate = "::parallel", mode = "thread")]
impl Renamed {
    /// Counts.
    pub fn call(&mut self, by: u64, bytes: Vec<u8>) -> Result<u64, String> {
        self.calls += by + bytes.len() as u64;
        Ok(self.calls)
    }

    /// Has a context.
    #[parallel::worker(timeout = "10s")]
    pub async fn later(&self, context: &parallel::CallContext) -> u32 {
        context.attempt()
    }
}

/// Knows the facade by a path of this crate.
pub struct Inside<T>(T);

#[umbrella::workers::worker(crate = "crate::umbrella::workers", mode = "sync")]
impl<T: Clone> Inside<T> {
    /// Holds.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// What is held.
    pub fn held(&self) -> T {
        self.0.clone()
    }
}

/// Knows the facade by what another crate re-exports.
#[derive(Default)]
pub struct Reexported;

#[concurry_ui_tests::reexport::concurry::worker(crate = "concurry_ui_tests::reexport::concurry", local)]
impl Reexported {
    /// Runs what is given.
    pub fn run(&self, job: Box<dyn FnOnce() -> u8 + Send>) -> u8 {
        job()
    }
}

/// A task by another name.
#[parallel::task(crate = "parallel", mode = "thread")]
pub fn double(x: u64, #[parallel::worker(context)] context: &parallel::CallContext) -> u64 {
    x * 2 * u64::from(context.attempt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parallel::prelude::*;

    #[test]
    fn by_the_manifests_name() -> parallel::Result<()> {
        for mode in [Mode::Sync, Mode::Thread, Mode::Process] {
            let pool: RenamedClient = Renamed::options().mode(mode).init()?;
            assert_eq!(pool.call(1u64, [1, 2]).result()?, 3);
            assert_eq!(pool.later().result()?, 1);
            pool.stop()?;
        }
        assert_eq!(double(4u64).result()?, 8);
        assert_eq!(double::call(4), 8);
        double::stop()
    }

    #[test]
    fn by_a_path_and_by_a_reexport() -> parallel::Result<()> {
        assert_eq!(Inside::init(7u8)?.held().result()?, 7);
        let job: Box<dyn FnOnce() -> u8 + Send> = Box::new(|| 9);
        assert_eq!(Reexported::init()?.run(job).result()?, 9);
        Ok(())
    }
}
