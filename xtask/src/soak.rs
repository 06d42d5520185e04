//! `cargo xtask soak`: pools of all modes under random calls, kills, stops and restarts; before that the models and the
//! nonsense of hostile peers, further than the tests take them.

use std::path::Path;

use crate::error::Result;
use crate::run::{self, cargo};

/// How far the models go: every order of steps with up to so many pre-emptions.
const PREEMPTIONS: &str = "3";

/// The models, and then so many minutes.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<()> {
    println!("\n==> models");
    let mut models = cargo(root);
    models.env("LOOM_MAX_PREEMPTIONS", PREEMPTIONS).args(["test", "--release", "-p", "concurry-models", "--lib"]);
    run::passes(&mut models)?;
    println!("\n==> nonsense");
    let test = ["test", "--release", "-p", "concurry-runtime", "--lib", "hostile", "--", "--include-ignored"];
    run::passes(cargo(root).args(test))?;
    println!("\n==> soak");
    run::passes(cargo(root).args(["run", "--release", "-p", "concurry-soak", "--"]).args(arguments))
}

/// A short one, as a test.
pub(crate) fn short(root: &Path) -> Result<()> {
    run::passes(cargo(root).args(["run", "-p", "concurry-soak", "--", "--seconds", "20"]))
}
