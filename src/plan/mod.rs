//! The plan: which stages an experiment consists of, and which needs which.
//!
//! Equal stages of different points are one node, found by a recipe: the key document with recipes
//! instead of digests in the place of inputs. Recipes merge nodes and do nothing else; cache keys are
//! made of what inputs turned out to be. This room runs nothing and touches no disk.

mod build;
mod frontier;
mod label;

pub use build::{Catalog, PlanError, build};
pub use frontier::Frontier;

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::kind::Kind;
use crate::stage::{SectionId, StageSpec};

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

impl NodeId {
    /// A dense number, from 0.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One stage to be done.
#[derive(Clone, Debug)]
pub struct Node {
    /// `stage/machine/section[/setting…]`, unique in the plan.
    pub label: String,
    pub stage: StageSpec,
    /// Inputs that no stage makes, by role: listings and weights, with their file type.
    pub given: BTreeMap<String, (Kind, Vec<u8>)>,
    /// Samples of the longest recording that it hears, as far as known: a hint at the memory it wants, in no key.
    pub longest: u64,
    /// Points of the sweep that need it.
    points: Vec<usize>,
}

/// An input of a node: which role it fills, and which output of which node it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    pub role: String,
    pub node: NodeId,
    pub output: &'static str,
}

/// The DAG of an experiment.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: DiGraph<Node, (String, &'static str)>,
    /// For each point, the node with the metrics of each section.
    pub results: Vec<BTreeMap<SectionId, NodeId>>,
}

impl Plan {
    /// All nodes; every node comes after those it needs.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.graph.node_count()).map(NodeId)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.graph[NodeIndex::new(id.0)]
    }

    /// What a node needs, by role.
    pub fn needs(&self, id: NodeId) -> Vec<Need> {
        let edges = self.graph.edges_directed(NodeIndex::new(id.0), Direction::Incoming);
        let mut needs: Vec<Need> = edges
            .map(|e| Need { role: e.weight().0.clone(), node: NodeId(e.source().index()), output: e.weight().1 })
            .collect();
        needs.sort();
        needs
    }

    /// The nodes that need this one, each once.
    pub fn dependents(&self, id: NodeId) -> Vec<NodeId> {
        let edges = self.graph.edges_directed(NodeIndex::new(id.0), Direction::Outgoing);
        let mut found: Vec<NodeId> = edges.map(|e| NodeId(e.target().index())).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The node of a label.
    pub fn find(&self, label: &str) -> Option<NodeId> {
        self.nodes().find(|id| self.node(*id).label == label)
    }

    /// Whether nobody needs the node: its output is what the experiment is for.
    pub fn is_result(&self, id: NodeId) -> bool {
        self.graph.edges_directed(NodeIndex::new(id.0), Direction::Outgoing).next().is_none()
    }
}
