//! The plan: the stages of an experiment and their dependencies.
//!
//! Equal stages of different points are one node. They are found by a recipe: the key document with
//! recipes instead of input digests. Recipes only merge nodes; cache keys use the digests of the
//! actual inputs. This room runs nothing and touches no disk.

mod build;
mod catalog;
mod inputs;
mod label;

pub use build::build;
pub use catalog::{Catalog, PlanError};

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::toposort;
use petgraph::dot::{Config, Dot, RankDir};
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use crate::kind::ObjectRef;
use crate::stage::{Role, SectionId, StageSpec};

/// A node of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(usize);

impl NodeId {
    /// The number of the node, from 0 without gaps.
    pub fn index(self) -> usize {
        self.0
    }
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// `stage/machine/section[/setting…]`, unique in the plan.
    pub label: String,
    pub stage: StageSpec,
    /// Inputs from other stages, in order of their roles.
    pub needs: Vec<Need>,
    /// Inputs from outside, by role: listings and weights.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<Role, ObjectRef>,
    /// Samples of its longest recording, if known. It is a hint at memory use and in no key.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub longest: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// An input of a node: the role it fills, and the output of another node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Need {
    pub role: Role,
    pub node: NodeId,
    pub output: Role,
}

/// Reasons why nodes do not form a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    #[error("`{0}` needs a stage that does not exist")]
    Absent(String),
    #[error("`{0}` needs itself")]
    Cycle(String),
    #[error("`{0}` comes before a stage that it needs")]
    Order(String),
}

/// The DAG of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    nodes: Vec<Node>,
    dependents: Vec<Vec<NodeId>>,
    /// For each point, the metrics node of each section.
    pub results: Vec<BTreeMap<SectionId, NodeId>>,
}

impl Plan {
    /// Makes a plan of nodes.
    ///
    /// Errors: a node needs a missing node, or one that comes after it.
    pub fn of(
        nodes: Vec<Node>,
        results: Vec<BTreeMap<SectionId, NodeId>>,
    ) -> Result<Self, Unsound> {
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (number, node) in nodes.iter().enumerate() {
            for need in &node.needs {
                let absent = || Unsound::Absent(node.label.clone());
                let below: &mut Vec<NodeId> = dependents.get_mut(need.node.0).ok_or_else(absent)?;
                if below.last() != Some(&NodeId(number)) {
                    below.push(NodeId(number));
                }
            }
        }
        if results.iter().flat_map(BTreeMap::values).any(|id| id.0 >= nodes.len()) {
            return Err(Unsound::Absent("a result".to_owned()));
        }
        let plan = Self { nodes, dependents, results };
        let backward = plan.nodes().find(|id| plan.needs(*id).iter().any(|need| need.node >= *id));
        match backward {
            None => Ok(plan),
            Some(id) => {
                Err(plan.cycle().unwrap_or_else(|| Unsound::Order(plan.node(id).label.clone())))
            }
        }
    }

    /// The first node that needs itself through other nodes.
    fn cycle(&self) -> Option<Unsound> {
        let cycle = toposort(&self.graph(), None).err()?;
        Some(Unsound::Cycle(self.nodes[cycle.node_id().index()].label.clone()))
    }

    /// The graph of the plan: one vertex per node, with an edge from each node that it needs.
    fn graph(&self) -> DiGraph<(), (), usize> {
        let mut graph = DiGraph::default();
        for id in self.nodes() {
            graph.add_node(());
            let needs: BTreeSet<usize> = self.needs(id).iter().map(|need| need.node.0).collect();
            graph.extend_with_edges(needs.into_iter().map(|need| (need, id.0)));
        }
        graph
    }

    /// The plan for Graphviz. `look` gives the attributes of each node.
    pub fn dot(&self, look: impl Fn(NodeId) -> String) -> String {
        let node = |_: &_, (at, ()): (NodeIndex<usize>, &())| look(NodeId(at.index()));
        let shape = [Config::NodeNoLabel, Config::EdgeNoLabel, Config::RankDir(RankDir::LR)];
        // Vertices and edges have no weights to display.
        format!("{:?}", Dot::with_attr_getters(&self.graph(), &shape, &|_, _| String::new(), &node))
    }

    /// All nodes. Every node comes after the nodes it needs.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The inputs of a node, in order of their roles.
    pub fn needs(&self, id: NodeId) -> &[Need] {
        &self.nodes[id.0].needs
    }

    /// The nodes that need this one, without duplicates, in plan order.
    pub fn dependents(&self, id: NodeId) -> &[NodeId] {
        &self.dependents[id.0]
    }

    /// The node with a label.
    pub fn find(&self, label: &str) -> Option<NodeId> {
        self.nodes().find(|id| self.node(*id).label == label)
    }

    /// Whether no other node needs it. Its output is then a result of the experiment.
    pub fn is_result(&self, id: NodeId) -> bool {
        self.dependents(id).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Item;

    fn node(label: &str, needs: &[usize]) -> Node {
        let stage =
            serde_json::from_value(serde_json::json!({ "pooling": { "pools": [] } })).unwrap();
        let role = || Role::from(Item::Features);
        let needs = needs.iter().map(|n| Need { role: role(), node: NodeId(*n), output: role() });
        Node {
            label: label.to_owned(),
            stage,
            needs: needs.collect(),
            given: BTreeMap::new(),
            longest: 0,
        }
    }

    #[test]
    fn nodes_that_are_no_plan_are_refused_by_their_names() {
        let of = |needs: &[&[usize]]| {
            let nodes = needs.iter().zip(["a", "b", "c"]).map(|(needs, label)| node(label, needs));
            Plan::of(nodes.collect(), Vec::new())
        };
        let sound = of(&[&[], &[0, 0], &[0, 1]]).unwrap();
        assert_eq!(sound.dependents(NodeId(0)), [NodeId(1), NodeId(2)]);
        assert_eq!(of(&[&[], &[7]]).unwrap_err(), Unsound::Absent("b".into()));
        assert_eq!(of(&[&[1], &[]]).unwrap_err(), Unsound::Order("a".into()));
        assert!(matches!(of(&[&[], &[2], &[1]]).unwrap_err(), Unsound::Cycle(_)));
    }
}
