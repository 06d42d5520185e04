//! The documentation has every option and every word that there is.

use concurry_options::{BALANCING, FULL, MODES};

use crate::options::{Place, known};

const WORKER: &str = include_str!("../../docs/worker.md");
const TASK: &str = include_str!("../../docs/task.md");

#[test]
fn every_option_is_documented_where_it_may_stand() {
    for (name, places) in known() {
        let written = |page: &str| {
            [format!("`{name}`"), format!("({name})"), format!("({name} =")].iter().any(|text| page.contains(text))
        };
        assert!(written(WORKER), "`{name}` is not in worker.md");
        assert_eq!(written(TASK), places.contains(&Place::Task), "`{name}` in task.md");
    }
}

#[test]
fn every_mode_and_every_way_to_balance_is_documented() {
    for (_, words) in MODES.iter().chain(BALANCING).chain(FULL) {
        assert!(WORKER.contains(&format!("`\"{}\"`", words[0])), "{} is not in worker.md", words[0]);
    }
}
