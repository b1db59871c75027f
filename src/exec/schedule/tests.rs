//! The laws of a schedule, in simulated runs.

use super::simulator::{Seen, simulate};

/// Each run ends. Each chosen node is made, or it failed, or a node it needs failed, or the run was
/// stopped. The results equal those with an empty cache. Nothing is made twice unless it was lost
/// in between, and no key is computed by two at once. A frozen run makes nothing. Running jobs
/// never exceed the limits of threads and memory, except a job that runs alone. No other node starts
/// while a brief one could.
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
