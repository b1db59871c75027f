//! A disk that fails, that is full, or that gives a part of what it is asked for: at every step of
//! a run.

use std::collections::BTreeMap;
use std::path::Path;

use crate::cache;
use crate::law::{Counts, Law, Place, SPEC, each, fresh, of_kind, some};
use crate::project::{Output, tree};
use crate::traced::{Kind, Verdict};

/// What runs with a cache are told at each of the places, once; each is followed by a whole run.
struct Fault<'a> {
    law: &'a Law,
    /// A copy of this cache is used; an empty one for `None`.
    from: Option<&'a Path>,
    verdict: Verdict,
}

impl Fault<'_> {
    /// Counts the places by class of step and exit code.
    fn at(&self, places: &[Place], check: impl Fn(&Place, &Path, &Output) + Sync) -> Ends {
        let counts = Counts::default();
        each(places, |place| {
            let (_folder, cache) = fresh();
            if let Some(from) = self.from {
                cache::copy(from, &cache);
            }
            let run = self.law.disturbed(&self.law.arguments, &cache, place, self.verdict);
            let what = format!("{:?} at {place:?}, {run:?}", self.verdict);
            match (run.code, self.verdict) {
                (0, _) => assert_eq!(run.stdout, self.law.tables, "{what}"),
                // A stage failed, or the cache cannot be used: the cause and a path are told.
                (1 | 4, Verdict::Fail(error)) => {
                    let cause = std::io::Error::from_raw_os_error(error).to_string();
                    let cause = cause.split(" (os error").next().expect("a text");
                    assert!(run.stderr.contains("error: ") && run.stderr.contains(cause), "{what}");
                    assert!(run.stderr.contains(&*cache.to_string_lossy()), "{what}");
                }
                _ => panic!("{what}"),
            }
            check(place, &cache, &run);
            let next = self.law.project.run(&self.law.at(&self.law.arguments, &cache));
            self.law.answers(&cache, &next).unwrap_or_else(|why| panic!("{what}\n{why}"));
            counts.add(&format!("{}: {}", place.0.class(), run.code));
        });
        Ends(counts.all())
    }
}

/// Counts of runs by class of step and exit code.
#[derive(Debug)]
struct Ends(BTreeMap<String, usize>);

impl Ends {
    fn all(&self) -> usize {
        self.0.values().sum()
    }

    /// How many of those whose class begins like this ended with a code.
    fn count(&self, class: &str, code: i32) -> usize {
        let of = |(name, _): &(&String, &usize)| {
            name.starts_with(class) && name.ends_with(&format!(": {code}"))
        };
        self.0.iter().filter(of).map(|(_, count)| count).sum()
    }
}

fn nothing(_: &Place, _: &Path, _: &Output) {}

/// The law of a spec and the steps of a run with an empty cache; `None` where programs cannot be
/// traced.
fn cold(test: &str, spec: &str) -> Option<(Law, Vec<Place>)> {
    let law = Law::of(spec, "--jobs 1");
    let places = law.places(&law.arguments, &fresh().1);
    places.inspect_err(|why| eprintln!("skipped: {test}: {why}")).ok().map(|places| (law, places))
}

/// A cache that lacks the last two records and the answer, so that a run reads everything else.
fn warm(law: &Law, cache: &Path) {
    law.project.run(&law.at(&law.arguments, cache)).done();
    for record in cache::records(cache) {
        if record.label.starts_with("scoring") || record.label.starts_with("metrics") {
            std::fs::remove_file(record.path).expect("it was there");
        }
    }
    for (name, path) in tree(&cache.join("memo")) {
        if name.ends_with(".json") {
            std::fs::remove_file(path).expect("it was there");
        }
    }
}

#[test]
fn a_disk_that_fails_or_is_full_at_any_step_is_told_or_costs_nothing() {
    let name = "a_disk_that_fails_or_is_full_at_any_step_is_told_or_costs_nothing";
    let Some((law, places)) = cold(name, SPEC) else { return };
    let changes = of_kind(&places, Kind::Change);
    for (error, chosen) in [(libc::EIO, changes.clone()), (libc::ENOSPC, some(changes, 2))] {
        let ends =
            Fault { law: &law, from: None, verdict: Verdict::Fail(error) }.at(&chosen, nothing);
        assert_eq!(ends.all(), chosen.len());
        // What holds results must be written, what only saves time need not.
        for needed in ["open tmp", "write tmp", "open locks", "mkdir objects", "mkdir records"] {
            assert!(ends.count(needed, 4) > 0, "{error}: {ends:?}");
        }
        for spared in ["rename last", "rename memo", "write logs", "lock locks", "mkdir runs"] {
            assert!(ends.count(spared, 0) > 0 && ends.count(spared, 4) == 0, "{error}: {ends:?}");
        }
        eprintln!("error {error} at {}: {ends:?}", chosen.len());
    }
}

#[test]
fn what_cannot_be_read_is_made_again_and_what_cannot_be_read_now_is_no_damage() {
    let name = "what_cannot_be_read_is_made_again_and_what_cannot_be_read_now_is_no_damage";
    let Some((law, places)) = cold(name, SPEC) else { return };
    // Of an empty cache, and of one that has nearly everything.
    let (_folder, template) = fresh();
    warm(&law, &template);
    let (_copy, cache) = fresh();
    cache::copy(&template, &cache);
    let again = law.places(&law.arguments, &cache).expect("it was traced before");
    let looks: Vec<Place> = some(of_kind(&again, Kind::Look), 1);
    let reads = of_kind(&again, Kind::Read);
    let fault = |from, error| Fault { law: &law, from, verdict: Verdict::Fail(error) };
    let ends = [
        fault(None, libc::EIO).at(&some(of_kind(&places, Kind::Read), 2), nothing),
        fault(Some(&*template), libc::EIO).at(&reads, nothing),
        fault(Some(&*template), libc::EIO).at(&looks, nothing),
        fault(Some(&*template), libc::EACCES).at(&some(reads.clone(), 1), nothing),
    ];
    // A read that fails once never ends a run: what is read is made again, or read again.
    assert!(ends.iter().all(|ends| ends.count("", 0) == ends.all()), "{ends:?}");
    // A process without free file descriptors takes no sound object for damaged.
    let spared = |place: &Place, cache: &Path, run: &Output| {
        let moved = tree(&cache.join("bad"));
        assert!(moved.is_empty(), "{place:?}: {moved:?}\n{}", run.stderr);
    };
    let few = fault(Some(&*template), libc::EMFILE).at(&some(reads, 4), spared);
    assert!(few.count("open objects", 4) > 0 && few.count("open objects", 1) == 0, "{few:?}");
    eprintln!("{:?} of {ends:?}; {} of {few:?}", ends.each_ref().map(Ends::all), few.all());
}

/// Systems may read or write less than they are asked to, and signals interrupt both.
#[test]
fn half_a_read_or_write_and_an_interrupted_one_go_on() {
    let name = "half_a_read_or_write_and_an_interrupted_one_go_on";
    let Some((law, places)) = cold(name, SPEC) else { return };
    let moved: Vec<Place> =
        places.into_iter().filter(|(step, _)| ["read", "write"].contains(&step.verb)).collect();
    for (verdict, chosen) in
        [(Verdict::Half, some(moved.clone(), 8)), (Verdict::Fail(libc::EINTR), some(moved, 3))]
    {
        let ends = Fault { law: &law, from: None, verdict }.at(&chosen, nothing);
        assert_eq!(ends.count("", 0), chosen.len(), "{ends:?}");
        eprintln!("{verdict:?}: {ends:?}");
    }
}

/// Matrices of more than a megabyte, which are mapped.
const LARGE: &str = "\
name: law
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 1, mels: 40 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

#[test]
fn a_large_object_that_cannot_be_mapped_is_made_again() {
    let name = "a_large_object_that_cannot_be_mapped_is_made_again";
    let Some((law, places)) = cold(name, LARGE) else { return };
    let maps: Vec<Place> = places.into_iter().filter(|(step, _)| step.verb == "map").collect();
    assert!(maps.len() >= 2, "two matrices are mapped: {maps:?}");
    for error in [libc::EIO, libc::ENODEV] {
        let fault = Fault { law: &law, from: None, verdict: Verdict::Fail(error) };
        let ends = fault.at(&maps, nothing);
        assert_eq!(ends.count("", 0), maps.len(), "{error}: {ends:?}");
    }
    // No memory is no fault of the object.
    let fault = Fault { law: &law, from: None, verdict: Verdict::Fail(libc::ENOMEM) };
    let ends = fault.at(&maps, |place, cache, run| {
        let moved = tree(&cache.join("bad"));
        assert!(moved.is_empty(), "{place:?}: {moved:?}\n{}", run.stderr);
    });
    eprintln!("without memory: {ends:?}");
}
