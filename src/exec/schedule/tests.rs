//! The laws of a schedule, in simulated runs.

use super::simulator::{Seen, simulate};

/// A run ends. What was chosen is made, or failed, or something that it needs failed, or the run
/// was stopped. It is what an empty cache would give. Nothing is made twice but what was lost in
/// between, and no key by two at once. A frozen run makes nothing. There are never more threads and
/// bytes at work than there may be, but for a stage that is alone.
#[test]
fn whatever_happens_a_run_ends_with_all_that_can_be_made() {
    let mut seen = Seen::default();
    let trials = if cfg!(debug_assertions) { 1_000 } else { 10_000 };
    for number in 0..trials {
        simulate(number, &mut seen);
    }
    let all = [
        "cached",
        "finished",
        "finished again",
        "failed",
        "skipped",
        "shared",
        "memory",
        "moody",
        "damaged",
        "twin",
        "made meanwhile",
    ];
    for what in all {
        assert!(
            seen.0.get(what).is_some_and(|times| *times >= trials as usize / 100),
            "{what} is rare: {seen:?}"
        );
    }
}
