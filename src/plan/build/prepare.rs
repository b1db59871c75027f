//! The stages before training: from the recordings of a section to the inputs of detectors.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Builder, Given, Machines, Prepared, inputs, reader};
use crate::diagnose::{Problem, suggest};
use crate::feature::FeatureSpec;
use crate::feature::clip_spectrum::ClipSpectrum;
use crate::kind::ObjectRef;
use crate::plan::inputs::{BOTH, FEATURES, Inputs, TRAIN, named, of_section, same};
use crate::plan::{Catalog, NodeId, PlanError};
use crate::source::SourceSpec;
use crate::spec::Point;
use crate::stage::{
    Dataset, EmbeddingStage, Features, Interpolation, Item, LevelsStage, Mix, Mixed, Mixing,
    NetworkStage, Pooling, Reference, Role, Room, SectionId, Split, StageSpec, Takes,
};

const SPECTRA: &[Item] = &[Item::Spectra, Item::SpectraIndex];

/// The label of a network of all machines.
const ALL_MACHINES: &str = "all_machines";

impl Builder<'_> {
    /// dataset -> [levels -> mixing] -> features -> [pooling]
    pub(super) fn prepare(
        &mut self,
        number: usize,
        point: &Point,
        section: &SectionId,
        listing: ObjectRef,
    ) -> Result<Prepared, PlanError> {
        let about = format!("{}/{}", section.machine, section.section);
        let clips = self.dataset(number, &point.data, section, listing);
        let mut needs: Inputs = same(clips, BOTH, &[Item::Audio]);
        let mut mixed = None;
        if let Some(mix) = &point.mix {
            let noise = mix.noise(&point.data);
            let recipe = self.mix(number, point, mix, &noise, section, clips)?;
            needs.extend(same(recipe, BOTH, &[Item::Recipe]));
            let (root, source, uses) = reader(&noise);
            mixed = Some(mixed_by(mix, root, source, uses));
        }
        let (root, source, uses) = reader(&point.data);
        let network = self.onnx(point)?;
        let kernels = network.and_then(|(_, kernels)| kernels.clone());
        let network: Given =
            network.map(|(file, _)| (Item::Weights.into(), *file)).into_iter().collect();
        let settings =
            Features { feature: point.features.clone(), root, source, uses, mixed, kernels };
        let made = point.generalization.for_waveforms().map(|(smote, choice)| {
            let seed = (point.seed, vec![section.machine.clone(), section.section.clone()]);
            let stage = Interpolation { features: settings.clone(), smote, choice, seed };
            // Only training clips are interpolated.
            let mut needs = needs.clone();
            needs.retain(|(role, ..)| matches!(role, Role::Of(Split::Train, _)));
            needs.extend(same(clips, TRAIN, &[Item::Clips]));
            self.node(number, &about, StageSpec::Interpolation(stage), needs, network.clone())
        });
        let spectra = point
            .detector
            .network()
            .filter(|network| network.member().hears_spectrum())
            .map(|network| {
                let stft = network.member().stfts().to_vec();
                let feature =
                    FeatureSpec::ClipSpectrum(ClipSpectrum { stft, ..Default::default() });
                let stage =
                    StageSpec::Features(Features { feature, kernels: None, ..settings.clone() });
                self.node(number, &about, stage, needs.clone(), Given::new())
            });
        let files = self.files(point, section)?;
        let listing = files.map(|(listing, _)| (Item::Files.into(), listing));
        let mut given: Given = listing.into_iter().chain(network).collect();
        if let Some(files) = point.features.given() {
            let program = self.catalog.weights.get(&files).copied();
            given.insert(Item::Weights.into(), program.ok_or(PlanError::Unlisted(files))?);
        }
        let mut features = self.node(number, &about, StageSpec::Features(settings), needs, given);
        let longest = self.longest(&point.data, section);
        [made, spectra].into_iter().flatten().for_each(|node| self.hears(node, longest));
        self.hears(features, files.map_or(longest, |(_, numbers)| numbers));
        let pooled =
            point.detector.with_pool().then(|| self.pool(number, point, &about, features, BOTH));
        let mut made = made;
        if point.detector.member().takes() == Takes::Vectors && !point.pool.is_empty() {
            features = self.pool(number, point, &about, features, BOTH);
            made = made.map(|node| self.pool(number, point, &about, node, TRAIN));
        }
        Ok(Prepared { clips, features, made, spectra, pooled })
    }

    /// The file of the network of `features.onnx`, and the kernels that compute it.
    fn onnx(&self, point: &Point) -> Result<Option<&'_ (ObjectRef, Option<String>)>, PlanError> {
        let FeatureSpec::Onnx(onnx) = &point.features else { return Ok(None) };
        let unlisted = || PlanError::Unlisted(onnx.model.display().to_string());
        self.catalog.networks.get(&onnx.model).map(Some).ok_or_else(unlisted)
    }

    /// The files of the section's vectors, and the numbers in the largest of them; `None` for
    /// features of samples.
    fn files(
        &self,
        point: &Point,
        section: &SectionId,
    ) -> Result<Option<(ObjectRef, u64)>, PlanError> {
        let FeatureSpec::Vectors(vectors) = &point.features else { return Ok(None) };
        let key = Catalog::vectors_key(vectors, &point.data);
        let unlisted = || PlanError::Unlisted(vectors.root.display().to_string());
        let sections = self.catalog.vectors.get(&key).ok_or_else(unlisted)?;
        Ok(sections.get(section).copied())
    }

    /// -> pooling
    fn pool(
        &mut self,
        number: usize,
        point: &Point,
        about: &str,
        frames: NodeId,
        splits: &[Split],
    ) -> NodeId {
        let pooling = StageSpec::Pooling(Pooling {
            pools: point.pool.clone(),
            temporal_mean_subtraction: point.generalization.temporal_mean_subtraction,
        });
        self.node(number, about, pooling, same(frames, splits, FEATURES), Given::new())
    }

    /// network -> embedding, if the detector has a network; the vectors then replace the features.
    pub(super) fn embed(&mut self, number: usize, point: &Point, machines: &mut Machines) {
        if point.detector.network().is_none() {
            return;
        }
        if point.detector.all_machines() {
            let all: Vec<(SectionId, Prepared)> = machines.values().flatten().cloned().collect();
            let name = |section: &SectionId| format!("{}/{}", section.machine, section.section);
            let model = self.network(number, point, (ALL_MACHINES, &[]), &all, name);
            for sections in machines.values_mut() {
                self.vectors(number, point, model, sections);
            }
            return;
        }
        for (machine, sections) in machines {
            let name = |section: &SectionId| section.section.clone();
            let names = std::slice::from_ref(machine);
            let model = self.network(number, point, (machine, names), sections, name);
            self.vectors(number, point, model, sections);
        }
    }

    /// The network of sections. `names` are its part of the label and of the seed, `name` the part
    /// of roles that tells sections apart.
    fn network(
        &mut self,
        number: usize,
        point: &Point,
        (label, names): (&str, &[String]),
        sections: &[(SectionId, Prepared)],
        name: impl Fn(&SectionId) -> String,
    ) -> NodeId {
        let network = point.detector.network().expect("a network was asked for");
        let stage = StageSpec::Network(NetworkStage {
            network: network.clone(),
            seed: (point.seed, names.to_vec()),
            choice: Some(point.generalization.choice()).filter(|choice| !choice.is_plain()),
            temporal_mean_subtraction: subtracts(point),
        });
        let mut needs = Inputs::new();
        for (section, prepared) in self.catalog.trained(&point.data, sections) {
            let name = name(section);
            needs.extend(inputs(&name, prepared, Split::Train));
            let spectra = |node| of_section(node, Split::Train, FEATURES, SPECTRA, &name);
            needs.extend(prepared.spectra.into_iter().flat_map(spectra));
        }
        self.node(number, label, stage, needs, Given::new())
    }

    /// The vectors of sections replace their features.
    fn vectors(
        &mut self,
        number: usize,
        point: &Point,
        model: NodeId,
        sections: &mut [(SectionId, Prepared)],
    ) {
        let network = point.detector.network().expect("a network made the model");
        let temporal_mean_subtraction = subtracts(point);
        for (section, prepared) in sections {
            let about = format!("{}/{}", section.machine, section.section);
            let Prepared { features, made, .. } = *prepared;
            let mut vectors = |features: NodeId, splits: &[Split]| {
                let with_pool = prepared.pooled.is_some();
                let stage = EmbeddingStage {
                    network: network.clone(),
                    temporal_mean_subtraction,
                    with_pool,
                };
                let mut needs: Inputs = vec![(Item::Model.into(), model, Item::Model.into())];
                needs.extend(same(prepared.clips, splits, &[Item::Clips]));
                needs.extend(same(features, splits, FEATURES));
                needs.extend(
                    prepared
                        .spectra
                        .into_iter()
                        .flat_map(|node| named(node, splits, FEATURES, SPECTRA)),
                );
                const POOLED: &[Item] = &[Item::Pooled, Item::PooledIndex];
                needs.extend(
                    prepared
                        .pooled
                        .into_iter()
                        .flat_map(|node| named(node, splits, FEATURES, POOLED)),
                );
                self.node(number, &about, StageSpec::Embedding(stage), needs, Given::new())
            };
            let (features, made) = (vectors(features, BOTH), made.map(|node| vectors(node, TRAIN)));
            (prepared.features, prepared.made) = (features, made);
        }
    }

    fn dataset(
        &mut self,
        number: usize,
        source: &SourceSpec,
        section: &SectionId,
        listing: ObjectRef,
    ) -> NodeId {
        let about = format!("{}/{}", section.machine, section.section);
        let dataset =
            StageSpec::Dataset(Dataset { source: source.clone(), section: section.clone() });
        let given = [(Item::Listing.into(), listing)].into();
        self.node(number, &about, dataset, Inputs::new(), given)
    }

    /// levels -> mixing, with the noise types that the section may need
    fn mix(
        &mut self,
        number: usize,
        point: &Point,
        mix: &Mix,
        noise: &SourceSpec,
        section: &SectionId,
        clips: NodeId,
    ) -> Result<NodeId, PlanError> {
        let about = format!("{}/{}", section.machine, section.section);
        let listings = self.listings(noise)?;
        // Several sections of noise with the same type count once.
        let mut known: Vec<&str> = listings.keys().map(|id| id.machine.as_str()).collect();
        known.dedup();
        let wrong = |problem: Problem| {
            let place = point.mix_at.place(&problem.field);
            PlanError::Mix(problem, place)
        };
        let layers = mix.layers(section, &known).map_err(wrong)?;
        let named: Option<Vec<Vec<&str>>> =
            layers.iter().map(|layer| layer.types.named()).collect();
        let named = named.map(|types| types.concat());
        let mut needs = same(clips, BOTH, &[Item::Clips]);
        let chosen =
            |id: &SectionId| named.as_ref().is_none_or(|n| n.contains(&id.machine.as_str()));
        needs.extend(self.candidates(number, noise, Role::Noise, chosen)?);
        let room = mix.response.as_ref();
        if let Some((room, from)) = room.and_then(|room| Some((room, room.from.as_ref()?))) {
            let named = room.types.as_ref().and_then(|types| types.named());
            let mut known: Vec<&str> =
                self.listings(from)?.keys().map(|id| id.machine.as_str()).collect();
            known.dedup();
            if let Some(kind) = named.iter().flatten().find(|kind| !known.contains(*kind)) {
                let message = format!("there is no response of type `{kind}`");
                let hint = suggest(kind, known.iter().copied());
                return Err(wrong(Problem::new("response.types", message).hint(hint)));
            }
            let chosen =
                |id: &SectionId| named.as_ref().is_none_or(|n| n.contains(&id.machine.as_str()));
            needs.extend(self.candidates(number, from, Role::Response, chosen)?);
        }
        let sections: Vec<(SectionId, NodeId)> = match mix.reference {
            Reference::Section | Reference::Clip => vec![(section.clone(), clips)],
            Reference::Machine => {
                let listings = self.listings(&point.data)?.iter();
                let of_machine = listings.filter(|(id, _)| id.machine == section.machine);
                of_machine
                    .map(|(id, listing)| {
                        (id.clone(), self.dataset(number, &point.data, id, *listing))
                    })
                    .collect()
            }
        };
        for (id, clips) in sections {
            let (root, source, uses) = reader(&point.data);
            let levels = StageSpec::Levels(LevelsStage { root, source, uses });
            let about = format!("{}/{}", id.machine, id.section);
            let levels =
                self.node(number, &about, levels, same(clips, BOTH, &[Item::Audio]), Given::new());
            self.hears(levels, self.longest(&point.data, &id));
            let role = match mix.reference {
                Reference::Machine => Item::Levels.of(&id.section),
                Reference::Section | Reference::Clip => Item::Levels.into(),
            };
            needs.push((role, levels, Item::Levels.into()));
        }
        let mixing = StageSpec::Mixing(Mixing {
            layers,
            seed: mix.seed,
            reference: mix.reference,
            response: room.map(Room::response),
            microphones: mix.microphones.as_ref().map(|both| both.recorded()),
        });
        Ok(self.node(number, &about, mixing, needs, Given::new()))
    }

    /// The recordings of the chosen sections of a source, as inputs.
    fn candidates(
        &mut self,
        number: usize,
        source: &SourceSpec,
        role: fn(Split, SectionId) -> Role,
        chosen: impl Fn(&SectionId) -> bool,
    ) -> Result<Inputs, PlanError> {
        let mut needs = Inputs::new();
        for (id, listing) in self.listings(source)?.iter().filter(|(id, _)| chosen(id)) {
            let node = self.dataset(number, source, id, *listing);
            let of = |split: &Split| (role(*split, id.clone()), node, (*split, Item::Audio).into());
            needs.extend(BOTH.iter().map(of));
        }
        Ok(needs)
    }
}

/// Whether the network hears frames without their mean over time.
fn subtracts(point: &Point) -> bool {
    let network = point.detector.network();
    network.is_some_and(|network| network.member().takes() == Takes::Frames)
        && point.generalization.temporal_mean_subtraction
}

/// How features mix, with the versions of all code that it takes.
fn mixed_by(
    mix: &Mix,
    root: Option<PathBuf>,
    source: (String, u32),
    mut uses: BTreeMap<String, u32>,
) -> Mixed {
    let mut responses = None;
    if let Some(from) = mix.response.as_ref().and_then(|room| room.from.as_ref()) {
        let (folder, (name, version), more) = reader(from);
        responses = folder;
        uses.insert(format!("response of {name}"), version);
        uses.extend(more);
    }
    uses.extend(mix.uses());
    let channel = mix.microphones.as_ref().map(|microphones| microphones.channel);
    Mixed { root, source, uses, gain_db: mix.gain_db, responses, channel }
}
