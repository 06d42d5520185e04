//! Compares the errors of the programs in `fail/` with what stands beside them.
//!
//! `TRYBUILD=overwrite cargo test -p concurry-ui-tests --test ui` writes them anew; each is to be read as the user reads it.

use std::env;
use std::process::Command;

/// The words are ours, and so is the place where they appear.
#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("fail/*.rs");
}

/// The words are ours, but the compiler speaks them, and says more. What it says differs from version to version, so the
/// one with which the workspace is checked is the one that is compared.
#[test]
fn the_compiler_explains_the_rest() {
    let version = compiler();
    let checked = concat!("rustc ", env!("CARGO_PKG_RUST_VERSION"), ".");
    if version.starts_with(checked) {
        trybuild::TestCases::new().compile_fail("fail/compiler/*.rs");
    } else {
        println!("SKIPPED: the texts are those of {checked}x, and this is {version}");
    }
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs, or this would not have been built");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
