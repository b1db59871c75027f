//! From an experiment to its plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::inputs::{BOTH, FEATURES, Inputs, TRAIN, named, of_section, same};
use super::{Catalog, Need, Node, NodeId, Plan, PlanError, label};
use crate::digest::Digest;
use crate::feature::FeatureSpec;
use crate::kind::ObjectRef;
use crate::source::SourceSpec;
use crate::spec::{Experiment, Point};
use crate::stage::metrics::MetricsSpec;
use crate::stage::{
    Calibration, Dataset, EmbeddingStage, Features, Interpolation, Item, LevelsStage, Mix, Mixed,
    Mixing, NetworkStage, Pooling, Role, Scope, Scoring, SectionId, Split, StageSpec, Takes,
    TrainingScores, TrainingStage,
};

/// The plan of an experiment. Pure: everything from outside is in the catalog.
pub fn build(experiment: &Experiment, catalog: &Catalog) -> Result<Plan, PlanError> {
    let mut builder = Builder {
        catalog,
        nodes: Vec::new(),
        points: Vec::new(),
        recipes: BTreeMap::new(),
        prepared: BTreeMap::new(),
        used: Vec::new(),
    };
    let mut results = Vec::new();
    for (number, point) in experiment.points.iter().enumerate() {
        results.push(builder.point(number, point)?);
    }
    let Builder { mut nodes, points, .. } = builder;
    label::lengthen(&mut nodes, experiment, &points);
    Ok(Plan::of(nodes, results).expect("a node is made after those it needs"))
}

/// Makes the nodes of one point after the other.
struct Builder<'c> {
    catalog: &'c Catalog,
    nodes: Vec<Node>,
    /// Of each node, the points that need it.
    points: Vec<Vec<usize>>,
    recipes: BTreeMap<Digest, NodeId>,
    /// What points with the same settings before training share, and all nodes of it.
    prepared: BTreeMap<String, (Machines, Vec<NodeId>)>,
    /// The nodes that the point at hand needed so far.
    used: Vec<NodeId>,
}

/// The sections of each machine.
type Machines = BTreeMap<String, Vec<(SectionId, Prepared)>>;

/// What is learnt from the clips of a section or machine.
#[derive(Clone, Copy)]
struct Trained {
    model: NodeId,
    /// The scores of the training clips, where a threshold needs them.
    calibration: Option<NodeId>,
}

/// The nodes of one section that later stages read.
#[derive(Clone, Copy)]
struct Prepared {
    clips: NodeId,
    features: NodeId,
    /// Clips made of recordings, for training alone.
    made: Option<NodeId>,
    /// Spectra of whole clips, and pooled vectors, for a network that has them besides.
    spectra: Option<NodeId>,
    pooled: Option<NodeId>,
}

type Given = BTreeMap<Role, ObjectRef>;

impl<'c> Builder<'c> {
    fn point(
        &mut self,
        number: usize,
        point: &Point,
    ) -> Result<BTreeMap<SectionId, NodeId>, PlanError> {
        let mut results = BTreeMap::new();
        let machines = self.machines(number, point)?;
        let scope = point.generalization.scope.unwrap_or(point.detector.backend().member().scope());
        for (machine, sections) in machines {
            let shared = match scope {
                Scope::Machine => Some(self.train(number, point, &[machine], &sections)?),
                Scope::Section => None,
            };
            for section in sections {
                let (id, prepared) = &section;
                let trained = match shared {
                    Some(trained) => trained,
                    None => {
                        let names = [id.machine.clone(), id.section.clone()];
                        self.train(number, point, &names, std::slice::from_ref(&section))?
                    }
                };
                results.insert(id.clone(), self.judge(number, point, id, *prepared, trained));
            }
        }
        Ok(results)
    }

    /// What training begins with: the sections of each machine. Points that differ in what comes
    /// later share it.
    fn machines(&mut self, number: usize, point: &Point) -> Result<Machines, PlanError> {
        let Point { data, mix, features, pool, detector, generalization, seed, .. } = point;
        let before = (data, mix, features, pool, detector.with_pool(), detector.member().takes());
        let network = detector.network().map(|network| (network, seed, generalization.choice()));
        let techniques = (generalization.for_waveforms(), generalization.temporal_mean_subtraction);
        let settings = format!("{before:?} {network:?} {techniques:?} {}", seed);
        if let Some((machines, nodes)) = self.prepared.get(&settings) {
            let machines = machines.clone();
            nodes.iter().for_each(|id| self.points[id.index()].push(number));
            return Ok(machines);
        }
        self.used.clear();
        let listings = self.listings(data)?;
        if listings.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut machines = Machines::new();
        for (section, listing) in listings {
            let prepared = self.prepare(number, point, section, *listing)?;
            machines.entry(section.machine.clone()).or_default().push((section.clone(), prepared));
        }
        for (machine, sections) in &mut machines {
            self.embed(number, point, machine, sections);
        }
        let nodes = std::mem::take(&mut self.used);
        self.prepared.insert(settings, (machines.clone(), nodes));
        Ok(machines)
    }

    fn listings(
        &self,
        source: &SourceSpec,
    ) -> Result<&'c BTreeMap<SectionId, ObjectRef>, PlanError> {
        let catalog = self.catalog;
        let key = Catalog::source_key(source);
        catalog.listings.get(&key).ok_or(PlanError::Unlisted(key))
    }

    fn longest(&self, source: &SourceSpec, section: &SectionId) -> u64 {
        let sections = self.catalog.longest.get(&Catalog::source_key(source));
        sections.and_then(|sections| sections.get(section)).copied().unwrap_or(0)
    }

    fn hears(&mut self, node: NodeId, longest: u64) {
        let node = &mut self.nodes[node.index()];
        node.longest = node.longest.max(longest);
    }

    /// dataset -> [levels -> mixing] -> features -> [pooling]
    fn prepare(
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
            let (root, source) = reader(&noise);
            mixed = Some(Mixed { root, source, gain_db: mix.gain_db });
        }
        let (root, source) = reader(&point.data);
        let settings = Features { feature: point.features.clone(), root, source, mixed };
        let made = point.generalization.for_waveforms().map(|(smote, choice)| {
            let seed = (point.seed, vec![section.machine.clone(), section.section.clone()]);
            let stage = Interpolation { features: settings.clone(), smote, choice, seed };
            // Between test clips there is nothing to make.
            let mut needs = needs.clone();
            needs.retain(|(role, ..)| matches!(role, Role::Of(Split::Train, _)));
            needs.extend(same(clips, TRAIN, &[Item::Clips]));
            self.node(number, &about, StageSpec::Interpolation(stage), needs, Given::new())
        });
        let spectra =
            point.detector.network().filter(|network| network.member().hears_spectrum()).map(
                |_| {
                    let feature = FeatureSpec::ClipSpectrum(Default::default());
                    let stage = StageSpec::Features(Features { feature, ..settings.clone() });
                    self.node(number, &about, stage, needs.clone(), Given::new())
                },
            );
        let mut features =
            self.node(number, &about, StageSpec::Features(settings), needs, Given::new());
        let longest = self.longest(&point.data, section);
        [Some(features), made, spectra]
            .into_iter()
            .flatten()
            .for_each(|node| self.hears(node, longest));
        let pooled =
            point.detector.with_pool().then(|| self.pool(number, point, &about, features, BOTH));
        let mut made = made;
        if point.detector.member().takes() == Takes::Vectors && !point.pool.is_empty() {
            features = self.pool(number, point, &about, features, BOTH);
            made = made.map(|node| self.pool(number, point, &about, node, TRAIN));
        }
        Ok(Prepared { clips, features, made, spectra, pooled })
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

    /// network -> embedding, if the detector has a network: then what is prepared are its vectors.
    fn embed(
        &mut self,
        number: usize,
        point: &Point,
        machine: &str,
        sections: &mut [(SectionId, Prepared)],
    ) {
        let Some(network) = point.detector.network() else { return };
        let frames = network.member().takes() == Takes::Frames;
        let temporal_mean_subtraction = frames && point.generalization.temporal_mean_subtraction;
        let stage = StageSpec::Network(NetworkStage {
            network: network.clone(),
            seed: (point.seed, vec![machine.to_owned()]),
            choice: Some(point.generalization.choice()).filter(|choice| !choice.is_plain()),
            temporal_mean_subtraction,
        });
        const SPECTRA: &[Item] = &[Item::Spectra, Item::SpectraIndex];
        let mut needs = Inputs::new();
        for (section, prepared) in self.catalog.trained(&point.data, sections) {
            needs.extend(inputs(section, prepared, Split::Train));
            let spectra =
                |node| of_section(node, Split::Train, FEATURES, SPECTRA, &section.section);
            needs.extend(prepared.spectra.into_iter().flat_map(spectra));
        }
        let model = self.node(number, machine, stage, needs, Given::new());
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

    /// levels -> mixing, from the noise types that the section may need
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
        // A type with several sections of noise is one type.
        let mut known: Vec<&str> = listings.keys().map(|id| id.machine.as_str()).collect();
        known.dedup();
        let layers = mix.layers(section, &known).map_err(PlanError::Mix)?;
        let named: Option<Vec<Vec<&str>>> =
            layers.iter().map(|layer| layer.types.named()).collect();
        let named = named.map(|types| types.concat());
        let mut needs = same(clips, BOTH, &[Item::Clips]);
        for (id, listing) in listings {
            if named.as_ref().is_none_or(|named| named.contains(&id.machine.as_str())) {
                let node = self.dataset(number, noise, id, *listing);
                let noise = |split: &Split| {
                    (Role::Noise(*split, id.clone()), node, (*split, Item::Audio).into())
                };
                needs.extend(BOTH.iter().map(noise));
            }
        }
        let (root, source) = reader(&point.data);
        let levels = StageSpec::Levels(LevelsStage { root, source });
        let levels =
            self.node(number, &about, levels, same(clips, BOTH, &[Item::Audio]), Given::new());
        self.hears(levels, self.longest(&point.data, section));
        needs.push((Item::Levels.into(), levels, Item::Levels.into()));
        let mixing = StageSpec::Mixing(Mixing { layers, seed: mix.seed });
        Ok(self.node(number, &about, mixing, needs, Given::new()))
    }

    fn train(
        &mut self,
        number: usize,
        point: &Point,
        names: &[String],
        sections: &[(SectionId, Prepared)],
    ) -> Result<Trained, PlanError> {
        let spec = point.detector.backend();
        let detector = spec.member();
        let generalization = point.generalization.for_training(detector.takes());
        let seed =
            (detector.seeded() || generalization.draws()).then(|| (point.seed, names.to_vec()));
        let generalization = Some(generalization).filter(|g| !g.is_plain());
        let training = TrainingStage { detector: spec.clone(), seed, generalization };
        let mut given = Given::new();
        if let Some((_, path)) = detector.weights() {
            let weights = self
                .catalog
                .weights
                .get(path)
                .ok_or_else(|| PlanError::Unlisted(path.to_owned()))?;
            given.insert(Item::Weights.into(), *weights);
        }
        let about = names.join("/");
        let mut needs = Inputs::new();
        for (section, prepared) in self.catalog.trained(&point.data, sections) {
            needs.extend(inputs(section, prepared, Split::Train));
            let made = |node| {
                of_section(
                    node,
                    Split::Train,
                    FEATURES,
                    &[Item::Made, Item::MadeIndex],
                    &section.section,
                )
            };
            needs.extend(prepared.made.into_iter().flat_map(made));
        }
        let stage = StageSpec::Training(training.clone());
        let model = self.node(number, &about, stage, needs.clone(), given.clone());
        let calibration =
            point.threshold.as_ref().and_then(|t| t.member().scores()).map(|scores| {
                let mut needs = needs;
                if scores == TrainingScores::Training {
                    needs.push((Item::Model.into(), model, Item::Model.into()));
                }
                self.node(
                    number,
                    &about,
                    StageSpec::Calibration(Calibration { training, scores }),
                    needs,
                    given,
                )
            });
        Ok(Trained { model, calibration })
    }

    /// scoring -> metrics
    fn judge(
        &mut self,
        number: usize,
        point: &Point,
        section: &SectionId,
        prepared: Prepared,
        trained: Trained,
    ) -> NodeId {
        let about = format!("{}/{}", section.machine, section.section);
        let detector = point.detector.backend().clone();
        let techniques =
            point.generalization.for_training(detector.member().takes()).scoring_versions();
        let techniques =
            techniques.into_iter().map(|(name, version)| (name.to_owned(), version)).collect();
        let scoring = StageSpec::Scoring(Scoring { detector, techniques });
        let mut needs = inputs(section, &prepared, Split::Test);
        needs.push((Item::Model.into(), trained.model, Item::Model.into()));
        let scores = self.node(number, &about, scoring, needs, Given::new());
        // The domains of a section without test clips are those of its training clips.
        let mut needs = same(prepared.clips, BOTH, &[Item::Clips]);
        needs.push((Item::Scores.into(), scores, Item::Scores.into()));
        needs.extend(
            trained.calibration.map(|node| (Item::Training.into(), node, Item::Scores.into())),
        );
        let metrics = MetricsSpec { threshold: point.threshold.clone(), ..point.metrics.clone() };
        self.node(number, &about, StageSpec::Metrics(metrics), needs, Given::new())
    }

    /// The node of a recipe: a new one, or the one another point made.
    fn node(
        &mut self,
        point: usize,
        about: &str,
        stage: StageSpec,
        inputs: Inputs,
        given: Given,
    ) -> NodeId {
        let mut needs: Vec<Need> =
            inputs.into_iter().map(|(role, node, output)| Need { role, node, output }).collect();
        needs.sort();
        // Two machines with equal bytes stay two nodes: their results have different names.
        let recipe =
            serde_json::to_vec(&(about, &stage, &needs, &given)).expect("settings are JSON");
        let nodes = &mut self.nodes;
        let id = *self.recipes.entry(Digest::of(&recipe)).or_insert_with(|| {
            let label = format!("{}/{about}", stage.name());
            nodes.push(Node { label, stage, needs, given, longest: 0 });
            self.points.push(Vec::new());
            NodeId(nodes.len() - 1)
        });
        let points = &mut self.points[id.index()];
        if points.last() != Some(&point) {
            points.push(point);
        }
        self.used.push(id);
        id
    }
}

/// The training or the test clips of a section with their features.
fn inputs(section: &SectionId, prepared: &Prepared, split: Split) -> Inputs {
    let name = &section.section;
    let mut needs = of_section(prepared.clips, split, &[Item::Clips], &[Item::Clips], name);
    needs.extend(of_section(prepared.features, split, FEATURES, FEATURES, name));
    needs
}

/// Where the recordings of a source lie, and the version of what reads them.
fn reader(source: &SourceSpec) -> (Option<PathBuf>, (String, u32)) {
    let member = source.member();
    (member.root().map(Into::into), (source.name().to_owned(), member.version()))
}
