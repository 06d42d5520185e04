//! The repository's own commands: `cargo xtask test`, `tidy`, `soak`, `rounds`, `bench` and `weight`.

mod bench;
mod error;
mod examples;
mod json;
mod metadata;
mod ray;
mod rounds;
mod run;
mod soak;
mod summary;
mod test;
mod tidy;
mod weight;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use error::{Result, fail};

const HELP: &str = "\
usage: cargo xtask COMMAND

  test               everything that a change must pass, on nothing but Rust; stops at the first step that fails
  test STEP..        only these steps: fmt tidy clippy features doc doctests examples socket relay soak faults
                     ray tests
  tidy               only the checks of the sources that no compiler makes
  soak [--minutes N] pools of all modes under random calls, kills and restarts, and what came of them in one line;
                     before that the models, further than `test` takes them
  rounds [MINUTES]   the tests and the examples again and again, in release builds, for 10 minutes by default
  bench [--quick]    ours, the raw limit and the peers side by side, with a report and plots in target/bench;
                     `--only ROW` for some of it
  weight             how long a build takes without concurry, with it, and with a worker
  bench NAME [..]    a smaller benchmark, with the arguments that follow; `all` for each of them
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
        ["soak", rest @ ..] => soak::run(&root, rest),
        ["rounds"] => rounds::run(&root, 10),
        ["rounds", minutes] => match minutes.parse() {
            Ok(minutes) => rounds::run(&root, minutes),
            Err(_) => fail(format!("rounds: `{minutes}` is no number of minutes")),
        },
        ["bench", rest @ ..] => bench::run(&root, rest),
        ["weight"] => weight::run(&root),
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
