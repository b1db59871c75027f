//! Names of nodes that a person can read, type and match with a glob.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::graph::{DiGraph, NodeIndex};

use super::Node;
use crate::shown::shown;
use crate::spec::Experiment;

/// A label for every node: `stage/machine/section`, then `setting=value` for each swept setting that
/// all points of the node share. `drafts` holds the first part.
pub(super) fn labels(
    experiment: &Experiment,
    drafts: &[String],
    graph: &DiGraph<Node, (String, &'static str)>,
) -> Vec<String> {
    let axes: Vec<(String, Vec<&str>)> = experiment
        .axes
        .iter()
        .map(|axis| {
            let values = experiment.points.iter().map(|p| p.settings.get(&axis.path).map_or("", String::as_str));
            (short(&axis.path, experiment), values.collect())
        })
        .filter(|(_, values): &(_, Vec<&str>)| values.iter().any(|v| *v != values[0]))
        .collect();
    let mut taken = BTreeSet::new();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    (0..graph.node_count())
        .map(|index| {
            let points = &graph[NodeIndex::new(index)].points;
            let mut label = drafts[index].clone();
            for (name, values) in &axes {
                let value = values[points[0]];
                if !value.is_empty() && points.iter().all(|p| values[*p] == value) {
                    label.push_str(&format!("/{name}={}", shown(value).replace([' ', '/'], ",")));
                }
            }
            // Settings that differ without being shared by all points of a node (after `exclude`, say)
            // can leave two nodes with one name.
            if !taken.insert(label.clone()) {
                let n = count.entry(label.clone()).or_insert(1);
                *n += 1;
                label.push_str(&format!("/{n}"));
                taken.insert(label.clone());
            }
            label
        })
        .collect()
}

/// The last word of a path, or all of it if two axes end alike.
fn short(path: &str, experiment: &Experiment) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let word = last(path);
    let alike = experiment.axes.iter().filter(|axis| last(&axis.path) == word).count();
    if alike > 1 { path.to_owned() } else { word }
}
