//! What the environment says: `CONCURRY_MAX_WORKERS=8` for all modes, `CONCURRY_PROCESS_MAX_WORKERS=8` for one.
//!
//! It is read anew whenever a pool is made, so that a process worker, which inherits it, makes its own pools by it too.
//! A value that is not allowed is a problem, whichever pool is made: it would be found by that pool at the latest which
//! nobody makes in a test. An empty value is none that is allowed.
//!
//! A variable that begins with `CONCURRY_` and is no option may be anybody's; Kubernetes, for one, makes some for each
//! service. So it is a problem only where it is so near an option's that it must be a slip of the pen, as
//! `CONCURRY_MAX_WORKER` or `CONCURRY_WORKERS` are; and [`Effective`](super::Effective) lists the others as ignored.

use std::ffi::OsString;

use concurry_options::{TABLE, names};

use super::Config;
use crate::mode::Mode;

/// What all variables of ours begin with.
const PREFIX: &str = "CONCURRY_";

/// Variables of ours that are no options.
const OTHERS: [&str; 4] = ["CONCURRY_EXPAND", "CONCURRY_LINK", "CONCURRY_PYTHON", "CONCURRY_WORKER_OF"];

/// A shorter name has too many others near it, such as `node` and `home`, to tell a slip of the pen.
const SHORTEST: usize = 6;

/// What the variables say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(super) config: Config,
    pub(super) problems: Vec<String>,
    pub(super) ignored: Vec<String>,
}

impl Environment {
    /// Reads those of `variables` that are ours.
    pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut found = Environment::default();
        // A name that is no text cannot be one of ours.
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let ours = variables.into_iter().filter_map(text).filter(|(name, _)| name.starts_with(PREFIX));
        let mut ours: Vec<_> = ours.filter(|(name, _)| !OTHERS.contains(&name.as_str())).collect();
        // So that the first problem is the same one each time.
        ours.sort();
        for (name, value) in ours {
            found.variable_is(&name, &value.to_string_lossy());
        }
        found
    }

    fn variable_is(&mut self, name: &str, value: &str) {
        match meaning(name) {
            Some(("mode", Some(_))) => self.problems.push(format!(
                "{name} is set, but the mode decides which mode's options hold; set {} instead",
                Self::variable("mode", None)
            )),
            Some((option, mode)) => {
                let layer = match mode {
                    Some(mode) => self.config.mode(mode),
                    None => self.config.all(),
                };
                if let Err(allowed) = layer.read(option, value) {
                    self.problems.push(format!("{name} is `{value}`, but `{option}` must be {allowed}"));
                }
            }
            None => match meant(name) {
                Some(near) => self.problems.push(format!(
                    "{name} is set, but there is no such option; did you mean {near}? A variable that is not for concurry must not be that near to one that is"
                )),
                None => self.ignored.push(name.to_owned()),
            },
        }
    }

    /// The variable of an option, for one mode or for all.
    pub(super) fn variable(option: &str, mode: Option<Mode>) -> String {
        let mode = mode.map(|mode| format!("{mode}_")).unwrap_or_default();
        format!("{PREFIX}{}", format!("{mode}{option}").to_ascii_uppercase())
    }
}

/// The option that a variable is for, and the mode where it is for one.
fn meaning(name: &str) -> Option<(&'static str, Option<Mode>)> {
    let modes = [None].into_iter().chain(Mode::ALL.map(Some));
    modes
        .flat_map(|mode| TABLE.iter().map(move |entry| (entry.name, mode)))
        .find(|(option, mode)| Environment::variable(option, *mode) == name)
}

/// The variable that a name of no option was most likely meant to be.
fn meant(name: &str) -> Option<String> {
    let modes = [None].into_iter().chain(Mode::ALL.map(Some));
    let all = modes.flat_map(|mode| TABLE.iter().map(move |entry| (entry.name, mode)));
    all.filter(|(option, mode)| option.len() >= SHORTEST && (*option, mode.is_some()) != ("mode", true))
        .filter_map(|(option, mode)| {
            let variable = Environment::variable(option, mode);
            let distance = names::distance(&names::normal(name), &names::normal(&variable));
            // `CONCURRY_WORKERS` for `CONCURRY_MAX_WORKERS`.
            let short = Environment::variable("", mode);
            let rest = name.strip_prefix(&short).unwrap_or_default().to_ascii_lowercase();
            let left_out = rest.len() >= SHORTEST && option.strip_suffix(&rest).is_some_and(|left| left.ends_with('_'));
            (distance <= 2 || left_out).then_some((distance, variable))
        })
        .min()
        .map(|(_, variable)| variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn options_are_read_for_one_mode_and_for_all() {
        let mut found = read(&[
            ("CONCURRY_MODE", "proc"),
            ("CONCURRY_MAX_WORKERS", "2"),
            ("CONCURRY_PROCESS_MAX_WORKERS", "8"),
            ("CONCURRY_NUM_RETRIES", "0"),
            ("CONCURRY_ON_DEMAND", "true"),
            ("CONCURRY_TIMEOUT", "250ms"),
            ("CONCURRY_RAY_STOP_TIMEOUT", "2m"),
            ("CONCURRY_LOAD_BALANCING", "active"),
            ("CONCURRY_NAME", "cpu"),
            ("PATH", "/bin"),
        ]);
        assert_eq!((found.problems.as_slice(), found.ignored.as_slice()), (&[] as &[String], &[] as &[String]));
        assert_eq!(found.config.mode(Mode::Process).max_workers, Some(8));
        assert_eq!(found.config.mode(Mode::Ray).stop_timeout, Some(Duration::from_secs(120)));
        let all = found.config.all();
        assert_eq!((all.mode, all.max_workers, all.num_retries), (Some(Mode::Process), Some(2), Some(0)));
        assert_eq!((all.on_demand, all.timeout), (Some(true), Some(Duration::from_millis(250))));
        assert_eq!(all.name.as_deref(), Some("cpu"));
    }

    #[test]
    fn every_option_of_the_table_has_its_variables() {
        for entry in TABLE {
            for mode in [None].into_iter().chain(Mode::ALL.map(Some)) {
                assert_eq!(meaning(&Environment::variable(entry.name, mode)), Some((entry.name, mode)));
            }
        }
        assert_eq!(Environment::variable("max_workers", Some(Mode::Process)), "CONCURRY_PROCESS_MAX_WORKERS");
    }

    #[test]
    fn what_is_not_allowed_names_the_variable_its_value_and_what_is() {
        for (name, value, allowed) in [
            ("CONCURRY_MAX_WORKERS", "0", "a whole number from 1"),
            ("CONCURRY_PROCESS_MAX_QUEUED_TASKS", "many", "leave it out"),
            ("CONCURRY_MODE", "fibre", "`thread` or `threads`"),
            ("CONCURRY_LOAD_BALANCING", "best", "`least_active`"),
            ("CONCURRY_NUM_RETRIES", "-1", "from 0 to 4294967295"),
            ("CONCURRY_ON_DEMAND", "yes", "`true` or `false`"),
            ("CONCURRY_STOP_TIMEOUT", "5", "5s"),
            ("CONCURRY_TIMEOUT", "0s", "longer than nothing"),
            ("CONCURRY_NAME", " ", "not empty"),
            ("CONCURRY_MAX_RESTARTS", "", "a whole number"),
        ] {
            let problems = read(&[(name, value)]).problems;
            assert_eq!(problems.len(), 1, "{name}");
            for part in [name, &format!("`{value}`"), allowed] {
                assert!(problems[0].contains(part), "{part} in {}", problems[0]);
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_shown_as_far_as_it_is() {
        use std::os::unix::ffi::OsStringExt;
        let odd = OsString::from_vec(b"4\xff".to_vec());
        let problems = Environment::read([("CONCURRY_MAX_WORKERS".into(), odd)]).problems;
        assert!(problems[0].contains("`4\u{fffd}`"), "{problems:?}");
    }

    #[test]
    fn slips_of_the_pen_are_problems_and_other_variables_are_not() {
        for (name, near) in [
            ("CONCURRY_MAX_WORKER", "CONCURRY_MAX_WORKERS"),
            ("CONCURRY_WORKERS", "CONCURRY_MAX_WORKERS"),
            ("CONCURRY_PROCESS_WORKERS", "CONCURRY_PROCESS_MAX_WORKERS"),
            ("CONCURRY_PROCES_MAX_WORKERS", "CONCURRY_PROCESS_MAX_WORKERS"),
            ("CONCURRY_RETRIES", "CONCURRY_NUM_RETRIES"),
            ("CONCURRY_max_workers", "CONCURRY_MAX_WORKERS"),
        ] {
            let problems = read(&[(name, "8")]).problems;
            assert!(problems.len() == 1 && problems[0].contains(&format!("{near}?")), "{name}: {problems:?}");
        }
        let others = ["CONCURRY_HOME", "CONCURRY_NODE", "CONCURRY_PORT_80_TCP_ADDR", "CONCURRY_SERVICE_HOST"];
        let found = read(&others.map(|name| (name, "x")));
        assert_eq!((found.problems.len(), found.ignored.as_slice()), (0, &others.map(str::to_owned)[..]));
        let ours = read(&OTHERS.map(|name| (name, "x")));
        assert_eq!((ours.problems.len(), ours.ignored.len()), (0, 0));
    }

    #[test]
    fn a_mode_has_no_mode_of_its_own() {
        let problems = read(&[("CONCURRY_PROCESS_MODE", "thread")]).problems;
        assert!(problems[0].contains("CONCURRY_PROCESS_MODE") && problems[0].contains("CONCURRY_MODE"), "{problems:?}");
    }
}
