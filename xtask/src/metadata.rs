//! What cargo says about the workspace.

use std::path::{Path, PathBuf};

use crate::error::{Result, fail};
use crate::json::Json;
use crate::run;

/// The workspace as `cargo metadata` describes it.
pub(crate) struct Metadata(Json);

impl Metadata {
    /// Asks cargo. Dependencies are left out, so this needs no network.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let bytes = run::output(run::cargo(root).args(["metadata", "--no-deps", "--format-version", "1"]))?;
        match Json::parse(&String::from_utf8_lossy(&bytes)) {
            Some(json) => Ok(Metadata(json)),
            None => fail("`cargo metadata` wrote something that is no JSON"),
        }
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> PathBuf {
        PathBuf::from(self.0.get("target_directory").text())
    }

    /// The features of a package, as its manifest lists them.
    pub(crate) fn features(&self, package: &str) -> Vec<&str> {
        self.packages()
            .filter(|found| found.get("name").text() == package)
            .flat_map(|p| p.get("features").keys())
            .collect()
    }

    /// `(package, name)` of every target of a kind, such as `example` or `bench`.
    pub(crate) fn targets(&self, kind: &str) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        for package in self.packages() {
            for target in package.get("targets").items() {
                if target.get("kind").items().iter().any(|own| own.text() == kind) {
                    found.push((package.get("name").text(), target.get("name").text()));
                }
            }
        }
        found
    }

    fn packages(&self) -> impl Iterator<Item = &Json> {
        self.0.get("packages").items().iter()
    }
}
