//! `cargo xtask bench`: the benchmarks, each run by itself so that none disturbs another.

use std::path::Path;

use crate::error::{Result, fail};
use crate::metadata::Metadata;
use crate::run::{self, cargo};

/// Runs every benchmark, or the one that the first argument names with the arguments after it.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let targets = metadata.targets("bench");
    let (chosen, rest): (Vec<_>, _) = match arguments {
        [name, rest @ ..] => (targets.iter().filter(|(_, own)| own == name).collect(), rest),
        [] => (targets.iter().collect(), arguments),
    };
    if chosen.is_empty() {
        let names: Vec<&str> = targets.iter().map(|(_, name)| *name).collect();
        return fail(format!("no benchmark to run; there are: {}", names.join(", ")));
    }
    for (package, name) in chosen {
        println!("\n==> {name}");
        run::passes(cargo(root).args(["bench", "--package", package, "--bench", name, "--"]).args(rest))?;
    }
    Ok(())
}
