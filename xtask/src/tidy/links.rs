//! Links in Markdown that lead to files of this repository lead to files that are there.

use std::path::Path;

use super::Finding;

/// Where the repository's own files are read by those who have no copy of it; a path follows.
const HOME: [&str; 3] = [
    "https://github.com/concurry/concurry/blob/main/",
    "https://github.com/concurry/concurry/tree/main/",
    "https://github.com/concurry/concurry/raw/main/",
];

/// The page that is also read on crates.io and docs.rs, where no other file of the repository is beside it.
const PUBLISHED: &str = "README.md";

/// Checks the links of `file`, a path from `root`.
pub(super) fn check(root: &Path, file: &str, text: &str, findings: &mut Vec<Finding>) {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    for (line, target) in links(text) {
        let target = target.split('#').next().unwrap_or(target);
        let own = HOME.iter().find_map(|home| target.strip_prefix(home)).map(|path| root.join(path));
        let path = match own {
            Some(path) => path,
            None if target.is_empty() || target.contains(':') => continue,
            None if file == PUBLISHED => {
                let home = HOME[0];
                findings.push(Finding::new(
                    file,
                    line,
                    &format!("`{target}` is not there on crates.io and docs.rs; write `{home}{target}`, or `raw` for an image"),
                ));
                continue;
            }
            None => root.join(folder).join(target),
        };
        if !path.exists() {
            findings.push(Finding::new(file, line, &format!("a link leads to `{target}`, which is not there")));
        }
    }
}

/// The targets of inline links outside of code, each with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (start, _) in line.match_indices("](") {
            let inside_code = line[..start].matches('`').count() % 2 == 1;
            if let (false, Some(length)) = (inside_code, line[start..].find(')')) {
                found.push((at + 1, line[start + 2..start + length].split(' ').next().unwrap_or("")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "[a](b.md), [c](d/e.md#f \"title\")\n```rust\nx[0](y)\n```\n`v[0](w)` ![i](j.svg)\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "d/e.md#f"), (5, "j.svg")]);
    }

    #[test]
    fn only_what_is_not_there_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = format!(
            "[a](tidy/mod.rs) [b](run.rs#x) [c](#here) [d](https://example.org/no) [e](no.rs)\n[f]({0}src/run.rs) [g]({0}no)\n",
            HOME[0]
        );
        let mut findings = Vec::new();
        check(root, "src/a.md", &text, &mut findings);
        let findings: Vec<&str> = findings.iter().map(|Finding(what)| what.as_str()).collect();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("src/a.md:1:") && findings[0].contains("`no.rs`"), "{findings:?}");
        assert!(findings[1].starts_with("src/a.md:2:"), "{findings:?}");
    }

    #[test]
    fn what_is_published_leads_to_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut findings = Vec::new();
        let text = format!("[a](#here) [b]({0}src/main.rs)\n![c](src/main.rs)\n", HOME[2]);
        check(root, "README.md", &text, &mut findings);
        let findings: Vec<&str> = findings.iter().map(|Finding(what)| what.as_str()).collect();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with("README.md:2:"), "{findings:?}");
    }
}
