//! What is written instead of a frame: whoever reads it ends the link, which costs the worker and the call that it was
//! running; and nobody waits for ever.

use std::time::Duration;

use concurry::Error;
use concurry_faults::{Action, Point, Spoil, alone, play, play_with, third};

fn spoil(spoil: Spoil) -> Action {
    Action::Spoil(spoil)
}

#[test]
fn an_answer_with_a_byte_of_its_head_turned_costs_its_call() {
    let _alone = alone();
    for at in 0..32 {
        let seen = play(third(Point::Answering, spoil(Spoil::Byte(at))));
        seen.lost(3, 1, "do not add up", "a byte");
        seen.good_but(&[3], "a byte");
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "byte {at}");
    }
}

#[test]
fn an_answer_that_cannot_be_costs_its_call() {
    let _alone = alone();
    let cases = [
        (Spoil::Kind(2), "only its driver sends"),
        (Spoil::Kind(200), "unknown kind"),
        (Spoil::Id(0), "never sent"),
        (Spoil::Id(999), "never sent"),
        (Spoil::Id(u64::MAX), "never sent"),
        (Spoil::Before, "twice"),
        (Spoil::Length(u32::MAX), "at most"),
    ];
    for (bad, words) in cases {
        let what = format!("{bad:?}");
        let seen = play(third(Point::Answering, spoil(bad)));
        seen.lost(3, 1, words, &what);
        seen.good_but(&[3], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
    }
}

#[test]
fn an_answer_to_a_call_that_has_not_begun_is_not_believed() {
    let _alone = alone();
    // The fourth call is with the worker already. By the time that its driver finds out, the worker may have run what it
    // was sent ahead.
    let seen = play_with(third(Point::Answering, spoil(Spoil::Id(4))), |options| options.max_queued_tasks(4));
    seen.lost(3, 1, "", "ahead");
    for id in 4..=6 {
        seen.good_or_lost(id, "ahead");
    }
    seen.good_but(&[3, 4, 5, 6], "ahead");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn an_answer_that_comes_twice_costs_no_more_than_what_runs_by_then() {
    let _alone = alone();
    let seen = play(third(Point::Answering, spoil(Spoil::Twice)));
    assert!(matches!(seen.of(3), Ok(6)));
    seen.good_or_lost(4, "twice");
    seen.good_but(&[4], "twice");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn an_answer_that_is_shorter_than_what_follows_costs_its_call_and_the_next() {
    let _alone = alone();
    let seen = play(third(Point::Answering, spoil(Spoil::Length(0))));
    assert!(matches!(seen.of(3), Err(Error::Codec { .. })), "{:?}", seen.of(3));
    assert_eq!(seen.ran(3), 1);
    // Over the socket it is seen when the worker tells that it begins the next.
    assert!(matches!(seen.of(4), Err(Error::WorkerDied { .. })), "{:?}", seen.of(4));
    assert!(seen.ran(4) <= 1);
    seen.good_but(&[3, 4], "shorter");
    assert_eq!((seen.stats.restarts, seen.built()), (1, 2));
}

#[test]
fn an_answer_that_announces_more_than_comes_costs_its_call_once_its_time_is_up() {
    let _alone = alone();
    let plan = third(Point::Answering, spoil(Spoil::Length(1000)));
    let seen = play_with(plan, |options| options.run_timeout(Duration::from_secs(2)));
    assert!(matches!(seen.of(3), Err(Error::TimedOut { .. })), "{:?}", seen.of(3));
    assert_eq!(seen.ran(3), 1);
    seen.good_but(&[3], "longer");
    assert_eq!(seen.built(), 2);
}

#[test]
fn a_call_whose_head_is_spoilt_ends_the_worker_and_is_run_by_the_next() {
    let _alone = alone();
    let mut bad: Vec<_> = (0..32).map(Spoil::Byte).collect();
    bad.extend([Spoil::Kind(18), Spoil::Kind(200), Spoil::Length(u32::MAX)]);
    for bad in bad {
        let what = format!("{bad:?}");
        let seen = play(third(Point::Sending, spoil(bad)));
        seen.good_but(&[], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
    }
}

#[test]
fn a_call_that_arrives_under_the_number_of_another_ends_the_worker_and_is_run_by_the_next() {
    let _alone = alone();
    for bad in [Spoil::Id(999), Spoil::Id(0), Spoil::Before] {
        let what = format!("{bad:?}");
        let seen = play(third(Point::Sending, spoil(bad)));
        seen.good_but(&[], &what);
        assert_eq!((seen.stats.restarts, seen.built()), (1, 2), "{what}");
    }
}

#[test]
fn a_message_that_makes_no_sense_costs_its_call_alone() {
    let _alone = alone();
    // The first byte after the head says which method is meant.
    let seen = play(third(Point::Sending, spoil(Spoil::Byte(32))));
    assert!(matches!(seen.of(3), Err(Error::Codec { .. })), "{:?}", seen.of(3));
    assert_eq!(seen.ran(3), 0);
    seen.good_but(&[3], "message");
    assert_eq!((seen.stats.restarts, seen.built()), (0, 1));
}
