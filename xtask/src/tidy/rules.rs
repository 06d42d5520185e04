//! The rules that hold for a file by itself.

use super::Finding;
use super::lex::{Parts, split};

/// A file that is longer has a second job.
const MOST_LINES: usize = 450;

/// One of tests is a list, which reads well when it is somewhat longer.
const MOST_LINES_OF_TESTS: usize = 600;

/// How far above a block its reason may begin.
const REASON_WITHIN: usize = 12;

/// The rooms where `unsafe` may be.
const UNSAFE_ROOMS: [&str; 4] = [
    "concurry-runtime/src/backend/process/sys",
    "concurry-runtime/src/wire/link",
    "concurry-runtime/src/future/slot",
    "models/src",
];

/// What a file names that is nobody's business but the machine's that it was written on. Written in two halves, so
/// that this file passes its own check.
const FORBIDDEN: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "spec"),
    concat!("/tmp/", "xtask-dev"),
    concat!("shared/", "design"),
    concat!("iss", "ue #"),
    concat!("Iss", "ue #"),
];

/// Which rooms of the runtime must not know which others: policies nothing of pools, backends nothing of balancing and
/// retries, the wire nothing of workers. Backends know limits, which they hand to workers.
const WALLS: [(&str, &[&str]); 6] = [
    ("balance", &["pool", "backend", "worker", "limits", "retry"]),
    ("limits", &["pool", "backend", "worker", "retry"]),
    ("retry", &["pool", "backend", "worker", "limits"]),
    ("backend", &["pool", "balance", "retry"]),
    ("wire", &["pool", "backend", "worker", "balance", "limits", "retry"]),
    ("future", &["pool", "backend", "balance", "limits", "retry"]),
];

/// Code of users, good and bad, that the UI tests show to the macros.
fn is_specimen(file: &str) -> bool {
    file.starts_with("ui-tests/fail/") || file.starts_with("ui-tests/pass/")
}

/// What holds for every text.
pub(super) fn any_file(file: &str, text: &str, findings: &mut Vec<Finding>) {
    for (at, line) in text.lines().enumerate() {
        for word in FORBIDDEN {
            if line.contains(word) {
                findings.push(Finding::new(file, at + 1, &format!("`{word}` means nothing outside one machine")));
            }
        }
    }
}

/// What holds for Rust sources.
pub(super) fn rust_file(file: &str, text: &str, findings: &mut Vec<Finding>) {
    let count = text.lines().count();
    let most = if file.starts_with("tests/tests/") { MOST_LINES_OF_TESTS } else { MOST_LINES };
    if count > most {
        findings.push(Finding::new(
            file,
            count,
            &format!("more than {most} lines; give the second job a file of its own"),
        ));
    }
    if is_specimen(file) {
        return;
    }
    let parts = split(text);
    if !begins_with_its_job(text) {
        findings.push(Finding::new(file, 1, "begins without a `//!` line that says its job"));
    }
    for (at, line) in parts.code.iter().enumerate() {
        let mut report = |what: &str| findings.push(Finding::new(file, at + 1, what));
        if line.contains("dbg!") {
            report("a forgotten `dbg!`");
        }
        if let Some(rest) = unsafe_code(line, parts.code.get(at + 1)) {
            if !UNSAFE_ROOMS.iter().any(|room| file.starts_with(room)) {
                report("`unsafe` outside its rooms; put it behind a safe type in one of them");
            }
            if (rest.starts_with('{') || rest.starts_with("impl")) && !has_reason(&parts, at) {
                report("`unsafe` without a `// SAFETY:` reason above it");
            }
        }
        for through in walls_broken(file, line) {
            report(&format!("`{through}` is behind a wall from here; see ARCHITECTURE.md"));
        }
    }
}

/// Inner attributes may stand before it.
fn begins_with_its_job(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.find(|line| line.starts_with("//!") || !line.starts_with("#!")).is_some_and(|line| line.starts_with("//!"))
        || text.lines().take(5).any(|line| line.starts_with("#![doc = include_str!"))
}

/// What follows the keyword, where it begins code: `Token![unsafe]` and `unsafe_code` do not.
fn unsafe_code(line: &str, next: Option<&String>) -> Option<String> {
    for (at, word) in line.match_indices("unsafe") {
        let inside = line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let after = &line[at + word.len()..];
        let rest = if after.trim().is_empty() { next.map_or("", |line| line.trim()) } else { after.trim_start() };
        if !inside
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && ["{", "fn ", "impl", "extern", "trait", "("].iter().any(|follower| rest.starts_with(follower))
        {
            return Some(rest.to_owned());
        }
    }
    None
}

/// A `SAFETY:` comment in the lines above, with nothing between that ends a statement or a block.
fn has_reason(parts: &Parts, at: usize) -> bool {
    for above in (at.saturating_sub(REASON_WITHIN)..=at).rev() {
        if parts.comments[above].contains("SAFETY:") {
            return true;
        }
        let code = parts.code[above].trim_end();
        if above < at && (code.ends_with(';') || code.ends_with('}')) {
            return false;
        }
    }
    false
}

fn walls_broken(file: &str, line: &str) -> Vec<String> {
    let Some(path) = file.strip_prefix("concurry-runtime/src/") else { return Vec::new() };
    let room = path.split(['/', '.']).next().unwrap_or("");
    if path.contains("tests") {
        // A test may stand on both sides.
        return Vec::new();
    }
    let behind = WALLS.iter().filter(|(own, _)| *own == room).flat_map(|(_, rooms)| rooms.iter());
    behind
        .map(|other| format!("crate::{other}"))
        .filter(|through| {
            line.match_indices(through.as_str())
                .any(|(at, _)| !line[at + through.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Finding, any_file, rust_file};

    fn findings(file: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        any_file(file, text, &mut findings);
        rust_file(file, text, &mut findings);
        findings.into_iter().map(|Finding(what)| what).collect()
    }

    #[test]
    fn a_file_in_order_has_no_findings() {
        let text = concat!(
            "#![forbid(unsafe_code)]\n//! Its job.\n// unsafe { } in a comment\n",
            "const A: &str = \"dbg!(unsafe {})\";\nfn f() { let _ = Token![unsafe]; }\n",
        );
        assert_eq!(findings("concurry/src/lib.rs", text), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let text = format!("fn f() {{\n    {}!(unsafe {{ g() }});\n}}\n{}\n", "dbg", "\n".repeat(450));
        let found = findings("concurry-macros/src/a.rs", &text);
        for (place, what) in
            [("454:", "450 lines"), ("1:", "`//!`"), ("2:", "dbg!"), ("2:", "its rooms"), ("2:", "SAFETY")]
        {
            assert!(found.iter().any(|f| f.contains(what) && f.contains(place)), "{place} {what} in {found:?}");
        }
        let paths = findings("README.md", concat!("see /wo", "rk/main\n"));
        assert_eq!(paths.len(), 2, "{paths:?}");
    }

    #[test]
    fn a_reason_counts_until_a_statement_ends() {
        let room = "concurry-runtime/src/wire/link/ring.rs";
        let with = "//! J.\nfn f() {\n    // SAFETY: why.\n    let x =\n        unsafe { g() };\n}\n";
        assert_eq!(findings(room, with), Vec::<String>::new());
        let without = "//! J.\nfn f() {\n    // SAFETY: why.\n    h();\n    unsafe { g() };\n}\n";
        assert_eq!(findings(room, without).len(), 1);
    }

    #[test]
    fn walls_hold_but_not_against_longer_names() {
        let file = "concurry-runtime/src/wire/frame.rs";
        assert_eq!(findings(file, "//! J.\nuse crate::workers::A;\nuse crate::poolside;\n"), Vec::<String>::new());
        assert_eq!(findings(file, "//! J.\nuse crate::worker::A;\n").len(), 1);
    }
}
