//! The repository's own commands: `cargo xtask test`, `tidy`, `soak` and `bench`.

mod bench;
mod error;
mod examples;
mod json;
mod metadata;
mod run;
mod soak;
mod summary;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use error::{Result, fail};

const HELP: &str = "\
usage: cargo xtask COMMAND

  test               everything that a change must pass, on nothing but Rust; stops at the first step that fails
  test STEP..        only these steps: fmt tidy clippy features doc doctests examples tests
  tidy               only the checks of the sources that no compiler makes
  soak [MINUTES]     the tests and the examples again and again, in release builds, for 10 minutes by default
  bench [NAME] [..]  the benchmarks, or the one of that name with the arguments that follow
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[&str]) -> Result<()> {
    let root = root()?;
    match arguments {
        ["test", steps @ ..] => test::run(&root, steps),
        ["tidy"] => tidy::run(&root),
        ["soak"] => soak::run(&root, 10),
        ["soak", minutes] => match minutes.parse() {
            Ok(minutes) => soak::run(&root, minutes),
            Err(_) => fail(format!("soak: `{minutes}` is no number of minutes")),
        },
        ["bench", rest @ ..] => bench::run(&root, rest),
        ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            Ok(())
        }
        [] => fail(format!("which command?\n\n{HELP}")),
        [other, ..] => fail(format!("no such command, or not with these arguments: `{other}`\n\n{HELP}")),
    }
}

/// The root of the workspace. Cargo says where this package is, so the command works from any folder.
fn root() -> Result<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    match package.parent() {
        Some(root) if root.join("Cargo.toml").is_file() => Ok(root.to_owned()),
        _ => fail(format!("{} is not inside its workspace any more; build xtask anew", package.display())),
    }
}
