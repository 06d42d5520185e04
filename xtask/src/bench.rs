//! `cargo xtask bench`: the comparison with the peers, or one of the smaller benchmarks by its name.
//!
//! The comparison is a package with a workspace of its own, `benches/suite`, which is built when it is asked for.

use std::path::Path;

use crate::error::{Result, fail};
use crate::metadata::Metadata;
use crate::run::{self, cargo};

/// Where the comparison is.
const SUITE: &str = "benches/suite";

/// Runs the comparison, which takes arguments that begin with a dash, or the benchmark that the first argument names with
/// the arguments after it; `all` stands for all of those, each by itself so that none disturbs another.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let [name, rest @ ..] = arguments else { return compare(root, arguments) };
    if name.starts_with('-') {
        return compare(root, arguments);
    }
    let metadata = Metadata::read(root)?;
    let targets = metadata.targets("bench");
    let chosen: Vec<_> = targets.iter().filter(|(_, own)| own == name || *name == "all").collect();
    if chosen.is_empty() {
        let names: Vec<&str> = targets.iter().map(|(_, name)| *name).collect();
        return fail(format!("there is no benchmark `{name}`; there are: {}, and `all`", names.join(", ")));
    }
    for (package, name) in chosen {
        println!("\n==> {name}");
        run::passes(cargo(root).args(["bench", "--package", package, "--bench", name, "--"]).args(rest))?;
    }
    Ok(())
}

fn compare(root: &Path, arguments: &[&str]) -> Result<()> {
    let target = root.join("target/bench");
    run::passes(
        cargo(root)
            .current_dir(root.join(SUITE))
            .env("CARGO_TARGET_DIR", target.join("build"))
            .args(["run", "--release", "--locked", "--", "--out"])
            .arg(&target)
            .args(arguments),
    )
}
