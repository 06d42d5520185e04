//! What goes wrong in a command: a sentence for whoever ran it.

use std::fmt;
use std::io;

/// The result of whatever can go wrong here.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// A sentence that says what went wrong.
#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Ends with an error that says `message`.
pub(crate) fn fail<T>(message: impl Into<String>) -> Result<T> {
    Err(Error(message.into()))
}

/// Adds to a bare I/O error what was being done.
pub(crate) trait While<T> {
    /// The error reads `what: error`.
    fn during(self, what: impl fmt::Display) -> Result<T>;
}

impl<T> While<T> for io::Result<T> {
    fn during(self, what: impl fmt::Display) -> Result<T> {
        self.map_err(|error| Error(format!("{what}: {error}")))
    }
}
