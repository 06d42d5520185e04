//! What is known of a worker's death.

use std::sync::Arc;

/// How a worker died, and the last that it wrote to its stderr, where it has one of its own. Cheap to clone but for the
/// words, since every call that waited for it may end by the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Death {
    pub(crate) status: String,
    pub(crate) stderr: Arc<str>,
}

impl Death {
    /// The same, told with what came of it.
    pub(crate) fn told(&self, status: String) -> Self {
        Death { status, stderr: self.stderr.clone() }
    }
}

impl From<String> for Death {
    fn from(status: String) -> Self {
        Death { status, stderr: Arc::default() }
    }
}

impl From<&str> for Death {
    fn from(status: &str) -> Self {
        status.to_owned().into()
    }
}
