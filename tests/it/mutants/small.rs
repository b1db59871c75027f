//! A small experiment with a sound cache, which is put back before each mutant.

use std::fs;
use std::path::PathBuf;

use super::engine::{Fate, Verdict, wrong};
use super::program::{Program, judged};
use crate::cache;
use crate::project::Project;
use crate::sounds;

/// Three detectors for one section.
const SPEC: &str = "\
name: small
data: { dcase: { root: data, machines: [fan], sections: [\"00\"] } }
features: { log_mel: { frame: 256, hop: 128, mels: 8 } }
pool: { mean: {} }
sweep: { detector: [ { knn: {} }, { mahalanobis: {} }, { autoencoder: { window: 2, layers: [4], epochs: 2 } } ] }
";

pub struct Small {
    pub project: Project,
    /// The tables of a run with an empty cache, and its numbers.
    tables: String,
    numbers: String,
}

impl Small {
    pub fn new() -> Self {
        let project = Project::with(SPEC);
        let section = sounds::data_set()
            .into_iter()
            .filter(|(path, _)| path.contains("fan") && path.contains("_00"));
        project.write_all(&section.collect());
        let tables = project.run("run spec.yaml").done().stdout;
        let numbers = project.report();
        let small = Self { project, tables, numbers };
        cache::copy(&small.project.cache(), &small.sound());
        small
    }

    /// The cache as a run left it.
    pub fn sound(&self) -> PathBuf {
        self.project.path("sound")
    }

    pub fn cache(&self) -> PathBuf {
        self.project.cache()
    }

    /// Puts the sound cache back; with answers to questions that were asked before, or without, so
    /// that a run looks at every record.
    pub fn restore(&self, answers: bool) {
        let cache = self.cache();
        // What stands in the cache's own place is no folder now and then.
        if fs::symlink_metadata(&cache).is_ok_and(|meta| !meta.is_dir()) {
            fs::remove_file(&cache).expect("ours");
        }
        cache::copy(&self.sound(), &cache);
        if !answers {
            self.project.forget();
        }
    }

    /// A command is held to the law, whatever it reports.
    pub fn command(&self, arguments: &str) -> Verdict {
        self.held(arguments, |_| Ok(()))
    }

    /// A run reports what an empty cache would give, or does not end with 0.
    pub fn run(&self, arguments: &str) -> Verdict {
        self.held(arguments, |said| self.compared(said, &self.tables))
    }

    /// The same of the numbers of `report`.
    pub fn report(&self) -> Verdict {
        self.held("report spec.yaml --format csv", |said| self.compared(said, &self.numbers))
    }

    fn compared(&self, said: &str, right: &str) -> Result<(), String> {
        let differs = |(said, right): &(&str, &str)| said != right;
        match said.lines().zip(right.lines()).find(differs) {
            _ if said == right => Ok(()),
            Some((said, right)) => Err(format!("`{said}` should be `{right}`")),
            None => {
                Err(format!("{} lines, should be {}", said.lines().count(), right.lines().count()))
            }
        }
    }

    fn held(&self, arguments: &str, right: impl Fn(&str) -> Result<(), String>) -> Verdict {
        let ran = Program::new(&self.project).within(60).run(arguments);
        let fate = judged(&ran).map_err(|mut breach| {
            breach.told = format!("`{arguments}`: {}", breach.told);
            breach
        })?;
        match right(&ran.stdout) {
            Err(why) if fate == Fate::Accepted => Err(wrong(format!("`{arguments}`: {why}"))),
            _ => Ok(fate),
        }
    }
}
