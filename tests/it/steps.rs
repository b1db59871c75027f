//! Kills at every step of a run: what it leaves behind at any moment.

use std::collections::BTreeMap;

use crate::law::{Counts, Law, Place, SPEC, each, fresh, of_kind, some};
use crate::traced::{Kind, Verdict};

/// What a run changes in an empty cache: no kind of step may be missing from the kills.
const CHANGES: &[&str] = &[
    "lock locks",
    "mkdir ",
    "mkdir bad",
    "mkdir jobs",
    "mkdir last",
    "mkdir locks",
    "mkdir logs",
    "mkdir memo",
    "mkdir objects",
    "mkdir partial",
    "mkdir records",
    "mkdir runs",
    "mkdir tmp",
    "open locks",
    "open logs",
    "open tmp",
    "rename CACHEDIR.TAG",
    "rename last",
    "rename memo",
    "rename objects",
    "rename records",
    "rename runs",
    "unlink locks",
    "write logs",
    "write tmp",
];

/// Kills runs with an empty cache at each of the places; each is followed by a whole run. Counts
/// the kills by class of step.
fn kill(law: &Law, places: &[Place], verdict: Verdict) -> BTreeMap<String, usize> {
    let counts = Counts::default();
    each(places, |place| {
        let (_folder, cache) = fresh();
        let run = law.disturbed(&law.arguments, &cache, place, verdict);
        assert_eq!(run.code, 128 + 9, "{place:?}: {}", run.stderr);
        law.holds(&cache).unwrap_or_else(|why| panic!("{verdict:?} at {place:?}: {why}"));
        counts.add(&place.0.class());
    });
    counts.all()
}

#[test]
fn a_run_killed_at_any_step_leaves_what_the_next_one_can_use() {
    let law = Law::of(SPEC, "--jobs 1");
    let places = match law.places(&law.arguments, &fresh().1) {
        Ok(places) => places,
        Err(why) => {
            eprintln!("skipped: a_run_killed_at_any_step_leaves_what_the_next_one_can_use: {why}");
            return;
        }
    };
    let changes = of_kind(&places, Kind::Change);
    let killed = kill(&law, &changes, Verdict::Kill);
    assert_eq!(killed.keys().collect::<Vec<_>>(), CHANGES);
    assert_eq!(killed.values().sum::<usize>(), changes.len());
    let writes = changes.into_iter().filter(|(step, _)| step.verb == "write").collect();
    let writes = some(writes, 6);
    let torn = kill(&law, &writes, Verdict::HalfThenKill);
    assert_eq!(torn.values().sum::<usize>(), writes.len());
    eprintln!("killed at {killed:?}, in the middle of {torn:?}");
}

/// The process dies that takes the step: the run, which takes its worker with it, or the worker,
/// which the run tells of.
#[test]
fn a_run_or_its_worker_killed_at_a_step_leaves_what_the_next_one_can_use() {
    let law = Law::of(SPEC, "--jobs 1 --executor process");
    let places = match law.places(&law.arguments, &fresh().1) {
        Ok(places) => places,
        Err(why) => {
            let name = "a_run_or_its_worker_killed_at_a_step_leaves_what_the_next_one_can_use";
            eprintln!("skipped: {name}: {why}");
            return;
        }
    };
    let counts = Counts::default();
    let chosen = some(of_kind(&places, Kind::Change), 2);
    each(&chosen, |place| {
        let (_folder, cache) = fresh();
        let run = law.disturbed(&law.arguments, &cache, place, Verdict::Kill);
        let what = format!("killed at {place:?}, exit {}:\n{}", run.code, run.stderr);
        match run.code {
            // A signal that was sent to the run.
            137 => counts.add("run"),
            1 => {
                assert!(run.stderr.contains("the worker process ended with signal: 9"), "{what}");
                assert!(run.stderr.contains("\nerror: "), "{what}");
                counts.add("worker");
            }
            _ => panic!("{what}"),
        }
        law.holds(&cache).unwrap_or_else(|why| panic!("{what}: {why}"));
    });
    let counts = counts.all();
    assert!(counts["run"] >= 20 && counts["worker"] >= 8, "{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), chosen.len());
    eprintln!("killed: {counts:?}");
}
