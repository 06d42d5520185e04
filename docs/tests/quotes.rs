//! What the guide quotes and no block of it can show, since it takes a variable of the environment.

use concurry::prelude::*;

#[derive(Default)]
struct Counter;

#[worker]
impl Counter {
    pub(crate) fn one(&self) -> u64 {
        1
    }
}

/// Whether the chapter has, as a line, the error that `init` comes to with this variable.
#[track_caller]
fn quotes(chapter: &str, variable: (&str, &str), mode: Mode) {
    let (name, value) = variable;
    let made = temp_env::with_var(name, Some(value), || Counter::options().mode(mode).init());
    let error = made.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(chapter.contains(&format!("{name}={value}")), "{name}={value} is not there");
    assert!(chapter.lines().any(|line| line == error), "this is not there:\n{error}");
}

#[test]
fn configuration_quotes_what_is_said_of_variables() {
    let chapter = include_str!("../src/configuration.md");
    quotes(chapter, ("CONCURRY_MAX_WORKERS", "four"), Mode::Thread);
    quotes(chapter, ("CONCURRY_WORKERS", "4"), Mode::Thread);
}

#[test]
fn configuration_shows_what_is_in_force() {
    concurry::config::set(|c| c.mode(Mode::Thread).max_workers = Some(2));
    let shown = concurry::config::effective(Mode::Thread).to_string();
    // Columns are as wide as the widest of all that is shown.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let chapter: Vec<String> = include_str!("../src/configuration.md").lines().map(words).collect();
    for line in shown.lines().take(3).map(words) {
        assert!(chapter.contains(&line), "this is not there:\n{line}");
    }
}

#[test]
fn how_it_works_quotes_what_is_said_of_the_link() {
    quotes(include_str!("../src/how-it-works.md"), ("CONCURRY_LINK", "sockets"), Mode::Process);
}
