//! Whose call an error is about: the worker and the method that it names.

use super::{Error, Name, TimeoutScope};

/// The worker and the method that an error has room for, as references of the kind by which the error is given.
macro_rules! names {
    ($error:expr) => {
        match $error {
            Error::Failed { worker, method, .. }
            | Error::Panicked { worker, method, .. }
            | Error::WorkerDied { worker, method, .. }
            | Error::Cancelled { worker, method }
            | Error::TimedOut { worker, method, .. }
            | Error::Stopped { worker, method }
            | Error::Full { worker, method, .. }
            | Error::Invalid { worker, method, .. }
            | Error::Limit { worker, method, .. }
            | Error::Codec { worker, method, .. } => Some((worker, Some(method))),
            Error::InitFailed { worker, .. } => Some((worker, None)),
            Error::Unsupported { .. } | Error::Config { .. } | Error::Ray { .. } => None,
        }
    };
}

impl Error {
    /// The worker's type that the error names, with the worker's index where it is about one; nothing where it is about
    /// no worker, such as [`Config`](Error::Config).
    ///
    /// ```
    /// use concurry::prelude::*;
    ///
    /// #[derive(Default)]
    /// struct Parser;
    ///
    /// #[worker]
    /// impl Parser {
    ///     pub fn parse(&self, text: &str) -> Result<u64, std::num::ParseIntError> {
    ///         text.parse()
    ///     }
    /// }
    ///
    /// let error = Parser::init()?.parse("six").result().unwrap_err();
    /// assert_eq!((error.worker(), error.method()), (Some("Parser"), Some("parse")));
    /// # Ok::<(), concurry::Error>(())
    /// ```
    pub fn worker(&self) -> Option<&str> {
        self.names().0
    }

    /// The method that the error names; nothing where it is about no call, such as
    /// [`InitFailed`](Error::InitFailed).
    pub fn method(&self) -> Option<&str> {
        self.names().1
    }

    fn names(&self) -> (Option<&str>, Option<&str>) {
        fn said(name: Option<&Name>) -> Option<&str> {
            name.filter(|name| !name.is_empty()).map(|name| &**name)
        }
        let (worker, method) = names!(self).unzip();
        (said(worker), said(method.flatten()))
    }

    /// The same error, naming `worker` and `method` where it does not name any yet.
    pub(crate) fn at(mut self, worker: impl Into<Name>, method: impl Into<Name>) -> Self {
        let (worker, method) = (worker.into(), method.into());
        if let Error::Limit { worker: pool, .. } = &self
            && !pool.is_empty()
        {
            // Limits that a pool cannot have are no method's affair.
            return self;
        }
        if let Error::TimedOut { scope: TimeoutScope::Wait, worker: waited_for, method: inside, .. } = &mut self {
            // A method waited for something that is no call, and passes its error on.
            if !waited_for.is_empty() && inside.is_empty() && !worker.is_empty() && !method.is_empty() {
                *waited_for = format!("{waited_for} in {worker}").into();
            }
        }
        if let Some((own_worker, own_method)) = self.names_mut() {
            if own_worker.is_empty() {
                *own_worker = worker;
            }
            if let Some(own_method) = own_method.filter(|name| name.is_empty()) {
                *own_method = method;
            }
        }
        self
    }

    pub(super) fn names_mut(&mut self) -> Option<(&mut Name, Option<&mut Name>)> {
        names!(self)
    }
}
