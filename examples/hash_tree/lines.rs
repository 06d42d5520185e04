//! The lines that `sha256sum` prints.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

/// Adds the line of a file. A name that would break the line is escaped, and the line then begins with a backslash.
pub(crate) fn push(lines: &mut Vec<u8>, digest: &[u8; 32], path: &OsString) {
    let name = path.as_encoded_bytes();
    if name.iter().any(|byte| b"\\\n\r".contains(byte)) {
        lines.push(b'\\');
    }
    for byte in digest {
        lines.extend(format!("{byte:02x}").bytes());
    }
    lines.extend(b"  ");
    for byte in name {
        match byte {
            b'\\' => lines.extend(b"\\\\"),
            b'\n' => lines.extend(b"\\n"),
            b'\r' => lines.extend(b"\\r"),
            other => lines.push(*other),
        }
    }
    lines.push(b'\n');
}

/// Runs the real thing over the same files and compares.
pub(crate) fn verify(lines: &[u8], files: &[(OsString, u64)]) -> io::Result<()> {
    let mut expected = Vec::new();
    // A command line has room for so many names.
    for some in files.chunks(500) {
        let names = some.iter().map(|(path, _)| path);
        let output = Command::new("sha256sum").arg("--").args(names).stderr(Stdio::inherit()).output()?;
        expected.extend(output.stdout);
    }
    if expected == lines {
        return Ok(());
    }
    let (ours, theirs) = (lines.split(|byte| *byte == b'\n'), expected.split(|byte| *byte == b'\n'));
    let differs = ours.zip(theirs).find(|(ours, theirs)| ours != theirs).unwrap_or_default();
    let (ours, theirs) = (String::from_utf8_lossy(differs.0), String::from_utf8_lossy(differs.1));
    Err(io::Error::other(format!("not what sha256sum prints:\n  ours  {ours}\n  its   {theirs}")))
}
