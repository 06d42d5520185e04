//! `cargo xtask tidy`: the checks of the sources that no compiler makes.

mod faults;
mod files;
mod guide;
mod lex;
mod links;
mod readme;
mod rules;

use std::path::Path;

use crate::error::{Result, fail};

pub(crate) use files::list;

/// A broken rule, as `file:line: what`.
struct Finding(String);

impl Finding {
    fn new(file: &str, line: usize, what: &str) -> Self {
        Finding(format!("{file}:{line}: {what}"))
    }
}

/// Looks at every file and names all that is wrong, not just the first.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    let mut count = 0;
    let files = list(root)?;
    for file in &files {
        // What is no text, such as an image, has no lines to look at.
        let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
        count += 1;
        rules::any_file(file, &text, &mut findings);
        if file.ends_with(".rs") {
            rules::rust_file(file, &text, &mut findings);
        }
        if file.ends_with(".md") {
            links::check(root, file, &text, &mut findings);
        }
    }
    readme::check(root, &mut findings)?;
    faults::check(root, &mut findings)?;
    guide::check(root, &files, &mut findings)?;
    for Finding(finding) in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {count} files in order");
            Ok(())
        }
        1 => fail("1 thing is not tidy"),
        many => fail(format!("{many} things are not tidy")),
    }
}
