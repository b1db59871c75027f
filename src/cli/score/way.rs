//! Scoring new recordings: the stages of the run from features on, with its trained models.
//!
//! The stages are those of the plan. The functions of a run execute them on the new recordings
//! instead of the test clips. A score depends only on the recording, the model and the section.
//! Scoring other recordings at the same time changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::clips::Failed;
use super::model::Chosen;
use crate::artifact::{
    Artifact, Audio, AudioTable, Blob, Channel, Clip, ClipSet, FeatureSet, Scores,
};
use crate::cli::CliError;
use crate::cli::cached::Cached;
use crate::cli::signal;
use crate::cli::view::mistake;
use crate::context::Context;
use crate::digest::Digest;
use crate::exec::{Standing, key_of};
use crate::plan::{NodeId, Plan};
use crate::seed::Seed;
use crate::source::{self, SourceSpec, wav};
use crate::stage::{Features, Inputs, Item, Role, Split, StageError, StageSpec};

/// A readable recording.
#[derive(Clone, Debug)]
pub struct Recording {
    pub path: String,
    sha256: Digest,
    bytes: u64,
}

/// The bytes of files that are processed at once.
const CHUNK: u64 = 128 << 20;

/// Outputs of stages by role.
type Outputs = BTreeMap<String, Blob>;

/// Everything needed to score new recordings.
pub struct Way<'a> {
    plan: &'a Plan,
    chosen: &'a Chosen,
    /// The models of the detector and of the networks before it, and the file or files that make its
    /// features, read once.
    models: BTreeMap<NodeId, Blob>,
    channel: Channel,
    /// The sample rate in Hz that the model was trained with, if it can still be found out.
    pub rate: Option<u32>,
    /// The rate in Hz that recordings are resampled to.
    resampled: Option<u32>,
    /// Whether the run mixes noise into its recordings.
    pub is_mixed: bool,
    /// The programs of users that it calls, by their command lines.
    pub programs: BTreeSet<String>,
    cancel: Arc<AtomicBool>,
}

impl<'a> Way<'a> {
    /// Reads the models.
    ///
    /// Errors: a model is not in the cache, or was made by another version of the program.
    pub fn open(cached: &'a Cached, chosen: &'a Chosen) -> Result<Self, CliError> {
        let plan = &cached.subject.plan;
        let (mut models, mut source, mut features) = (BTreeMap::new(), None, None);
        let mut programs = BTreeSet::new();
        let mut stack = vec![chosen.scoring];
        while let Some(id) = stack.pop() {
            unchanged(cached, id)?;
            match &plan.node(id).stage {
                StageSpec::Training(_) | StageSpec::Network(_) => {
                    models.insert(id, cached.blob(id, Item::Model)?);
                }
                StageSpec::Dataset(dataset) => source = Some(&dataset.source),
                stage => {
                    match stage {
                        StageSpec::Scoring(scoring) => {
                            let called = scoring.detector.member().programs();
                            programs.extend(called.iter().map(|(_, program)| program.line()));
                        }
                        StageSpec::Features(own) => {
                            features = Some((id, own));
                            programs.extend(own.feature.member().program().map(|p| p.line()));
                            models.extend(given(cached, id)?.map(|blob| (id, blob)));
                        }
                        _ => {}
                    }
                    stack.extend(wanted(plan, id).map(|need| need.node));
                }
            }
        }
        let lacking =
            || CliError::usage("E0708", "no scores: the run names no recordings and no features");
        let (source, (node, features)) = source.zip(features).ok_or_else(lacking)?;
        let of_microphones = features.mixed.as_ref().and_then(|mixed| mixed.channel);
        let channel = of_microphones.or(source.channel()).unwrap_or_default();
        let rate = rate(cached, source, node, features);
        let (is_mixed, cancel) = (features.mixed.is_some(), signal::cancel());
        let resampled = source.rate();
        Ok(Self { plan, chosen, models, channel, rate, resampled, is_mixed, programs, cancel })
    }

    /// Checks a recording: it must be readable and have the model's sample rate, unless the spec
    /// resamples.
    pub fn look(&self, path: &str) -> Result<Recording, Failed> {
        let (wave, sha256) = wav::read_hashed(std::path::Path::new(path), self.channel).map_err(
            |error| match error {
                source::SourceError::File { why, .. } => Failed::new(path, why),
                other => Failed::new(path, other.to_string()),
            },
        )?;
        match self.rate.filter(|_| self.resampled.is_none()) {
            Some(rate) if rate != wave.rate => Err(Failed::new(
                path,
                format!(
                    "its rate is {} Hz, and the model knows recordings of {rate} Hz",
                    wave.rate
                ),
            )),
            _ => Ok(Recording {
                path: path.to_owned(),
                sha256,
                bytes: 2 * wave.samples.len() as u64,
            }),
        }
    }

    /// The scores of recordings, by path, and the reasons for missing ones.
    pub fn scores(&self, recordings: &[Recording]) -> (BTreeMap<String, f64>, Vec<Failed>) {
        let (mut scores, mut failed) = (BTreeMap::new(), Vec::new());
        let mut rest = recordings;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = rest.iter().take_while(|recording| {
                bytes += recording.bytes;
                bytes <= CHUNK
            });
            let chunk;
            (chunk, rest) = rest.split_at(fits.count().max(1));
            self.some(chunk, &mut scores, &mut failed);
        }
        (scores, failed)
    }

    /// If a stage fails for one recording, it fails for all. So halves are tried until the failing
    /// recording is alone.
    fn some(
        &self,
        recordings: &[Recording],
        scores: &mut BTreeMap<String, f64>,
        failed: &mut Vec<Failed>,
    ) {
        match (self.run(recordings, self.chosen.scoring), recordings) {
            (Ok(outputs), _) => {
                match outputs.get("scores").map(|blob| Scores::decode(blob.clone())) {
                    Some(Ok(found)) => scores.extend(found.0),
                    _ => unreachable!("scoring gives scores"),
                }
            }
            (Err(StageError::Cancelled), _) => {
                failed.extend(
                    recordings.iter().map(|recording| Failed::new(&recording.path, "interrupted")),
                );
            }
            (Err(StageError::Clip { why, .. }), [one]) => failed.push(Failed::new(&one.path, why)),
            (Err(error), [one]) => failed.push(Failed::new(&one.path, error.to_string())),
            (Err(_), several) => {
                let (first, second) = several.split_at(several.len() / 2);
                self.some(first, scores, failed);
                self.some(second, scores, failed);
            }
        }
    }

    /// The frames of recordings as the run's features stage makes them, before pooling.
    pub fn frames(
        &self,
        recordings: &[Recording],
        features: NodeId,
    ) -> Result<FeatureSet, StageError> {
        let outputs = Inputs(self.run(recordings, features)?);
        let of = |item: Item| Role::from((Split::Test, item));
        Ok(FeatureSet {
            matrix: outputs.get(of(Item::Features))?,
            index: outputs.get(of(Item::Index))?,
        })
    }

    /// The trained model, for inspection.
    pub fn model(&self) -> Option<Blob> {
        self.models.get(&self.chosen.training).cloned()
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            threads: rayon::current_num_threads(),
            cancel: &self.cancel,
            ..Context::plain(Seed(0).0)
        }
    }

    fn run(&self, recordings: &[Recording], wanted: NodeId) -> Result<Outputs, StageError> {
        let mut known = BTreeMap::new();
        self.made(recordings, wanted, &mut known)?;
        Ok(known.remove(&wanted).expect("it was made last"))
    }

    /// Makes the outputs of a stage, and first those of its needs.
    fn made(
        &self,
        recordings: &[Recording],
        id: NodeId,
        known: &mut BTreeMap<NodeId, Outputs>,
    ) -> Result<(), StageError> {
        if known.contains_key(&id) {
            return Ok(());
        }
        let mut inputs = Outputs::new();
        for need in wanted(self.plan, id) {
            self.made(recordings, need.node, known)?;
            let output = known[&need.node].get(&need.output.to_string());
            inputs.extend(output.map(|blob| (need.role.to_string(), blob.clone())));
        }
        let outputs = match &self.plan.node(id).stage {
            StageSpec::Dataset(_) => self.listed(recordings),
            StageSpec::Training(_) | StageSpec::Network(_) => self
                .models
                .get(&id)
                .map(|model| (Role::from(Item::Model).to_string(), model.clone()))
                .into_iter()
                .collect(),
            StageSpec::Features(own) => {
                let stage =
                    Features { root: Some(std::path::PathBuf::new()), mixed: None, ..own.clone() };
                let none = Blob::new(AudioTable::default().encode());
                inputs.insert(Role::from((Split::Train, Item::Audio)).to_string(), none);
                let given = self.models.get(&id).cloned();
                inputs.extend(given.map(|bytes| (Role::from(Item::Weights).to_string(), bytes)));
                self.stage(&StageSpec::Features(stage), inputs)?
            }
            stage => self.stage(stage, inputs)?,
        };
        known.insert(id, outputs);
        Ok(())
    }

    fn stage(&self, stage: &StageSpec, inputs: Outputs) -> Result<Outputs, StageError> {
        let outputs = stage.run(&Inputs(inputs), &self.context())?;
        Ok(outputs
            .into_iter()
            .map(|output| (output.role.to_string(), Blob::new(output.bytes)))
            .collect())
    }

    /// The recordings in place of the test clips. Their domain and label are unknown.
    fn listed(&self, recordings: &[Recording]) -> Outputs {
        let clip = |recording: &Recording| Clip {
            id: recording.path.clone(),
            machine: self.chosen.section.machine.clone(),
            section: self.chosen.section.section.clone(),
            domain: None,
            split: Split::Test,
            label: None,
            attributes: BTreeMap::new(),
        };
        let audio = |recording: &Recording| {
            let Recording { path, sha256, .. } = recording;
            (path.clone(), Audio::of_file(path, self.channel, self.resampled, *sha256))
        };
        let clips = ClipSet::new(recordings.iter().map(clip).collect());
        let table = AudioTable(recordings.iter().map(audio).collect());
        let of = |item: Item| Role::from((Split::Test, item)).to_string();
        [(of(Item::Clips), Blob::new(clips.encode())), (of(Item::Audio), Blob::new(table.encode()))]
            .into()
    }
}

/// The file of the network, or those of the program, that makes the features.
///
/// Errors: it is not in the cache any more.
fn given(cached: &Cached, features: NodeId) -> Result<Option<Blob>, CliError> {
    let node = cached.subject.plan.node(features);
    let Some(object) = node.given.get(&Role::from(Item::Weights)) else { return Ok(None) };
    let bytes = cached.store.read(object).map_err(|error| {
        let message = format!("no scores: what makes `{}`: {error}", node.label);
        mistake("E0708", message, cached.subject.command.clone())
    })?;
    Ok(Some(Blob::new(bytes)))
}

/// The needs of a stage for test clips: no training clips and no noise.
fn wanted(plan: &Plan, id: NodeId) -> impl Iterator<Item = &crate::plan::Need> {
    let other = |role: &Role| matches!(role, Role::Of(Split::Train, _) | Role::Of(_, Item::Recipe));
    let is_leaf = matches!(
        plan.node(id).stage,
        StageSpec::Dataset(_) | StageSpec::Training(_) | StageSpec::Network(_)
    );
    plan.needs(id).iter().filter(move |need| !is_leaf && !other(&need.role))
}

/// Errors: this program would give the stage a different key, so its results may differ.
fn unchanged(cached: &Cached, id: NodeId) -> Result<(), CliError> {
    let node = cached.subject.plan.node(id);
    let Standing::Cached { key, .. } = &cached.subject.standings[id.index()] else { return Ok(()) };
    let Some(record) = cached.store.record(key).sound() else { return Ok(()) };
    let inputs = record.material.get("inputs").cloned().unwrap_or_default();
    let Ok(inputs) = serde_json::from_value::<BTreeMap<String, Digest>>(inputs) else {
        return Ok(());
    };
    if key_of(&node.stage.material(&inputs)) == *key {
        return Ok(());
    }
    let message = format!("no scores: `{}` was made by another version of the program", node.label);
    Err(mistake("E0708", message, cached.subject.command.clone()))
}

/// The sample rate in Hz that the model was trained with: from the source, or from its first
/// readable recording.
fn rate(
    cached: &Cached,
    source: &SourceSpec,
    features: NodeId,
    settings: &Features,
) -> Option<u32> {
    if let Some((rate, _)) = source.form() {
        return Some(rate);
    }
    if let Some(rate) = source.rate() {
        return Some(rate);
    }
    let dataset = cached.need(features, (Split::Test, Item::Audio)).ok()?;
    let root = settings.root.as_deref()?;
    let of = |split: Split| cached.artifact::<AudioTable>(dataset, (split, Item::Audio)).ok();
    let tables = [Split::Test, Split::Train].into_iter().filter_map(of);
    tables
        .flat_map(|table| table.0)
        .find_map(|(clip, audio)| wav::head(&root.join(audio.path(&clip)?)).map(|head| head.rate))
}
