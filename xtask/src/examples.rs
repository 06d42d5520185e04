//! Runs every example and compares what it prints with what it must print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Result, While, fail};
use crate::metadata::Metadata;
use crate::run::{self, cargo};
use crate::tidy;

/// Builds and runs them all. An example that nobody says the output of is an error: it would not be checked.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Metadata::read(root)?;
    let examples: Vec<(&str, &str)> = metadata.targets("example");
    if examples.is_empty() {
        return fail("there are no examples");
    }
    run::passes(cargo(root).args(["build", "--quiet", "--workspace", "--all-features", "--examples"]))?;
    for (package, name) in examples {
        println!("example {name}");
        let command = || {
            let mut command = cargo(root);
            command.args(["run", "--quiet", "--package", package, "--all-features", "--example", name, "--"]);
            command
        };
        let expected = root.join("examples").join(name).join("stdout.txt");
        if name == "hash_tree" {
            hash_tree(root, &metadata, command)?;
        } else if expected.is_file() {
            let printed = run::output(&mut command())?;
            let expected = fs::read(&expected).during(expected.display())?;
            same(name, &printed, &expected)?;
        } else {
            return fail(format!("example `{name}`: write what it prints to {}", expected.display()));
        }
    }
    Ok(())
}

/// Runs those that can be on a cluster of two nodes, of which the command is told, and compares with what they print here.
pub(crate) fn run_on(root: &Path, tell: impl Fn(&mut Command)) -> Result<()> {
    let printed = |name, mode, arguments: &[&str]| {
        println!("example {name} --mode {mode}");
        let mut command = cargo(root);
        tell(&mut command);
        command.args(["run", "--quiet", "--package", "concurry-examples", "--all-features", "--example", name]);
        run::output(command.args(["--", "--mode", mode]).args(arguments))
    };
    let guide = ["--workers", "2", "docs"];
    let here = printed("hash_tree", "thread", &guide)?;
    if here.is_empty() {
        return fail("hash_tree printed nothing");
    }
    same("hash_tree --mode ray", &printed("hash_tree", "ray", &guide)?, &here)?;
    let here = root.join("examples/seed/stdout.txt");
    let here = fs::read_to_string(&here).during(here.display())?.replace("4 processes", "4 processes on 2 nodes");
    same("seed --mode ray", &printed("seed", "ray", &[])?, here.as_bytes())
}

/// Hashes the repository's own files, and names that are hard to print, and compares with the real `sha256sum`.
fn hash_tree(root: &Path, metadata: &Metadata, command: impl Fn() -> Command) -> Result<()> {
    let tree = metadata.target().join("xtask").join("tree");
    let files = copy(root, &tree)?;
    let mut expected = Vec::new();
    for some in files.chunks(500) {
        expected.extend(run::output(Command::new("sha256sum").arg("--").args(some))?);
    }
    for mode in ["process", "thread", "sync"] {
        let printed = run::output(command().args(["--mode", mode, "--verify"]).arg(&tree))?;
        same(&format!("hash_tree --mode {mode}"), &printed, &expected)?;
    }
    // What cannot be read is named and counted, the rest goes on, and the exit status says so.
    let absent = tree.join("absent");
    let output = command().arg(&tree).arg(&absent).stdin(Stdio::null()).output().during("hash_tree")?;
    same("hash_tree with an absent file", &output.stdout, &expected)?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(1) || !told.contains(&*absent.to_string_lossy()) {
        return fail(format!("hash_tree with an absent file ended with {} and said:\n{told}", output.status));
    }
    println!("  {} files, the same as sha256sum's", files.len());
    Ok(())
}

/// Copies the repository's own files, adds odd ones, and gives all in the order in which they are to be printed.
fn copy(root: &Path, tree: &Path) -> Result<Vec<PathBuf>> {
    if tree.exists() {
        fs::remove_dir_all(tree).during(tree.display())?;
    }
    let mut files = Vec::new();
    for file in tidy::list(root)? {
        let copy = tree.join(&file);
        if let Some(folder) = copy.parent() {
            fs::create_dir_all(folder).during(folder.display())?;
        }
        fs::copy(root.join(&file), &copy).during(&file)?;
        files.push(copy);
    }
    for odd in ["-n", "a b", "a\nb", "a\\b", "a\rb", "empty", "\u{fc}ber", "z.a", "z/a"] {
        let path = tree.join("odd").join(odd);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).during(folder.display())?;
        }
        fs::write(&path, if odd == "empty" { "" } else { odd }).during(path.display())?;
        files.push(path);
    }
    fs::create_dir_all(tree.join("odd/no files")).during("an empty folder")?;
    files.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(files)
}

fn same(what: &str, printed: &[u8], expected: &[u8]) -> Result<()> {
    if printed == expected {
        return Ok(());
    }
    let (printed, expected) = (String::from_utf8_lossy(printed), String::from_utf8_lossy(expected));
    let at = printed.lines().zip(expected.lines()).take_while(|(printed, expected)| printed == expected).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing more)").to_owned();
    let (printed, expected) = (line(&printed), line(&expected));
    fail(format!("{what} printed, in line {}:\n  {printed}\nand not:\n  {expected}", at + 1))
}
