//! The sections of a system: their files, and what they tell about the system.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::cached::Cached;
use super::super::outputs::{self, Folder};
use super::CliError;
use crate::artifact::{AudioTable, ClipSet, Label, MetricTable, Scores, Tensor, Tensors};
use crate::diagnose::Diagnostic;
use crate::evaluate::{Fact, ScoredClip, ScoredSection};
use crate::feature::FeatureSpec;
use crate::plan::NodeId;
use crate::source::{self, names};
use crate::stage::{Item, SectionId, Split, StageSpec};

/// The facts about a system that its sections tell.
#[derive(Default)]
pub struct Facts {
    /// Its files that were written, and whether their clips are of an evaluation set.
    pub files: BTreeMap<String, bool>,
    /// The sections whose truth is known.
    pub sections: Vec<ScoredSection>,
    pub unknown: Vec<SectionId>,
    /// The sections without decisions.
    pub undecided: Vec<SectionId>,
    pub rate: Option<u32>,
    models: Models,
}

/// What scores depend on.
#[derive(Default)]
struct Models {
    seen: BTreeSet<NodeId>,
    numbers: usize,
    /// Some of it is not known.
    more: bool,
    pooled: bool,
    embedded: bool,
}

/// The names of the files of a section, scores and decisions.
pub fn names_of(SectionId { machine, section }: &SectionId) -> [String; 2] {
    // Machine ids before 2021 already have a prefix.
    let prefix = if section.starts_with("id_") { "" } else { "section_" };
    ["anomaly_score", "decision_result"]
        .map(|of| format!("{of}_{machine}_{prefix}{section}_test.csv"))
}

impl Facts {
    /// Writes the files of a section into the folder `place` of its system.
    ///
    /// Errors: results are missing or gone, or no evaluator could read the names of the clips
    /// (E0708).
    pub fn add(
        &mut self,
        cache: &Cached,
        folder: &Folder,
        place: &str,
        (id, node): (&SectionId, NodeId),
    ) -> Result<(), CliError> {
        let scoring = cache.need(node, Item::Scores)?;
        let scores: Scores = cache.artifact(scoring, Item::Scores)?;
        let dataset = cache.need(node, (Split::Test, Item::Clips))?;
        let clips: ClipSet = cache.artifact(dataset, (Split::Test, Item::Clips))?;
        unnamed(id, &clips, &scores)?;
        let root =
            cache.features(&id.section, node).ok().and_then(|(_, made)| made.root.as_deref());
        let evaluation = is_evaluation(root, &clips);
        let decisions = decisions(cache, node, &scores)?;
        if decisions.is_none() {
            self.undecided.push(id.clone());
        }
        for (name, values) in names_of(id).into_iter().zip([Some(&scores), decisions.as_ref()]) {
            let Some(values) = values else { continue };
            outputs::write(&folder.place(&format!("{place}/{name}"))?, &rows(values))?;
            self.files.insert(name, evaluation);
        }
        match scored(id, &clips, &scores, decisions.as_ref()) {
            Some(section) => self.sections.push(section),
            None => self.unknown.push(id.clone()),
        }
        if self.rate.is_none() {
            self.rate = rate(cache, dataset, root);
        }
        self.models.add(cache, scoring);
        Ok(())
    }

    /// The number of numbers in all models that the scores depend on, if all are known.
    pub fn parameters(&self) -> Option<usize> {
        (!self.models.more).then_some(self.models.numbers)
    }

    /// Whether `pool` makes the vectors that are scored, and whether a network does.
    pub fn vectors(&self) -> (bool, bool) {
        (self.models.pooled, self.models.embedded)
    }
}

impl Models {
    /// Adds a stage and all that it needs.
    fn add(&mut self, cache: &Cached, node: NodeId) {
        if !self.seen.insert(node) {
            return;
        }
        let plan = &cache.subject.plan;
        plan.needs(node).iter().for_each(|need| self.add(cache, need.node));
        match &plan.node(node).stage {
            StageSpec::Network(_) => self.count(cache, node),
            StageSpec::Training(stage) => {
                self.count(cache, node);
                self.more |= !stage.detector.member().programs().is_empty();
            }
            StageSpec::Features(stage) => {
                use FeatureSpec::{Command, Onnx, Vectors};
                self.more |= matches!(stage.feature, Command(_) | Onnx(_) | Vectors(_));
            }
            StageSpec::Pooling(_) => self.pooled = true,
            StageSpec::Embedding(_) => self.embedded = true,
            StageSpec::Submission(_) => self.more = true,
            _ => {}
        }
    }

    fn count(&mut self, cache: &Cached, node: NodeId) {
        let Ok(Tensors(arrays)) = cache.artifact(node, Item::Model) else {
            self.more = true;
            return;
        };
        // Curves of the training and scores for thresholds are no parameters.
        let is_learnt = |name: &str| {
            !["history", "cell", "scores"].contains(&name.split('/').next().unwrap_or_default())
        };
        let learnt = arrays.iter().filter(|(name, _)| is_learnt(name));
        let numbers = learnt.map(|(_, array)| match array {
            Tensor::F32(array) => array.len(),
            Tensor::F64(array) => array.len(),
        });
        self.numbers += numbers.sum::<usize>();
    }
}

/// The decisions of a section, 0 or 1: by its threshold, or those that came with its scores.
fn decisions(cache: &Cached, node: NodeId, scores: &Scores) -> Result<Option<Scores>, CliError> {
    let metrics: MetricTable = cache.artifact(node, Item::Metrics)?;
    let limit = metrics.rows.iter().find(|r| r.metric == "threshold").and_then(|r| r.value);
    if let Some(limit) = limit {
        let decided = scores.0.iter().map(|(clip, score)| (clip.clone(), *score > limit));
        let decided = decided.map(|(clip, above)| (clip, f64::from(u8::from(above))));
        return Ok(Some(Scores(decided.collect())));
    }
    let Ok(given) = cache.need(node, Item::Decisions) else { return Ok(None) };
    let decisions: Scores = cache.artifact(given, Item::Decisions)?;
    Ok(Some(decisions).filter(|decisions| !decisions.0.is_empty()))
}

/// The scores of a section with the truth about its clips, if all of it is known.
pub fn scored(
    id: &SectionId,
    clips: &ClipSet,
    scores: &Scores,
    decisions: Option<&Scores>,
) -> Option<ScoredSection> {
    let clips = clips.clips().iter().map(|clip| {
        let score = *scores.0.get(&clip.id)?;
        let decision = decisions.and_then(|all| all.0.get(&clip.id)).map(|one| *one == 1.0);
        let anomalous = clip.label? == Label::Anomaly;
        Some(ScoredClip { score, decision, fact: Fact { anomalous, domain: clip.domain } })
    });
    Some(ScoredSection { id: id.clone(), clips: clips.collect::<Option<_>>()? })
}

/// Whether clips are of an evaluation set: they lie in its folder, or their names do not tell the
/// truth about them.
fn is_evaluation(root: Option<&Path>, clips: &ClipSet) -> bool {
    let root = root.unwrap_or(Path::new(""));
    clips.clips().iter().any(|clip| {
        root.join(&clip.id).components().any(|part| part.as_os_str() == "eval_data")
            || names::parse(base(&clip.id)).is_ok_and(|name| name.label.is_none())
    })
}

/// Samples a second of the recordings of a section, where one can still be read.
fn rate(cache: &Cached, dataset: NodeId, root: Option<&Path>) -> Option<u32> {
    let audio: AudioTable = cache.artifact(dataset, (Split::Test, Item::Audio)).ok()?;
    let (clip, audio) = audio.0.first_key_value()?;
    source::read(clip, audio, root).ok().map(|wave| wave.rate)
}

/// The file name of a clip, which names it in a submission.
fn base(clip: &str) -> &str {
    clip.rsplit('/').next().unwrap_or(clip)
}

/// Errors (E0708): a file name is that of two clips, or of none.
fn unnamed(id: &SectionId, clips: &ClipSet, scores: &Scores) -> Result<(), CliError> {
    let SectionId { machine, section } = id;
    if let Some(part) = clips.clips().iter().find(|clip| clip.recording() != clip.id) {
        let message = format!(
            "no submission: `cut` makes several clips of a recording of {machine} {section}, such as `{}`, and \
             evaluators know only whole recordings",
            base(&part.id)
        );
        let hint = "leave `cut` out where the results are to be handed in";
        return Err(vec![Diagnostic::new("E0708", message).hint(hint)].into());
    }
    match namesakes(scores) {
        None => Ok(()),
        Some((a, b)) => {
            let message = format!(
                "no submission: clips `{a}` and `{b}` of {machine} {section} have one file name, which is all that a \
                 submission says of a clip"
            );
            Err(CliError::usage("E0708", message))
        }
    }
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

fn rows(values: &Scores) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for (clip, value) in &values.0 {
        writer.write_record([base(clip), &value.to_string()]).expect("writing to memory");
    }
    writer.into_inner().expect("writing to memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Clip;

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
    fn an_evaluation_set_is_told_by_its_folder_or_by_its_names() {
        let of = |root: &str, id: &str| {
            let clip = Clip {
                id: id.to_owned(),
                machine: "fan".to_owned(),
                section: "00".to_owned(),
                domain: None,
                split: Split::Test,
                label: Some(Label::Normal),
                attributes: BTreeMap::new(),
            };
            is_evaluation(Some(Path::new(root)), &ClipSet::new(vec![clip]))
        };
        let full = "fan/test/section_00_source_test_normal_0000_vel_5.wav";
        assert!(!of("data", full) && !of("data/dev_data", full));
        assert!(of("data", &format!("eval_data/raw/{full}")) && of("data/eval_data", full));
        assert!(of("scores", "fan/test/section_00_0000.wav"));
        assert!(!of("data", "fan/normal/0001.wav") && !of("", "normal_id_00_00000000.wav"));
    }
}
