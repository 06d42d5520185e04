//! The table of faults names tests, and each of them is there.

use std::path::Path;

use super::Finding;
use crate::error::{Result, While};

const TABLE: &str = "docs/faults.md";

/// Where the tests are that it names.
const FOLDERS: [&str; 2] = ["tests/tests", "faults/tests"];

/// Checks that every row of the table names a test, and that there is a test of each name.
pub(super) fn check(root: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let table = std::fs::read_to_string(root.join(TABLE)).during(TABLE)?;
    for (at, line) in table.lines().enumerate() {
        let Some(names) = tests_of(line) else { continue };
        if names.is_empty() {
            findings.push(Finding::new(TABLE, at + 1, "a fault without a test; name one in the last column"));
        }
        for name in names.into_iter().filter(|name| !is_there(root, name)) {
            findings.push(Finding::new(
                TABLE,
                at + 1,
                &format!("there is no test `{name}` in {}", FOLDERS.join(" or ")),
            ));
        }
    }
    Ok(())
}

/// The tests that a row names in its last column; nothing where the line is no row, or one of a table's head.
fn tests_of(line: &str) -> Option<Vec<&str>> {
    let cells: Vec<&str> = line.trim().strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let last = cells.last()?;
    if *last == "tests" || last.chars().all(|c| c == '-') && !last.is_empty() {
        return None;
    }
    Some(last.split('`').skip(1).step_by(2).collect())
}

fn is_there(root: &Path, name: &str) -> bool {
    let Some((file, test)) = name.split_once("::") else { return false };
    FOLDERS.iter().any(|folder| {
        let source = std::fs::read_to_string(root.join(folder).join(format!("{file}.rs"))).unwrap_or_default();
        has_test(&source, test)
    })
}

/// Whether a source has a test of this name, and not just a function.
fn has_test(source: &str, test: &str) -> bool {
    let mut marked = false;
    for line in source.lines() {
        if line.starts_with(&format!("fn {test}(")) {
            return marked;
        }
        // Other attributes may come after it.
        marked = line == "#[test]" || marked && line.starts_with("#[");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::{has_test, tests_of};

    #[test]
    fn rows_are_told_from_heads_and_name_their_tests() {
        assert_eq!(tests_of("| fault | tests |"), None);
        assert_eq!(tests_of("| --- | --- |"), None);
        assert_eq!(tests_of("no row"), None);
        assert_eq!(tests_of("| it is killed | `a::b`, `c::d` |"), Some(vec!["a::b", "c::d"]));
        assert_eq!(tests_of("| it is killed | |"), Some(vec![]));
    }

    #[test]
    fn a_test_is_a_function_that_is_marked() {
        let source = "fn help() {}\n\n#[test]\n#[ignore = \"long\"]\nfn it_works() {}\n";
        assert!(has_test(source, "it_works"));
        assert!(!has_test(source, "help") && !has_test(source, "it"));
    }
}
