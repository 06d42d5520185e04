//! Running other programs: cargo above all.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Result, While, fail};

/// The cargo that runs this command, so that a `+toolchain` on the command line holds for every step.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// Runs a command whose output is for the eyes only.
pub(crate) fn passes(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().during(shown(command))?;
    if status.success() { Ok(()) } else { fail(format!("`{}` ended with {status}", shown(command))) }
}

/// Runs a command and gives what it printed; what it says on stderr passes through.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().during(shown(command))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    // What it printed before it failed is usually the reason.
    std::io::stdout().write_all(&output.stdout).during("stdout")?;
    fail(format!("`{}` ended with {}", shown(command), output.status))
}

/// Runs a command, passes on what it prints as it comes, shows each line to `look`, and tells whether it succeeded.
pub(crate) fn watched(command: &mut Command, mut look: impl FnMut(&str)) -> Result<bool> {
    let what = shown(command);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().during(&what)?;
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout);
        let mut line = Vec::new();
        // Bytes, not strings: a test may print anything.
        while lines.read_until(b'\n', &mut line).during(&what)? > 0 {
            std::io::stdout().write_all(&line).during("stdout")?;
            look(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    Ok(child.wait().during(&what)?.success())
}

/// Whether a command exists here and answers.
pub(crate) fn answers(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_stem().unwrap_or(OsStr::new("")).to_string_lossy().into_owned()];
    words.extend(command.get_args().take(12).map(|word| word.to_string_lossy().into_owned()));
    if command.get_args().len() > 12 {
        words.push("..".to_owned());
    }
    words.join(" ")
}
