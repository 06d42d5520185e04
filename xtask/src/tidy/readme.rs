//! The README says what the code does: its blocks are doc tests, its report is an example's, its compiler the manifest's.

use std::path::Path;

use super::Finding;
use crate::error::{Result, While};

const README: &str = "README.md";

/// The example whose output the README shows.
const REPORT: &str = "examples/crash/stdout.txt";

/// Checks the README against the repository.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).during(file);
    let readme = read(README)?;
    let facade = read("concurry/src/lib.rs")?;
    // Where the facade includes the page, every block of it is a doc test and there is no copy that could differ.
    if !facade.lines().any(|line| line.contains("include_str!") && line.contains("README.md")) {
        findings.push(Finding::new(
            "concurry/src/lib.rs",
            1,
            "does not include README.md, so its blocks are not tested",
        ));
    }
    for (line, info) in fences(&readme) {
        if info.contains("ignore") || info.contains("no_run") || info.is_empty() {
            findings.push(Finding::new(README, line, "a block that is not run: say its language, and let Rust run"));
        }
    }
    match std::fs::read_to_string(root.join(REPORT)) {
        Ok(report) if readme.contains(report.trim_end()) => {}
        Ok(_) => {
            findings.push(Finding::new(README, 1, &format!("does not show what the example prints; copy {REPORT}")))
        }
        Err(error) => findings.push(Finding::new(REPORT, 1, &error.to_string())),
    }
    let manifest = read("Cargo.toml")?;
    let oldest = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    if !readme.contains(&format!("Rust {}.", oldest.unwrap_or("of an unknown version"))) {
        findings.push(Finding::new(README, 1, "does not say the `rust-version` of Cargo.toml"));
    }
    Ok(())
}

/// Where code blocks open, and what is written behind their fence.
pub(super) fn fences(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut open = false;
    for (at, line) in text.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            if !open {
                found.push((at + 1, info.trim()));
            }
            open = !open;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::fences;

    #[test]
    fn only_opening_fences_count() {
        assert_eq!(fences("a\n```rust\nx\n```\n\n```\ny\n```\n"), [(2, "rust"), (6, "")]);
    }
}
