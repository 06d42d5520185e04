//! `cargo xtask test`: everything that a change must pass.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{Result, fail};
use crate::metadata::Metadata;
use crate::ray;
use crate::run::{self, cargo};
use crate::soak;
use crate::summary::Summary;
use crate::{examples, tidy};

/// What the steps share.
struct Bench<'a> {
    root: &'a Path,
    /// Every test that ran, whichever step ran it.
    summary: Summary,
}

enum Outcome {
    Passed,
    /// Not done, and why. The reason is shown again at the end: a check that was left out must not look like one that passed.
    Skipped(&'static str),
}

type Step = fn(&mut Bench<'_>) -> Result<Outcome>;

/// The steps. What fails in seconds comes first; the tests come last, since whoever reads the end of the output,
/// be it a person or a machine, wants the runner's own figures there.
const STEPS: [(&str, Step); 13] = [
    ("fmt", format),
    ("tidy", sources),
    ("clippy", clippy),
    ("features", features),
    ("doc", docs),
    ("doctests", doctests),
    ("examples", all_examples),
    ("socket", over_the_socket),
    ("relay", relayed),
    ("soak", a_short_soak),
    ("faults", faults),
    ("ray", on_a_cluster),
    ("tests", tests),
];

/// Runs the steps of these names, or all, and stops at the first that fails.
pub(crate) fn run(root: &Path, only: &[&str]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|wanted| STEPS.iter().all(|(name, _)| name != *wanted)) {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return fail(format!("there is no step `{unknown}`; there are {}", names.join(", ")));
    }
    let start = Instant::now();
    let mut bench = Bench { root, summary: Summary::default() };
    let mut report = Vec::new();
    for (name, step) in STEPS.into_iter().filter(|(name, _)| only.is_empty() || only.contains(name)) {
        println!("\n==> {name}");
        let begun = Instant::now();
        let outcome = step(&mut bench);
        let took = begun.elapsed();
        report.push(match &outcome {
            Ok(Outcome::Passed) => line(name, took, "passed"),
            Ok(Outcome::Skipped(why)) => line(name, took, &format!("SKIPPED: {why}")),
            Err(_) => line(name, took, "FAILED"),
        });
        if let Err(error) = outcome {
            close(&report, &mut bench.summary, start.elapsed());
            return fail(format!("step `{name}` failed after {:.1} s: {error}", took.as_secs_f64()));
        }
    }
    close(&report, &mut bench.summary, start.elapsed());
    Ok(())
}

fn line(name: &str, took: Duration, verdict: &str) -> String {
    format!("  {name:<10} {:>7.1} s  {verdict}", took.as_secs_f64())
}

fn close(report: &[String], summary: &mut Summary, took: Duration) {
    if !summary.failures().is_empty() {
        println!("\nwhat did not pass, again:\n{}", summary.failures().join("\n"));
    }
    println!("\nsteps:\n{}\n", report.join("\n"));
    summary.took = took;
    if !summary.is_empty() {
        println!("{summary}");
    }
}

fn format(bench: &mut Bench<'_>) -> Result<Outcome> {
    if !run::answers(cargo(bench.root).args(["fmt", "--version"])) {
        return Ok(Outcome::Skipped("rustfmt is not installed; `rustup component add rustfmt`"));
    }
    run::passes(cargo(bench.root).args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn sources(bench: &mut Bench<'_>) -> Result<Outcome> {
    tidy::run(bench.root)?;
    Ok(Outcome::Passed)
}

fn clippy(bench: &mut Bench<'_>) -> Result<Outcome> {
    if !has_clippy(bench.root) {
        return Ok(Outcome::Skipped("clippy is not installed; `rustup component add clippy`"));
    }
    run::passes(cargo(bench.root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Outcome::Passed)
}

fn has_clippy(root: &Path) -> bool {
    run::answers(cargo(root).args(["clippy", "--version"]))
}

/// The facade without features, with each alone, and with all: what one feature needs, another must not lend it.
fn features(bench: &mut Bench<'_>) -> Result<Outcome> {
    let metadata = Metadata::read(bench.root)?;
    let clippy = has_clippy(bench.root);
    let check = |chosen: &[&str]| {
        println!("concurry {}", chosen.join(" "));
        let mut command = cargo(bench.root);
        command.args([if clippy { "clippy" } else { "check" }, "--quiet", "-p", "concurry"]).args(chosen);
        if clippy {
            // A warning that only shows without some feature is seen nowhere else.
            command.args(["--", "-D", "warnings"]);
        }
        run::passes(&mut command)
    };
    check(&["--no-default-features"])?;
    for feature in metadata.features("concurry").into_iter().filter(|feature| *feature != "default") {
        check(&["--no-default-features", "--features", feature])?;
    }
    check(&["--all-features"])?;
    Ok(Outcome::Passed)
}

fn docs(bench: &mut Bench<'_>) -> Result<Outcome> {
    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    let mut command = cargo(bench.root);
    command.env("RUSTDOCFLAGS", format!("{flags} -D warnings"));
    run::passes(command.args(["doc", "--workspace", "--all-features", "--no-deps", "--exclude", "xtask"]))?;
    Ok(Outcome::Passed)
}

fn doctests(bench: &mut Bench<'_>) -> Result<Outcome> {
    let mut command = cargo(bench.root);
    run_tests(bench, command.args(["test", "--workspace", "--all-features", "--doc", "--no-fail-fast"]))
}

fn all_examples(bench: &mut Bench<'_>) -> Result<Outcome> {
    examples::run(bench.root)?;
    Ok(Outcome::Passed)
}

fn tests(bench: &mut Bench<'_>) -> Result<Outcome> {
    let mut command = cargo(bench.root);
    command.args(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--no-fail-fast"]);
    // These have a step of their own.
    run_tests(bench, command.args(["--exclude", FAULTS]))
}

const FAULTS: &str = "concurry-faults";

/// Faults at every point of a call's way, with calls in rings and over the socket.
fn faults(bench: &mut Bench<'_>) -> Result<Outcome> {
    let metadata = Metadata::read(bench.root)?;
    let tests = metadata.targets("test").into_iter().filter(|(package, _)| *package == FAULTS);
    let tests: Vec<&str> = tests.map(|(_, test)| test).collect();
    for link in ["ring", "socket"] {
        println!("CONCURRY_LINK={link}");
        let mut command = cargo(bench.root);
        // All of the workspace, so that what the next step needs is built once.
        command.env("CONCURRY_LINK", link).args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
        for test in &tests {
            command.args(["--test", test]);
        }
        run_tests(bench, &mut command)?;
    }
    Ok(Outcome::Passed)
}

/// What process workers promise, where no memory can be shared with them.
fn over_the_socket(bench: &mut Bench<'_>) -> Result<Outcome> {
    let mut command = cargo(bench.root);
    command.env("CONCURRY_LINK", "socket").args(["test", "-p", "concurry-tests", "--all-features", "--no-fail-fast"]);
    for test in ["codec", "crowded", "deaths", "futures", "limits", "nothing_left", "on_demand", "stop"] {
        command.args(["--test", test]);
    }
    run_tests(bench, &mut command)
}

/// What workers on a Ray cluster promise where all of it goes through Ray, with what stands in for that.
fn relayed(bench: &mut Bench<'_>) -> Result<Outcome> {
    let mut command = cargo(bench.root);
    command.env(ray::TRANSPORT, "relay").args(["test", "-p", "concurry-tests", "--all-features", "--no-fail-fast"]);
    for test in ray::TESTS {
        command.args(["--test", test]);
    }
    run_tests(bench, &mut command)
}

/// Workers on the nodes of a real Ray cluster, where there is a Python to have one.
fn on_a_cluster(bench: &mut Bench<'_>) -> Result<Outcome> {
    let cluster = match ray::Cluster::start(bench.root)? {
        Ok(cluster) => cluster,
        Err(why) if std::env::var_os("CI").is_some() => return fail(why),
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let outcome = ["direct", "relay"].into_iter().try_fold(Outcome::Passed, |_, transport| {
        println!("{}={transport}", ray::TRANSPORT);
        let mut command = cargo(bench.root);
        cluster.tell(&mut command);
        command.env(ray::TRANSPORT, transport);
        command.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
        for test in ray::TESTS.into_iter().chain((transport == "direct").then_some(ray::ITS_OWN)) {
            command.args(["--test", test]);
        }
        // Each has a bridge, which is a Python that loads all of Ray.
        command.args(["--", "--test-threads", "3"]);
        run_tests(bench, &mut command)
    });
    let outcome = outcome.and_then(|outcome| {
        examples::run_on(bench.root, |command| cluster.tell(command))?;
        Ok(outcome)
    });
    cluster.stop()?;
    outcome
}

/// Everything at random, for a moment.
fn a_short_soak(bench: &mut Bench<'_>) -> Result<Outcome> {
    soak::short(bench.root)?;
    Ok(Outcome::Passed)
}

fn run_tests(bench: &mut Bench<'_>, command: &mut Command) -> Result<Outcome> {
    let mut own = Summary::default();
    let passed = run::watched(command, |line| {
        own.add_line(line);
        bench.summary.add_line(line);
    })?;
    match (passed, own.is_empty()) {
        (true, false) if own.lost() > 0 => {
            fail(format!("{} runners of tests ended before they said what came of them", own.lost()))
        }
        (true, false) => Ok(Outcome::Passed),
        (true, true) => fail("not one test ran"),
        (false, _) => fail("see above which did not pass"),
    }
}
