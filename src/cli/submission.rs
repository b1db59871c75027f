//! `humshift report --submission`: the package of the challenge.
//!
//! ```text
//! DIR/teams/<team>/<system>/anomaly_score_<machine>_section_<section>_test.csv      file name, score
//!                           decision_result_<machine>_section_<section>_test.csv    file name, 0 or 1: with a `threshold`
//!                           <system>.meta.yaml                                      a form to complete
//! DIR/teams_result/<system>_result.csv               the table of the evaluators, where the truth is known, and over
//!                                                    how many sections its means are
//! ```
//!
//! Each point of a sweep is a system named by its settings. `humshift evaluate DIR` reads the
//! scores, as the evaluators do.

mod meta;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::cached::Cached;
use super::outputs::{Folder, unwritten};
use super::subject::Subject;
use super::{CliError, output};
use crate::artifact::{AudioTable, ClipSet, Label, MetricTable, Scores, Tensor, Tensors};
use crate::evaluate::{self, Evaluation, Fact, Options, Protocol, ScoredClip, ScoredSection};
use crate::plan::NodeId;
use crate::report::Results;
use crate::source;
use crate::stage::{Item, SectionId, Split};
use crate::store::Store;

/// Where a submission goes, and its labels.
#[derive(Args)]
pub struct SubmissionArgs {
    /// Write the package of the challenge to a folder as well: scores and decisions in
    /// teams/TEAM/SYSTEM, as `evaluate` reads them, with a meta file to complete, and tables of
    /// results where the truth is known
    #[arg(long, value_name = "DIR")]
    pub submission: Option<PathBuf>,
    /// The team's label, such as Author_Institute_task2. Default: the name of the experiment
    #[arg(long, value_name = "LABEL", requires = "submission", value_parser = label)]
    team: Option<String>,
    /// The system's label. Default: that of the team with `_1`. In a sweep the settings of each
    /// point follow it; `--where` chooses points
    #[arg(long, value_name = "LABEL", requires = "submission", value_parser = label)]
    system: Option<String>,
}

/// A label that may name a folder.
fn label(text: &str) -> Result<String, String> {
    let is_safe = |c: char| c.is_alphanumeric() || "-.+_".contains(c);
    match text.starts_with(|c: char| c.is_alphanumeric()) && text.chars().all(is_safe) {
        true => Ok(text.to_owned()),
        false => Err("a label has letters, digits, `_`, `-`, `.` and `+`, and begins with a letter or a digit".into()),
    }
}

/// Writes the package of every point.
pub fn write(
    subject: &Subject,
    store: &Store,
    results: &Results,
    folder: &Path,
    args: &SubmissionArgs,
) -> Result<(), CliError> {
    let cache = Cached { subject, store, without: "no submission" };
    let head = &subject.head;
    let own = name(std::iter::once(&head.name));
    let team = args.team.clone().unwrap_or(own.trim_start_matches('.').to_owned());
    let system = args.system.clone().unwrap_or(format!("{team}_1"));
    let points: Vec<usize> = results.points.iter().map(|point| point.number).collect();
    let systems = match points.as_slice() {
        [_] => vec![system],
        points => {
            let settings = points.iter().map(|p| name(head.settings(&head.points[*p]).values()));
            distinct(settings.map(|settings| format!("{system}_{settings}")))?
        }
    };
    let settings = subject.run().body.settings;
    let package = Package { cache, folder: Folder::begin(folder)?, team };
    let (mut written, mut tables, mut stale) = (0, 0, Vec::new());
    for ((point, system), shown) in points.into_iter().zip(&systems).zip(&results.points) {
        let place = format!("teams/{}/{system}", package.team);
        let mut facts = Facts::default();
        let sections = subject.plan.results[point]
            .iter()
            .filter(|(id, _)| shown.has(&id.machine, &id.section));
        for (id, node) in sections {
            written += package.section(&place, id, *node, &mut facts, &mut stale)?;
        }
        stale.extend(others(folder, &place, &facts.files));
        if systems.len() == 1 {
            // The same files by versions without folders of teams: `evaluate` would read them first.
            stale.append(&mut facts.files);
        }
        let table = format!("teams_result/{system}_result.csv");
        let results = facts.evaluated(system);
        match results.as_ref().and_then(evaluate::counted) {
            Some(text) => {
                save(&package.folder.place(&table)?, text.as_bytes())?;
                tables += 1;
            }
            None => stale.push(table),
        }
        let swept = head.settings(&head.points[point]);
        let swept: String = swept.iter().map(|(path, value)| format!(", {path} {value}")).collect();
        let form = meta::System {
            label: system,
            name: format!("{}{swept}", head.name),
            settings: settings.get(point).unwrap_or(&serde_json::Value::Null),
            rate: facts.rate,
            parameters: facts.parameters,
            decides: facts.decides,
            results: results.as_ref(),
        };
        let file = package.folder.place(&format!("{place}/{system}.meta.yaml"))?;
        save(&file, form.yaml().as_bytes())?;
    }
    package.folder.finish(&stale)?;
    let tables = match tables {
        0 => "no table of results, because the truth about the clips is not known".to_owned(),
        1 => "1 table of results".to_owned(),
        n => format!("{n} tables of results"),
    };
    output::tell(&format!(
        "submission: {written} files of scores and decisions in {}, {tables}; complete `{}` in *.meta.yaml",
        folder.display(),
        meta::MARK
    ));
    Ok(())
}

/// A package that is being written.
struct Package<'a> {
    cache: Cached<'a>,
    folder: Folder,
    team: String,
}

/// The facts about a system that its sections tell.
#[derive(Default)]
struct Facts {
    /// Names of its files of scores and decisions.
    files: Vec<String>,
    /// Those whose truth is known: of a development set, not of an evaluation set beside it.
    sections: Vec<ScoredSection>,
    rate: Option<u32>,
    parameters: Option<usize>,
    models: std::collections::BTreeSet<NodeId>,
    decides: bool,
}

impl Facts {
    /// The numbers of the sections whose truth is known.
    fn evaluated(&self, system: &str) -> Option<Evaluation> {
        let by_id = self.sections.iter().any(|section| section.id.section.starts_with("id_"));
        // Every year since 2022 has the rule of 2022.
        let protocol = if by_id { Protocol::Dcase2020 } else { Protocol::Dcase2022 };
        let options = Options { protocol, truth: None, max_fpr: 0.1, partial: false };
        evaluate::numbers(system, &self.sections, &options).ok()
    }
}

impl Package<'_> {
    /// Writes the files of a section. The number of files.
    fn section(
        &self,
        place: &str,
        id: &SectionId,
        node: NodeId,
        facts: &mut Facts,
        stale: &mut Vec<String>,
    ) -> Result<usize, CliError> {
        let SectionId { machine, section } = id;
        let scoring = self.cache.need(node, Item::Scores)?;
        let scores: Scores = self.cache.artifact(scoring, Item::Scores)?;
        if let Some((a, b)) = namesakes(&scores) {
            let message = format!(
                "no submission: clips `{a}` and `{b}` of {machine} {section} have one file name, which is all that a \
                 submission says of a clip"
            );
            return Err(CliError::usage("E0708", message));
        }
        let metrics: MetricTable = self.cache.artifact(node, Item::Metrics)?;
        // Machine ids before 2021 already have a prefix.
        let prefix = if section.starts_with("id_") { "" } else { "section_" };
        let about = format!("{machine}_{prefix}{section}_test.csv");
        let (score, decision) =
            (format!("anomaly_score_{about}"), format!("decision_result_{about}"));
        let path = self.folder.place(&format!("{place}/{score}"))?;
        save(&path, &rows(&scores, |score| score.to_string()))?;
        let limit = metrics.rows.iter().find(|r| r.metric == "threshold").and_then(|r| r.value);
        let decided = format!("{place}/{decision}");
        match limit {
            Some(limit) => {
                let decide = |score: f64| u8::from(score > limit).to_string();
                save(&self.folder.place(&decided)?, &rows(&scores, decide))?;
            }
            // Decisions of an earlier spec with a threshold would be taken for those of these scores.
            None => stale.push(decided),
        }
        facts.files.extend([score, decision]);
        facts.decides |= limit.is_some();
        facts.sections.extend(self.truth(id, node, &scores, limit));
        if facts.rate.is_none() {
            facts.rate = self.rate(section, node);
        }
        let model = self.cache.need(scoring, Item::Model).ok();
        if let Some(model) = model.filter(|model| facts.models.insert(*model))
            && let Ok(Tensors(arrays)) = self.cache.artifact(model, Item::Model)
        {
            let count = arrays.values().map(|array| match array {
                Tensor::F32(array) => array.len(),
                Tensor::F64(array) => array.len(),
            });
            *facts.parameters.get_or_insert(0) += count.sum::<usize>();
        }
        Ok(1 + usize::from(limit.is_some()))
    }

    /// The scores of a section with the truth about its clips, if all of it is known.
    fn truth(
        &self,
        id: &SectionId,
        node: NodeId,
        scores: &Scores,
        limit: Option<f64>,
    ) -> Option<ScoredSection> {
        let dataset = self.cache.need(node, (Split::Test, Item::Clips)).ok()?;
        let set: ClipSet = self.cache.artifact(dataset, (Split::Test, Item::Clips)).ok()?;
        let clips = set.clips().iter().map(|clip| {
            let score = *scores.0.get(&clip.id)?;
            let decision = limit.map(|limit| score > limit);
            let anomalous = clip.label? == Label::Anomaly;
            Some(ScoredClip { score, decision, fact: Fact { anomalous, domain: clip.domain } })
        });
        Some(ScoredSection { id: id.clone(), clips: clips.collect::<Option<_>>()? })
    }

    /// Samples a second of the recordings of a section, where one can still be read.
    fn rate(&self, section: &str, node: NodeId) -> Option<u32> {
        let dataset = self.cache.need(node, (Split::Test, Item::Clips)).ok()?;
        let audio: AudioTable = self.cache.artifact(dataset, (Split::Test, Item::Audio)).ok()?;
        let (clip, audio) = audio.0.first_key_value()?;
        let root = self.cache.features(section, node).ok()?.1.root.as_deref();
        source::read(clip, audio, root).ok().map(|wave| wave.rate)
    }
}

/// Scores and decisions in the folder of a system that are not among its files. With them it would
/// be judged on sections that it does not have.
fn others(folder: &Path, place: &str, own: &[String]) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder.join(place)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_score = |name: &String| {
        (name.starts_with("anomaly_score_") || name.starts_with("decision_result_"))
            && !own.contains(name)
    };
    names.filter(is_score).map(|name| format!("{place}/{name}")).collect()
}

/// The file name of a clip, which names it in a submission.
fn base(clip: &str) -> &str {
    clip.rsplit('/').next().unwrap_or(clip)
}

/// Two clips with the same file name. Recordings of MIMII differ only in their folders, `normal`
/// and `abnormal`.
fn namesakes(scores: &Scores) -> Option<(&str, &str)> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    scores
        .0
        .keys()
        .find_map(|clip| seen.insert(base(clip), clip).map(|first| (first, clip.as_str())))
}

/// One label per point. Labels that differ only in case would be one folder on some systems.
fn distinct(names: impl Iterator<Item = String>) -> Result<Vec<String>, CliError> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let label = |(point, name): (usize, String)| match seen.insert(name.to_lowercase(), point) {
        None => Ok(name),
        Some(other) => {
            let message = format!(
                "no submission: points {other} and {point} of the sweep would both be in `{name}`"
            );
            Err(CliError::usage("E0708", message))
        }
    };
    names.enumerate().map(label).collect()
}

fn rows(scores: &Scores, value: impl Fn(f64) -> String) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for (clip, score) in &scores.0 {
        writer.write_record([base(clip), &value(*score)]).expect("writing to memory");
    }
    writer.into_inner().expect("writing to memory")
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    std::fs::write(path, bytes).map_err(|error| unwritten(path, &error))
}

/// Settings as a folder name: `knn k=3` and `0` become `knn_k_3-0`.
fn name<'a>(settings: impl Iterator<Item = &'a String>) -> String {
    let safe =
        |text: &String| text.replace(|c: char| !c.is_alphanumeric() && !"-.+".contains(c), "_");
    settings.map(safe).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_with_one_file_name_are_found() {
        let of =
            |clips: &[&str]| Scores(clips.iter().map(|clip| ((*clip).to_owned(), 0.5)).collect());
        let raw = of(&[
            "fan/abnormal/00000011.wav",
            "fan/abnormal/00000012.wav",
            "fan/normal/00000011.wav",
        ]);
        assert_eq!(namesakes(&raw), Some(("fan/abnormal/00000011.wav", "fan/normal/00000011.wav")));
        assert_eq!(namesakes(&of(&["fan/a.wav", "fan/b.wav"])), None);
    }

    #[test]
    fn labels_are_names_of_folders() {
        assert!(["A_B_task2_1", "x", "ü-1.5+"].iter().all(|text| label(text).is_ok()));
        assert!(["", "..", ".x", "a/b", "a b", "a\\b"].iter().all(|text| label(text).is_err()));
    }

    #[test]
    fn points_have_folders_of_their_own() {
        let of = |settings: &[&str]| {
            distinct(settings.iter().map(|s| name(std::iter::once(&(*s).to_owned()))))
        };
        assert_eq!(of(&["knn k=3", "0"]).ok(), Some(vec!["knn_k_3".into(), "0".into()]));
        for same in [["knn k=3", "knn k 3"], ["A", "a"]] {
            let Err(CliError::Diagnostics(told)) = of(&same) else { panic!("{same:?}") };
            assert!(told[0].message.contains("points 0 and 1 of the sweep"), "{told:?}");
        }
    }
}
