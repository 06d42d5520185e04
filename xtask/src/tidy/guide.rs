//! The guide is whole: every chapter is in its table of contents and among its doc tests, runs every block, names the
//! mistakes that are made, and quotes the compiler as it speaks.

use std::path::Path;

use super::Finding;
use super::readme::fences;
use crate::error::{Result, While};

/// Where the chapters are, and the table of contents among them.
const CHAPTERS: &str = "docs/src/";
const CONTENTS: &str = "docs/src/SUMMARY.md";

/// What includes the chapters as doc tests.
const TESTS: &str = "docs/lib.rs";

/// What blocks are written in. What else follows the word, such as `no_run`, keeps a block from being run.
const LANGUAGES: [&str; 4] = ["rust", "sh", "text", "toml"];

/// How a line of Rust begins that a book hides. Readers of the plain file see it, and cannot paste the block.
const HIDDEN: &str = "# ";

/// What the compiler says to those who make mistakes.
const QUOTED: &str = "ui-tests/fail/";

/// Checks the chapters among `files`, the repository's own.
pub(super) fn check(root: &Path, files: &[String], findings: &mut Vec<Finding>) -> Result<()> {
    let read = |file: &str| std::fs::read_to_string(root.join(file)).during(file);
    let (contents, tests) = (read(CONTENTS)?, read(TESTS)?);
    let told = files.iter().filter(|file| file.starts_with(QUOTED) && file.ends_with(".stderr"));
    let told: Vec<String> = told.map(|file| read(file)).collect::<Result<_>>()?;
    for file in files.iter().filter(|file| file.starts_with(CHAPTERS) && file.ends_with(".md") && *file != CONTENTS) {
        let name = &file[CHAPTERS.len()..];
        if !contents.contains(&format!("]({name})")) {
            findings.push(Finding::new(CONTENTS, 1, &format!("does not have the chapter {name}")));
        }
        if !tests.contains(&format!("\"src/{name}\"")) {
            findings.push(Finding::new(
                TESTS,
                1,
                &format!("does not include src/{name}, so its blocks are not tested"),
            ));
        }
        chapter(file, &read(file)?, &told, findings);
    }
    Ok(())
}

/// Checks a chapter by itself; `told` is what the compiler says.
fn chapter(file: &str, text: &str, told: &[String], findings: &mut Vec<Finding>) {
    for (line, info) in fences(text) {
        if !LANGUAGES.contains(&info) {
            let languages = LANGUAGES.join(", ");
            findings.push(Finding::new(
                file,
                line,
                &format!("a block in `{info}`; write one of {languages}, and no more"),
            ));
        }
    }
    if !text.lines().any(|line| line == "## Mistakes" || line.starts_with("*Mistakes.*")) {
        findings.push(Finding::new(file, 1, "does not say which mistakes people make"));
    }
    let mut quoting = false;
    let mut rust = false;
    for (at, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(info) => (quoting, rust) = (!quoting && info == "text", !rust && info == "rust"),
            None if rust && line.starts_with(HIDDEN) => {
                findings.push(Finding::new(file, at + 1, "a hidden line; write blocks that can be pasted as they are"));
            }
            None if quoting
                && is_the_compilers(line)
                && !told.iter().any(|told| told.lines().any(|own| own == line)) =>
            {
                findings.push(Finding::new(
                    file,
                    at + 1,
                    &format!("no file in {QUOTED} has this line; copy what the compiler says"),
                ));
            }
            None => {}
        }
    }
}

/// Whether a quoted line is one of the compiler's, or part of one.
fn is_the_compilers(line: &str) -> bool {
    line.starts_with("error") || line.starts_with("   |")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        chapter("docs/src/a.md", text, &["error: no\n --> b\n".to_owned()], &mut findings);
        findings.into_iter().map(|Finding(what)| what).collect()
    }

    #[test]
    fn a_chapter_in_order_has_no_findings() {
        let text =
            "# A\n\n```rust\nlet a = 1;\n```\n\n## Mistakes\n\n```text\nerror: no\n```\n\n```text\nanything\n```\n";
        assert_eq!(findings(text), Vec::<String>::new());
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let found = findings("# A\n```rust,no_run\nf()\n```\n```text\nerror: yes\n```\n```rust\n# f();\n```\n");
        for (place, what) in [(":2:", "`rust,no_run`"), (":1:", "mistakes"), (":6:", "copy"), (":9:", "hidden")] {
            assert!(found.iter().any(|f| f.contains(what) && f.contains(place)), "{place} {what} in {found:?}");
        }
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
