//! From an experiment to its plan.

mod prepare;
mod submitted;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::inputs::{BOTH, FEATURES, Inputs, of_section, same};
use super::{Catalog, Need, Node, NodeId, Plan, PlanError, label};
use crate::digest::Digest;
use crate::kind::ObjectRef;
use crate::source::SourceSpec;
use crate::spec::{Experiment, Point};
use crate::stage::metrics::MetricsSpec;
use crate::stage::{
    Calibration, Item, Role, Scope, Scoring, SectionId, Split, StageSpec, TrainingScores,
    TrainingStage,
};

/// The plan of an experiment. This is a pure function: the catalog holds all outside data.
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

/// Makes the nodes, point by point.
struct Builder<'c> {
    catalog: &'c Catalog,
    nodes: Vec<Node>,
    /// For each node, the points that need it.
    points: Vec<Vec<usize>>,
    recipes: BTreeMap<Digest, NodeId>,
    /// Shared nodes of points with the same settings before training: the sections, and all nodes.
    prepared: BTreeMap<String, (Machines, Vec<NodeId>)>,
    /// The nodes that the current point has needed so far.
    used: Vec<NodeId>,
}

/// The sections of each machine.
type Machines = BTreeMap<String, Vec<(SectionId, Prepared)>>;

/// Nodes with a model of a section or machine.
#[derive(Clone, Copy)]
struct Trained {
    model: NodeId,
    /// The scores of the training clips, if a threshold needs them.
    calibration: Option<NodeId>,
    /// Those of held-out training clips, and of anomalies made from them, if metrics need them.
    held_out: Option<NodeId>,
    pseudo: Option<NodeId>,
}

/// The nodes of one section that later stages read.
#[derive(Clone, Copy)]
struct Prepared {
    clips: NodeId,
    features: NodeId,
    /// Synthetic clips, used for training only.
    made: Option<NodeId>,
    /// Spectra of whole clips, and pooled vectors, for networks that use them, too.
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
        if point.data.is_scored() {
            return self.submitted(number, point);
        }
        let mut results = BTreeMap::new();
        let machines = self.machines(number, point)?;
        let all: Vec<_> = match point.metrics.pseudo_anomalies {
            true => machines.values().flatten().cloned().collect(),
            false => Vec::new(),
        };
        let scope = point.generalization.scope.unwrap_or(point.detector.backend().member().scope());
        for (machine, sections) in machines {
            let shared = match scope {
                Scope::Machine => Some(self.train(number, point, &[machine], &sections, &all)?),
                Scope::Section => None,
            };
            for section in sections {
                let (id, prepared) = &section;
                let trained = match shared {
                    Some(trained) => trained,
                    None => {
                        let names = [id.machine.clone(), id.section.clone()];
                        self.train(number, point, &names, std::slice::from_ref(&section), &all)?
                    }
                };
                results.insert(id.clone(), self.judge(number, point, id, *prepared, trained));
            }
        }
        Ok(results)
    }

    /// The prepared sections of each machine. Points that differ only in later settings share them.
    fn machines(&mut self, number: usize, point: &Point) -> Result<Machines, PlanError> {
        let Point { data, mix, features, pool, detector, generalization, seed, .. } = point;
        let network_of = (detector.with_pool(), detector.all_machines());
        let before = (data, mix, features, pool, network_of, detector.member().takes());
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
        self.embed(number, point, &mut machines);
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

    fn train(
        &mut self,
        number: usize,
        point: &Point,
        names: &[String],
        sections: &[(SectionId, Prepared)],
        all: &[(SectionId, Prepared)],
    ) -> Result<Trained, PlanError> {
        let spec = point.detector.backend();
        let detector = spec.member();
        let generalization = point.generalization.for_training(detector.takes());
        let seed =
            (detector.seeded() || generalization.draws()).then(|| (point.seed, names.to_vec()));
        let generalization = Some(generalization).filter(|g| !g.is_plain());
        let training = TrainingStage { detector: spec.clone(), seed, generalization };
        let mut given = Given::new();
        if let Some(files) = spec.given() {
            let weights = self.catalog.weights.get(&files).copied();
            given.insert(Item::Weights.into(), weights.ok_or(PlanError::Unlisted(files))?);
        }
        let about = names.join("/");
        let mut needs = Inputs::new();
        for (section, prepared) in self.catalog.trained(&point.data, sections) {
            needs.extend(inputs(&section.section, prepared, Split::Train));
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
        let mut calibrate = |scores: TrainingScores, pseudo: bool| {
            let mut needs = needs.clone();
            if scores == TrainingScores::Training {
                needs.push((Item::Model.into(), model, Item::Model.into()));
            }
            if pseudo {
                needs.extend(others(point, sections, all));
            }
            let stage = Calibration { training: training.clone(), scores, pseudo };
            self.node(number, &about, StageSpec::Calibration(stage), needs, given.clone())
        };
        let scores = point.threshold.as_ref().and_then(|t| t.member().scores());
        let calibration = scores.map(|scores| calibrate(scores, false));
        let mut held_out =
            |wanted: bool, pseudo| wanted.then(|| calibrate(TrainingScores::HeldOut, pseudo));
        let balance = held_out(point.metrics.domain_balance, false);
        let pseudo = held_out(point.metrics.pseudo_anomalies, true);
        Ok(Trained { model, calibration, held_out: balance, pseudo })
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
        let mut needs = inputs(&section.section, &prepared, Split::Test);
        needs.push((Item::Model.into(), trained.model, Item::Model.into()));
        let scores = self.node(number, &about, scoring, needs, Given::new());
        // A section without test clips has the domains of its training clips.
        let mut needs = same(prepared.clips, BOTH, &[Item::Clips]);
        needs.push((Item::Scores.into(), scores, Item::Scores.into()));
        let Trained { model: _, calibration, held_out, pseudo } = trained;
        let known =
            [(Item::Training, calibration), (Item::HeldOut, held_out), (Item::Pseudo, pseudo)];
        let known = known.into_iter().filter_map(|(item, node)| Some((item.into(), node?)));
        needs.extend(known.map(|(role, node)| (role, node, Item::Scores.into())));
        let metrics = MetricsSpec { threshold: point.threshold.clone(), ..point.metrics.clone() };
        self.node(number, &about, StageSpec::Metrics(metrics), needs, Given::new())
    }

    /// The node of a recipe. An equal node of another point is reused.
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
        // Machines with equal bytes keep separate nodes, because their results have different
        // names.
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

/// The training or test clips of a section, with their features.
fn inputs(name: &str, prepared: &Prepared, split: Split) -> Inputs {
    let mut needs = of_section(prepared.clips, split, &[Item::Clips], &[Item::Clips], name);
    needs.extend(of_section(prepared.features, split, FEATURES, FEATURES, name));
    needs
}

/// The training clips of the other machines and sections, as anomalies. A network of a machine has
/// no place for those of other machines.
fn others(
    point: &Point,
    sections: &[(SectionId, Prepared)],
    all: &[(SectionId, Prepared)],
) -> Inputs {
    let machine = sections.first().map(|(id, _)| &id.machine);
    let mut needs = Inputs::new();
    for (id, prepared) in all {
        let own = sections.iter().any(|(section, _)| section == id);
        if own || (point.detector.network().is_some() && Some(&id.machine) != machine) {
            continue;
        }
        let name = format!("{} {}", id.machine, id.section);
        let clips = (prepared.clips, &[Item::Clips][..], &[Item::Others][..]);
        let rows = (prepared.features, FEATURES, &[Item::OtherFeatures, Item::OtherIndex][..]);
        for (node, items, roles) in [clips, rows] {
            needs.extend(of_section(node, Split::Train, items, roles, &name));
        }
    }
    needs
}

/// The folder of a source's recordings, the name and version of its reader, and the versions of
/// further code that it uses.
fn reader(source: &SourceSpec) -> (Option<PathBuf>, (String, u32), BTreeMap<String, u32>) {
    let member = source.member();
    let named = (source.name().to_owned(), member.version());
    (member.root().map(Into::into), named, source.uses())
}
