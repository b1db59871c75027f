//! From an experiment to its plan.

use std::collections::BTreeMap;

use petgraph::graph::{DiGraph, NodeIndex};

use super::{Node, NodeId, Plan, label};
use crate::canon;
use crate::digest::Digest;
use crate::spec::{Experiment, Point};
use crate::stage::{Dataset, Features, Pooling, Scope, Scoring, SectionId, StageSpec, Takes, Training};

/// What planning must know of the outside world, gathered by the caller.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// For each distinct source (by its JSON), the listing of each section as bytes.
    pub listings: BTreeMap<String, BTreeMap<SectionId, Vec<u8>>>,
    /// Contents of weights files by path.
    pub weights: BTreeMap<String, Vec<u8>>,
}

/// Why an experiment has no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("the data set has no sections")]
    Empty,
    #[error("`{0}` was not looked at before planning")]
    Unlisted(String),
}

/// The plan of an experiment. Pure: everything from outside is in the catalog.
pub fn build(experiment: &Experiment, catalog: &Catalog) -> Result<Plan, PlanError> {
    let mut builder = Builder { catalog, graph: DiGraph::new(), recipes: BTreeMap::new(), drafts: Vec::new() };
    let mut results = Vec::new();
    for (number, point) in experiment.points.iter().enumerate() {
        results.push(builder.point(number, point)?);
    }
    let Builder { mut graph, drafts, .. } = builder;
    for (index, text) in label::labels(experiment, &drafts, &graph).into_iter().enumerate() {
        graph[NodeIndex::new(index)].label = text;
    }
    Ok(Plan { graph, results })
}

struct Builder<'a> {
    catalog: &'a Catalog,
    graph: DiGraph<Node, (String, &'static str)>,
    recipes: BTreeMap<Digest, NodeId>,
    /// What each node is about, for its label.
    drafts: Vec<String>,
}

/// The nodes of one section that later stages read.
#[derive(Clone, Copy)]
struct Prepared {
    clips: NodeId,
    features: NodeId,
}

type Inputs = Vec<(String, NodeId, &'static str)>;
type Given = BTreeMap<String, (&'static str, Vec<u8>)>;

impl Builder<'_> {
    fn point(&mut self, number: usize, point: &Point) -> Result<BTreeMap<SectionId, NodeId>, PlanError> {
        let source = source_key(point);
        let catalog = self.catalog;
        let listings = catalog.listings.get(&source).ok_or(PlanError::Unlisted(source))?;
        if listings.is_empty() {
            return Err(PlanError::Empty);
        }
        let mut machines: BTreeMap<&str, Vec<(&SectionId, Prepared)>> = BTreeMap::new();
        for (section, listing) in listings {
            let prepared = self.prepare(number, point, section, listing);
            machines.entry(&section.machine).or_default().push((section, prepared));
        }
        let mut results = BTreeMap::new();
        for (machine, sections) in machines {
            let shared = match point.detector.member().scope() {
                Scope::Machine => Some(self.train(number, point, &[machine.to_owned()], &sections)?),
                Scope::Section => None,
            };
            for (section, prepared) in sections {
                let names = [section.machine.clone(), section.section.clone()];
                let model = match shared {
                    Some(model) => model,
                    None => self.train(number, point, &names, &[(section, prepared)])?,
                };
                results.insert(section.clone(), self.judge(number, point, section, prepared, model));
            }
        }
        Ok(results)
    }

    /// dataset -> features -> pooling
    fn prepare(&mut self, number: usize, point: &Point, section: &SectionId, listing: &[u8]) -> Prepared {
        let about = format!("{}/{}", section.machine, section.section);
        let dataset = StageSpec::Dataset(Dataset { source: point.data.clone(), section: section.clone() });
        let given = [("listing".to_owned(), ("csv", listing.to_vec()))].into();
        let clips = self.node(number, &about, dataset, Inputs::new(), given);
        let member = point.data.member();
        let features = StageSpec::Features(Features {
            feature: point.features.clone(),
            root: member.root().map(Into::into),
            source: (point.data.name().to_owned(), member.version()),
        });
        let mut frames = self.node(number, &about, features, vec![("audio".into(), clips, "audio")], Given::new());
        if point.detector.member().takes() == Takes::Vectors && !point.pool.is_empty() {
            let pooling = StageSpec::Pooling(Pooling { pools: point.pool.clone() });
            let inputs = vec![("features".into(), frames, "features"), ("index".into(), frames, "index")];
            frames = self.node(number, &about, pooling, inputs, Given::new());
        }
        Prepared { clips, features: frames }
    }

    fn train(
        &mut self,
        number: usize,
        point: &Point,
        names: &[String],
        sections: &[(&SectionId, Prepared)],
    ) -> Result<NodeId, PlanError> {
        let seed = point.detector.member().seeded().then(|| (point.seed, names.to_vec()));
        let stage = StageSpec::Training(Training { detector: point.detector.clone(), seed });
        let mut given = Given::new();
        if let Some((_, path)) = point.detector.member().weights() {
            let bytes = self.catalog.weights.get(path).ok_or_else(|| PlanError::Unlisted(path.to_owned()))?;
            given.insert("weights".into(), ("safetensors", bytes.clone()));
        }
        let inputs = sections.iter().flat_map(|(section, prepared)| inputs(section, prepared)).collect();
        Ok(self.node(number, &names.join("/"), stage, inputs, given))
    }

    /// scoring -> metrics
    fn judge(
        &mut self,
        number: usize,
        point: &Point,
        section: &SectionId,
        prepared: Prepared,
        model: NodeId,
    ) -> NodeId {
        let about = format!("{}/{}", section.machine, section.section);
        let scoring = StageSpec::Scoring(Scoring { detector: point.detector.clone() });
        let mut needs: Inputs = inputs(section, &prepared).collect();
        needs.push(("model".into(), model, "model"));
        let scores = self.node(number, &about, scoring, needs, Given::new());
        let needs = vec![("clips".into(), prepared.clips, "clips"), ("scores".into(), scores, "scores")];
        self.node(number, &about, StageSpec::Metrics(point.metrics.clone()), needs, Given::new())
    }

    /// The node of a recipe: a new one, or the one another point made.
    fn node(&mut self, point: usize, about: &str, stage: StageSpec, inputs: Inputs, given: Given) -> NodeId {
        let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
        for (role, node, output) in &inputs {
            digests.insert(role.clone(), Digest::of(format!("{}:{output}", node.0).as_bytes()));
        }
        digests.extend(given.iter().map(|(role, (_, bytes))| (role.clone(), Digest::of(bytes))));
        let text = canon::of_value(&stage.material(&digests)).expect("settings are finite and not null");
        // Two machines with equal bytes stay two nodes: their results have different names.
        let recipe = Digest::of(format!("{about}\n{text}").as_bytes());
        let graph = &mut self.graph;
        let id = *self.recipes.entry(recipe).or_insert_with(|| {
            self.drafts.push(format!("{}/{about}", stage.name()));
            let index = graph.add_node(Node { label: String::new(), stage, given, points: Vec::new() });
            for (role, node, output) in inputs {
                graph.add_edge(NodeIndex::new(node.0), index, (role, output));
            }
            NodeId(index.index())
        });
        let points = &mut self.graph[NodeIndex::new(id.0)].points;
        if points.last() != Some(&point) {
            points.push(point);
        }
        id
    }
}

fn inputs(section: &SectionId, prepared: &Prepared) -> impl Iterator<Item = (String, NodeId, &'static str)> + use<> {
    let name = section.section.clone();
    let Prepared { clips, features } = *prepared;
    [
        (format!("clips/{name}"), clips, "clips"),
        (format!("features/{name}"), features, "features"),
        (format!("index/{name}"), features, "index"),
    ]
    .into_iter()
}

/// What tells sources apart in a catalog.
pub(crate) fn source_key(point: &Point) -> String {
    serde_json::to_string(&point.data).expect("settings are JSON")
}

impl Catalog {
    /// The name of a point's source in [`Catalog::listings`].
    pub fn source_key(point: &Point) -> String {
        source_key(point)
    }
}
