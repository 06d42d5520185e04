//! `cargo xtask weight`: what concurry adds to a build, and what a worker does.
//!
//! Three packages are made under `target/weight`: one that is empty, one that depends on concurry, and one that has a worker
//! of ten methods besides. The first two are built from nothing, which tells what the crate adds; then the type of the
//! third is built again and again, with its attribute and without, which tells what the macro's code adds.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Result, While};
use crate::run::{self, cargo};

/// How often the last package is built; the median counts.
const ROUNDS: usize = 5;

pub(crate) fn run(root: &Path) -> Result<()> {
    let folder = root.join("target/weight");
    println!("{:<58} {:>9} {:>12}", "", "seconds", "packages");
    let empty = package(root, &folder, "empty", false, "fn main() {}\n")?;
    from_nothing("an empty crate, from nothing", &empty)?;
    let crowd = package(root, &folder, "dependent", true, "fn main() {}\n")?;
    from_nothing("the same with concurry, from nothing", &crowd)?;
    for (name, attribute) in [("plain", false), ("worker", true)] {
        let package = package(root, &folder, name, true, &ten_methods(attribute))?;
        build(&package)?;
        let mut took = Vec::new();
        for round in 0..ROUNDS {
            let text = format!("{}// {round}\n", ten_methods(attribute));
            fs::write(package.join("src/main.rs"), text).during("the package's source")?;
            took.push(build(&package)?);
        }
        took.sort();
        let what = if attribute { "ten methods with `#[worker]`, built again" } else { "ten methods, built again" };
        println!("{what:<58} {:>9.2}", took[took.len() / 2].as_secs_f64());
    }
    Ok(())
}

fn ten_methods(attribute: bool) -> String {
    let methods: String = (0..10)
        .map(|at| format!("    pub fn method_{at}(&mut self, x: u64, name: String) -> u64 {{ self.0 += x + name.len() as u64; self.0 }}\n"))
        .collect();
    let (attribute, used) = if attribute {
        (
            "#[concurry::worker]\n",
            "let pool = Ten::options().init().unwrap(); println!(\"{:?}\", pool.method_0(1, \"a\").result());",
        )
    } else {
        ("", "let mut ten = Ten::default(); println!(\"{}\", ten.method_0(1, \"a\".into()));")
    };
    format!(
        "#![allow(dead_code)]\n#[derive(Default)]\nstruct Ten(u64);\n{attribute}impl Ten {{\n{methods}}}\nfn main() {{ {used} }}\n"
    )
}

/// Makes a package of this name with this `main.rs`.
fn package(root: &Path, folder: &Path, name: &str, depends: bool, main: &str) -> Result<std::path::PathBuf> {
    let package = folder.join(name);
    fs::create_dir_all(package.join("src")).during("a folder for a package")?;
    let dependency =
        if depends { format!("concurry = {{ path = {:?} }}\n", root.join("concurry")) } else { String::new() };
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n[workspace]\n"
    );
    fs::write(package.join("Cargo.toml"), manifest).during("the package's manifest")?;
    fs::write(package.join("src/main.rs"), main).during("the package's source")?;
    Ok(package)
}

fn build(package: &Path) -> Result<Duration> {
    let begun = Instant::now();
    run::passes(cargo(package).args(["build", "--quiet"]))?;
    Ok(begun.elapsed())
}

fn from_nothing(what: &str, package: &Path) -> Result<()> {
    let target = package.join("target");
    if target.exists() {
        fs::remove_dir_all(&target).during("a package's build")?;
    }
    // What is to be had from elsewhere is had before the clock runs.
    run::passes(cargo(package).args(["fetch", "--quiet"]))?;
    let took = build(package)?;
    let tree =
        run::output(cargo(package).args(["tree", "--prefix", "none", "--edges", "normal,build", "--no-dedupe"]))?;
    let tree = String::from_utf8_lossy(&tree);
    let mut packages: Vec<&str> = tree.lines().filter_map(|line| line.split(" (").next()).collect();
    packages.sort_unstable();
    packages.dedup();
    println!("{what:<58} {:>9.2} {:>12}", took.as_secs_f64(), packages.len());
    Ok(())
}
