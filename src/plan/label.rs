//! Readable labels of nodes that a user can type and match with a glob.

use std::collections::{BTreeMap, BTreeSet};

use super::Node;
use crate::shown::shown;
use crate::spec::Experiment;

/// Makes every label unique: `stage/machine/section`, then `setting=value` for each swept setting
/// that all points of the node share. `points` has the points of each node.
pub(super) fn lengthen(nodes: &mut [Node], experiment: &Experiment, points: &[Vec<usize>]) {
    let axes: Vec<(Vec<&str>, BTreeMap<&str, String>)> = experiment
        .axes
        .iter()
        .map(|axis| {
            let values = experiment
                .points
                .iter()
                .map(|p| p.settings.get(&axis.path).map_or("", String::as_str));
            let (name, values) = (short(&axis.path, experiment), values.collect::<Vec<_>>());
            let text = |value: &str| format!("/{name}={}", shown(value).replace([' ', '/'], ","));
            let texts = values
                .iter()
                .filter(|value| !value.is_empty())
                .map(|value| (*value, text(value)))
                .collect();
            (values, texts)
        })
        .filter(|(values, _): &(Vec<&str>, _)| values.iter().any(|v| *v != values[0]))
        .collect();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (node, points) in nodes.iter_mut().zip(points) {
        let label = &mut node.label;
        for (values, texts) in &axes {
            let value = values[points[0]];
            if points.iter().all(|p| values[*p] == value) {
                label.push_str(texts.get(value).map_or("", String::as_str));
            }
        }
        // Two nodes may still have the same label, for example after `exclude`, if a differing
        // setting is not shared by all points of a node.
        let plain = label.clone();
        while !taken.insert(label.clone()) {
            let n = count.entry(plain.clone()).or_insert(1);
            *n += 1;
            *label = format!("{plain}/{n}");
        }
    }
}

/// The last word of a path, or the whole path if two axes end in the same word.
fn short(path: &str, experiment: &Experiment) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let word = last(path);
    let alike = experiment.axes.iter().filter(|axis| last(&axis.path) == word).count();
    if alike > 1 { path.to_owned() } else { word }
}
