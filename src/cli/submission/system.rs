//! A system of a package: a point of an experiment, beside sections that other experiments made.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::super::outputs;
use super::record::Place;
use super::section::{Facts, names_of, scored};
use super::{CliError, Package, meta};
use crate::evaluate::{self, Evaluation, Options, Protocol, ScoredSection};
use crate::plan::NodeId;
use crate::report::PointResults;
use crate::stage::SectionId;

const SCORES: &str = "anomaly_score_";
const DECISIONS: &str = "decision_result_";

/// A point as a system.
pub struct System<'a> {
    pub point: usize,
    pub label: &'a str,
    /// Its folder in the package.
    pub place: String,
    /// All settings, with defaults.
    pub settings: &'a Value,
}

/// What there is to say about a package.
#[derive(Default)]
pub struct Notes {
    /// Files of scores and decisions.
    pub written: usize,
    pub tables: usize,
    /// Files of earlier reports that go.
    pub removed: Vec<String>,
    /// Forms that a person changed.
    pub forms: Vec<String>,
    /// Why numbers cannot be computed.
    pub reasons: BTreeSet<String>,
    /// Sections whose truth is not known.
    pub unknown: BTreeSet<String>,
    /// Sections without decisions, by what helps.
    pub undecided: BTreeMap<String, BTreeSet<String>>,
}

/// The numbers of a system, and of those of its sections that are of a development set.
struct Judged {
    whole: Option<Evaluation>,
    development: Option<Evaluation>,
    /// Sections of the development set without numbers.
    left_out: usize,
}

impl System<'_> {
    /// Writes the sections that are shown, the table of all sections of the system, and its form.
    pub fn write(&self, package: &mut Package, shown: &PointResults) -> Result<(), CliError> {
        let subject = package.cache.subject;
        let experiment = &subject.head.name;
        let planned = &subject.plan.results[self.point];
        let own: BTreeMap<&SectionId, NodeId> = planned
            .iter()
            .filter(|(id, _)| shown.has(&id.machine, &id.section))
            .map(|(id, node)| (id, *node))
            .collect();
        let mut facts = Facts::default();
        for (id, node) in &own {
            facts.add(&package.cache, &package.new, &self.place, (*id, *node))?;
        }
        let replaced: BTreeSet<String> = own.keys().flat_map(|id| names_of(id)).collect();
        let all: BTreeSet<String> = planned.keys().flat_map(names_of).collect();
        let is_ours = |name: &String| package.record.knows(&self.path(name), Some(experiment));
        let is_stale =
            |name: &String| replaced.contains(name) || (is_ours(name) && !all.contains(name));
        let earlier = sheets(&package.old.join(&self.place)).into_iter();
        let (stale, kept): (Vec<String>, Vec<String>) =
            earlier.filter(|name| !facts.files.contains_key(name)).partition(is_stale);
        let kept: Vec<String> = kept.into_iter().filter(|name| name.starts_with(SCORES)).collect();
        let others: Vec<String> =
            kept.iter().filter(|name| !is_ours(name)).map(|name| title(name)).collect();
        for (name, evaluation) in &facts.files {
            package.record.wrote(self.path(name), experiment, *evaluation);
        }
        package.notes.written += facts.files.len();
        package.remove(stale.iter().map(|name| self.path(name)));

        let by_id = planned.keys().any(|id| id.section.starts_with("id_"));
        let sections = std::mem::take(&mut facts.sections);
        let judged = self.judged(package, sections, by_id, &kept);
        package.table(self.label, experiment, judged.whole.as_ref(), !kept.is_empty())?;
        package.notes.unknown.extend(facts.unknown.iter().map(SectionId::to_string));
        if !by_id && !facts.undecided.is_empty() {
            let sections = facts.undecided.iter().map(SectionId::to_string);
            package.notes.undecided.entry(self.remedy()).or_default().extend(sections);
        }
        let swept = subject.head.settings(&subject.head.points[self.point]);
        let swept: String = swept.iter().map(|(path, value)| format!(", {path} {value}")).collect();
        let form = meta::System {
            label: self.label,
            name: format!("{experiment}{swept}"),
            settings: self.settings,
            rate: facts.rate,
            parameters: facts.parameters().filter(|_| others.is_empty()),
            vectors: facts.vectors(),
            decides: facts.undecided.is_empty(),
            others,
            results: judged.development.as_ref(),
            left_out: judged.left_out,
        };
        package.form(self.path(&format!("{}.meta.yaml", self.label)), &form.yaml())
    }

    /// The path of a file in the package.
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// The numbers of all sections whose truth is known: of this report, and of those that stay.
    fn judged(
        &self,
        package: &mut Package,
        own: Vec<ScoredSection>,
        by_id: bool,
        kept: &[String],
    ) -> Judged {
        // Every year since 2022 has the rule of 2022.
        let protocol = if by_id { Protocol::Dcase2020 } else { Protocol::Dcase2022 };
        let options = Options { protocol, truth: None, max_fpr: 0.1, partial: false };
        let mut sections = self.beside(package, kept, &options);
        let known: BTreeSet<String> = sections.keys().map(SectionId::to_string).collect();
        let unread = kept.iter().map(|name| title(name)).filter(|title| !known.contains(title));
        package.notes.unknown.extend(unread);
        sections.extend(own.into_iter().map(|section| (section.id.clone(), section)));
        let record = &package.record;
        let is_development = |id: &SectionId| !record.is_evaluation(&self.path(&names_of(id)[0]));
        let wanted = sections.keys().filter(|id| is_development(id)).count();
        let (sound, lacking) = evaluate::computable(sections.into_values().collect(), &options);
        let whole = evaluate::numbers(self.label, &sound, &options).ok();
        let development = whole.as_ref().and_then(|whole| {
            whole.of(|own| {
                let (machine, section) = (own.machine.clone(), own.section.clone());
                is_development(&SectionId { machine, section })
            })
        });
        let found = development.as_ref().map_or(0, |found| found.sections.len());
        package.notes.reasons.extend(lacking.into_iter().map(|reason| reason.message));
        Judged { whole, development, left_out: wanted - found }
    }

    /// Sections of earlier reports that stay, as far as the names of their clips tell the truth.
    fn beside(
        &self,
        package: &Package,
        kept: &[String],
        options: &Options,
    ) -> BTreeMap<SectionId, ScoredSection> {
        let read = || evaluate::system(&package.old.join(&self.place), None, options).ok();
        let found = if kept.is_empty() { None } else { read() };
        let stays = |id: &SectionId| kept.contains(&names_of(id)[0]);
        let sections = found.into_iter().flat_map(|found| found.sections);
        let known = sections.filter(|(id, _)| stays(id)).filter_map(|(id, own)| {
            let section = scored(&id, &own.clips, &own.scores, Some(&own.decisions))?;
            Some((id, section))
        });
        known.collect()
    }

    /// What a spec without decisions should say.
    fn remedy(&self) -> String {
        let is_scored = !self.settings["data"]["scores"].is_null();
        match (self.settings["threshold"].is_null(), is_scored) {
            (false, _) => String::new(),
            (_, false) => "; write `threshold: { gamma: {} }` in the spec".to_owned(),
            (_, true) => "; write `threshold: { fixed: { value: 0.5 } }` in the spec, with a value that fits \
                          the scores"
                .to_owned(),
        }
    }
}

impl Package<'_> {
    /// Writes the table of a system, or removes that of an earlier report, if not even `others` have
    /// sections whose numbers it may hold.
    fn table(
        &mut self,
        label: &str,
        experiment: &str,
        results: Option<&Evaluation>,
        others: bool,
    ) -> Result<(), CliError> {
        let path = format!("teams_result/{label}_result.csv");
        match results.and_then(evaluate::counted) {
            Some(text) => {
                outputs::write(&self.new.place(&path)?, text.as_bytes())?;
                self.record.wrote(path, experiment, false);
                self.notes.tables += 1;
            }
            None if self.record.knows(&path, others.then_some(experiment)) => {
                self.remove(std::iter::once(path))
            }
            None => {}
        }
        Ok(())
    }

    fn remove(&mut self, paths: impl Iterator<Item = String>) {
        for path in paths {
            self.record.removed(&path);
            self.notes.removed.push(path);
        }
    }

    /// Writes a form where it costs nobody their words.
    fn form(&mut self, path: String, text: &str) -> Result<(), CliError> {
        let written = match self.record.form(&path, text) {
            Place::Own => path,
            Place::Known => return Ok(()),
            Place::Beside(beside) => {
                self.notes.forms.push(format!(
                    "`{path}` stays as it is, because somebody may have changed it; the new form is `{beside}`"
                ));
                beside
            }
            Place::Taken(beside) => {
                self.notes.forms.push(format!(
                    "`{path}` and `{beside}` stay as they are, because somebody may have changed them; remove the \
                     second to get the new form"
                ));
                return Ok(());
            }
        };
        outputs::write(&self.new.place(&written)?, text.as_bytes())
    }
}

/// The names of the files of scores and decisions in a folder.
pub fn sheets(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(SCORES) || name.starts_with(DECISIONS)).collect();
    names.sort();
    names
}

/// The section that a file of scores names: `fan 00`.
fn title(file: &str) -> String {
    let about = file.trim_start_matches(SCORES).trim_end_matches("_test.csv");
    about.replacen("_section_", " ", 1).replacen("_id_", " id_", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_its_section() {
        for (machine, section) in [("fan", "00"), ("ToyCar", "id_01")] {
            let id = SectionId { machine: machine.to_owned(), section: section.to_owned() };
            assert_eq!(title(&names_of(&id)[0]), id.to_string());
        }
    }
}
