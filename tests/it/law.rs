//! The law of the cache, as a question: does a run with this cache give what an empty one gives?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use humshift::digest::Digest;
use tempfile::TempDir;

use crate::cache;
use crate::project::{Output, Project};
use crate::sounds;
use crate::traced::{self, Kind, Step, Verdict};

/// Six stages with files of each kind, done in some forty milliseconds.
pub const SPEC: &str = "\
name: law
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
";

/// More than any run here takes on a machine with other work; who takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A step, and how many like it a run makes before it. Threads may change places, but not what
/// they do; so this names the step in every run.
pub type Place = (Step, usize);

/// A spec and what it gives with an empty cache.
pub struct Law {
    pub project: Project,
    /// The arguments of its runs, without the cache.
    pub arguments: String,
    pub tables: String,
    pub report: String,
    pub labels: BTreeSet<String>,
}

impl Law {
    /// The law of a spec; its few recordings are there already.
    pub fn of(spec: &str, arguments: &str) -> Self {
        let project = Project::with(spec);
        for (split, domain, label, count) in [
            ("train", "source", "normal", 3),
            ("train", "target", "normal", 1),
            ("test", "source", "normal", 1),
            ("test", "source", "anomaly", 1),
            ("test", "target", "normal", 1),
            ("test", "target", "anomaly", 1),
        ] {
            for number in 0..count {
                let path = sounds::path("fan", split, "00", domain, label, number);
                project.write(&format!("data/{path}"), sounds::clip(&path));
            }
        }
        // Digests of files that changed just now are not remembered: from now on all runs are the
        // same, and remember them.
        std::thread::sleep(Duration::from_millis(2100));
        let run = project.run("run spec.yaml").done();
        let (report, labels) = (project.report(), run.ran());
        let arguments = format!("run spec.yaml {arguments}");
        Self { project, arguments, tables: run.stdout, report, labels }
    }

    /// Traces a command with a cache.
    pub fn traced(
        &self,
        arguments: &str,
        cache: &Path,
        mut judge: impl FnMut(&Step) -> Verdict,
    ) -> Result<Output, String> {
        let command = self.project.command(&self.at(arguments, cache));
        traced::run(command, cache, LIMIT, &mut judge, None)
    }

    /// A command of the spec, with a cache of its own.
    pub fn at(&self, arguments: &str, cache: &Path) -> String {
        format!("{arguments} --cache {}", cache.display())
    }

    /// The steps of a command that nobody disturbs, each named so that it is found in another run.
    pub fn places(&self, arguments: &str, cache: &Path) -> Result<Vec<Place>, String> {
        let mut count = BTreeMap::new();
        let mut places = Vec::new();
        let run = self.traced(arguments, cache, |step| {
            let before = count.entry(step.clone()).or_insert(0);
            places.push((step.clone(), *before));
            *before += 1;
            Verdict::Go
        })?;
        let run = run.done();
        if arguments == self.arguments {
            assert_eq!(run.stdout, self.tables, "being watched changes nothing");
        }
        Ok(places)
    }

    /// Traces a command up to a step and gives the verdict there. The test fails if the step is
    /// never made.
    pub fn disturbed(
        &self,
        arguments: &str,
        cache: &Path,
        (step, before): &Place,
        verdict: Verdict,
    ) -> Output {
        let mut seen = 0;
        let judge = |made: &Step| {
            let is_it = made == step && seen == *before;
            seen += usize::from(made == step);
            if is_it { verdict } else { Verdict::Go }
        };
        let output = self.traced(arguments, cache, judge).expect("it was traced before");
        assert!(seen > *before, "the run did not come to {step:?}, {before}: {}", output.stderr);
        output
    }

    /// Runs again, undisturbed. Errors: the tables or the report are not those of an empty cache,
    /// the stages that ran are not those without a record, or something in the cache is damaged
    /// after it.
    pub fn holds(&self, cache: &Path) -> Result<(), String> {
        let recorded: BTreeSet<String> =
            cache::records(cache).into_iter().map(|record| record.label).collect();
        let run = self.project.run(&self.at(&self.arguments, cache));
        let missing: BTreeSet<String> = self.labels.difference(&recorded).cloned().collect();
        let ran = run.ran();
        if ran != missing {
            return Err(format!("{ran:?} ran, {missing:?} were missing\n{}", run.stderr));
        }
        self.answers(cache, &run)
    }

    /// The same for a run that was made, whatever it had to do.
    pub fn answers(&self, cache: &Path, run: &Output) -> Result<(), String> {
        if run.code != 0 || run.stdout != self.tables {
            return Err(format!("exit {}\n{}\n{}", run.code, run.stdout, run.stderr));
        }
        let report = self.project.run(&self.at("report spec.yaml --format csv", cache));
        if report.code != 0 || report.stdout != self.report {
            return Err(format!("another report:\n{}\n{}", report.stdout, report.stderr));
        }
        let audit = self.project.run(&self.at("cache verify", cache));
        if audit.code != 0 || !audit.stdout.contains(" 0 damaged") {
            return Err(format!("damaged:\n{}\n{}", audit.stdout, audit.stderr));
        }
        Ok(())
    }
}

/// A folder for a cache, which is not there yet.
pub fn fresh() -> (TempDir, PathBuf) {
    let folder = tempfile::Builder::new().prefix("humshift-").tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    (folder, cache)
}

/// The steps of a kind.
pub fn of_kind(places: &[Place], kind: Kind) -> Vec<Place> {
    places.iter().filter(|(step, _)| step.kind == kind).cloned().collect()
}

/// Of each class of steps no more than `most`, from the first to the last.
pub fn some(places: Vec<Place>, most: usize) -> Vec<Place> {
    let mut classes: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for place in places {
        classes.entry(place.0.class()).or_default().push(place);
    }
    let spread = |all: Vec<Place>| {
        let count = all.len().min(most);
        let at = |i: usize| all[i * (all.len() - 1) / (count.max(2) - 1)].clone();
        (0..count).map(at).collect::<Vec<_>>()
    };
    classes.into_values().flat_map(spread).collect()
}

/// Does something with each of many things, a few at a time.
pub fn each<T: Sync>(things: &[T], what: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(thing) = things.get(next.fetch_add(1, Ordering::Relaxed)) {
                    what(thing);
                }
            });
        }
    });
}

/// Counts by name.
#[derive(Default)]
pub struct Counts(Mutex<BTreeMap<String, usize>>);

impl Counts {
    pub fn add(&self, name: &str) {
        let mut counts = self.0.lock().expect("nobody panics while counting");
        *counts.entry(name.to_owned()).or_insert(0) += 1;
    }

    pub fn all(self) -> BTreeMap<String, usize> {
        self.0.into_inner().expect("nobody panics while counting")
    }
}

/// Whoever asks the law must be able to hear no.
#[test]
fn the_law_sees_a_flipped_byte_a_forged_number_and_a_stage_that_did_not_run() {
    let mut law = Law::of(SPEC, "--jobs 1");
    let (_folder, cache) = fresh();
    law.project.run(&law.at(&law.arguments, &cache)).done();
    law.holds(&cache).expect("nothing happened to it");
    let records = cache::records(&cache);
    let of = |stage: &str| records.iter().find(|r| r.label.starts_with(stage)).expect("it ran");

    let model = &of("training").outputs["model"];
    let mut bytes = std::fs::read(model).expect("an object");
    *bytes.last_mut().expect("not empty") ^= 1;
    std::fs::write(model, &bytes).expect("an object");
    let said = law.holds(&cache).expect_err("a flipped byte");
    assert!(said.contains("1 damaged"), "{said}");

    // A forged table and its record, which nobody can tell from a right one but by the numbers.
    let table = std::fs::read_to_string(&of("metrics").outputs["metrics"]).expect("an object");
    let number = table.split("\"value\":").nth(1).expect("a number").split(['}', ',']).next();
    let forged = table.replace(number.expect("its digits"), "0.625");
    assert_ne!(forged, table);
    let digest = Digest::of(forged.as_bytes()).hex();
    let path = cache.join("objects").join(&digest[..2]).join(format!("{}.json", &digest[2..]));
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, &forged).expect("an object");
    let mut record = of("metrics").json.clone();
    record["outputs"]["metrics"]["digest"] = digest.into();
    record["outputs"]["metrics"]["bytes"] = forged.len().into();
    let line = record.to_string();
    let text = format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex());
    std::fs::write(&of("metrics").path, text).expect("a record");
    let _ = std::fs::remove_dir_all(cache.join("memo"));
    let said = law.holds(&cache).expect_err("a forged number");
    assert!(said.contains("62.50"), "{said}");

    law.labels.insert("metrics/valve/00".to_owned());
    let said = law.holds(&cache).expect_err("a stage that did not run");
    assert!(said.contains("metrics/valve/00"), "{said}");
}
