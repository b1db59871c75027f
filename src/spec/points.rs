//! The points of a sweep.
//!
//! A section (`detector`, `features`, ...) is decoded once for each combination of the axes that
//! affect it, not once per point. An axis into a variant, such as `detector.knn.k`, affects only
//! the points with this variant. Other points would differ only in this axis, so they are merged
//! into one point.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::Look;
use super::node::{Kind, Node};
use super::sweep::{Column, Sweep};
use super::{Axis, expect, label, set, wire};
use crate::diagnose::Diagnostic;

/// One axis with all data that points need.
pub struct Swept<'a> {
    pub column: &'a Column,
    group: usize,
    pub nodes: Vec<Node>,
    pub labels: Vec<String>,
    /// Whether it affected any point.
    pub used: bool,
}

/// The axes of a sweep, expanded. Values that occur twice are reported.
pub fn expand<'a>(sweep: &'a Sweep, diagnostics: &mut Vec<Diagnostic>) -> Vec<Swept<'a>> {
    let mut axes = Vec::new();
    for (group, g) in sweep.groups.iter().enumerate() {
        for column in &g.columns {
            let nodes = column.nodes();
            let labels = label::labels(&column.keys, &nodes);
            // Zipped values may repeat, because the pairs differ.
            if g.columns.len() == 1 {
                diagnostics.extend(label::twice(&column.path, &nodes, &labels));
            }
            axes.push(Swept { column, group, nodes, labels, used: false });
        }
    }
    axes
}

impl Swept<'_> {
    /// The axis as the experiment shows it.
    pub fn axis(&self) -> Axis {
        let mut seen = BTreeSet::new();
        let distinct = self.labels.iter().zip(&self.nodes).filter(|(label, _)| seen.insert(*label));
        let (labels, values) = distinct.map(|(label, node)| (label.clone(), node.value())).unzip();
        Axis { path: self.column.path.clone(), labels, values }
    }
}

/// The index of each axis's value at point `n`; the first group varies slowest.
pub fn coordinates(sweep: &Sweep, axes: &[Swept], n: u64) -> Vec<u32> {
    let mut rest = n;
    let mut of_group = vec![0u32; sweep.groups.len()];
    for (i, group) in sweep.groups.iter().enumerate().rev() {
        of_group[i] = (rest % group.len) as u32;
        rest /= group.len;
    }
    axes.iter().map(|axis| of_group[axis.group]).collect()
}

type Decode<T> = fn(&Node, Look, &mut Vec<Diagnostic>) -> Option<T>;

/// One section of the spec, and its values under the axes.
pub struct Section<'a, T> {
    word: &'static str,
    base: Option<&'a Node>,
    default: Option<T>,
    decode: Decode<T>,
    /// The axes that affect it, shallow ones first, because deeper ones change their values.
    axes: Vec<usize>,
    memo: BTreeMap<Vec<u32>, Decoded<T>>,
    pub failed: bool,
}

/// A section at a point.
pub struct Decoded<T> {
    pub value: Option<T>,
    /// For each axis of the section, whether it applied.
    pub applied: Vec<bool>,
}

impl<'a, T> Section<'a, T> {
    /// `default` is the value if the spec has none; without a default the section is required.
    pub fn new(
        word: &'static str,
        root: &'a Node,
        default: Option<T>,
        decode: Decode<T>,
        axes: &[Swept],
    ) -> Self {
        let mut own: Vec<usize> =
            (0..axes.len()).filter(|i| axes[*i].column.keys[0] == word).collect();
        own.sort_by_key(|i| {
            (axes[*i].column.keys.len(), axes[*i].column.keys.last().is_some_and(|k| k == "draw"))
        });
        let base = root.get(word).filter(|n| !n.is_null());
        Self { word, base, default, decode, axes: own, memo: BTreeMap::new(), failed: false }
    }

    /// Checks the section outside `sweep:`, and reports it if it is required and missing.
    pub fn check_base(
        &mut self,
        root: &Node,
        broken: &BTreeSet<String>,
        axes: &[Swept],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let replaced = self.axes.iter().any(|i| axes[*i].column.keys.len() == 1);
        match self.base {
            // Every point replaces it, so it may be incomplete, but not wrong.
            Some(base) if replaced => {
                self.failed |= (self.decode)(base, Look::Part, diagnostics).is_none()
            }
            None if !replaced && self.default.is_none() => {
                self.failed = true;
                if !broken.contains(self.word) {
                    let mut start = root.place();
                    start.iter_mut().for_each(|place| place.bytes.end = place.bytes.start);
                    let diagnostic = match root.get(self.word) {
                        Some(empty) => {
                            Diagnostic::new("E0601", format!("`{}` is empty", self.word))
                                .at(empty.key_place())
                        }
                        None => Diagnostic::new("E0601", format!("`{}` is missing", self.word))
                            .at(start),
                    };
                    diagnostics.push(diagnostic.hint(super::resolve::example(self.word)));
                }
            }
            _ => {}
        }
    }

    /// The section with the values of the axes at `coordinates`, and which axes applied.
    pub fn node(&self, axes: &[Swept], coordinates: &[u32]) -> (Option<Node>, Vec<bool>) {
        let mut node = self.base.cloned();
        let mut applied = Vec::with_capacity(self.axes.len());
        for &i in &self.axes {
            let value = &axes[i].nodes[coordinates[i] as usize];
            applied.push(match &axes[i].column.keys[1..] {
                [] => {
                    node = Some(value.clone());
                    true
                }
                inner if wire::is_plain(self.word) && self.lacks_parent(axes, i, node.as_ref()) => {
                    debug_assert!(inner.len() > 1);
                    false
                }
                inner if wire::is_plain(self.word) => {
                    let node = node.get_or_insert_with(|| value.with(Kind::Map(Vec::new())));
                    node.put(inner, value.clone());
                    // `draw` has an effect only if clips are left out.
                    inner != ["draw"]
                        || node
                            .as_map()
                            .is_some_and(|entries| entries.iter().any(|(k, _)| k != "draw"))
                }
                _ => node.as_mut().is_some_and(|n| set::change(n, &axes[i].column.keys, 1, value)),
            });
        }
        (node, applied)
    }

    /// Whether an axis sets a part of a setting that is missing at this point, because another axis
    /// or the file left it out: `smote.neighbours` if `smote` is `~`.
    fn lacks_parent(&self, axes: &[Swept], axis: usize, node: Option<&Node>) -> bool {
        let keys = &axes[axis].column.keys;
        let [_, parents @ .., _] = keys.as_slice() else { return false };
        if parents.is_empty() {
            return false;
        }
        let swept_over = |i: &usize| {
            let over = &axes[*i].column.keys;
            over.len() < keys.len() && keys.starts_with(over)
        };
        match parents.iter().try_fold(node, |node, key| node.map(|n| n.get(key))).flatten() {
            Some(parent) => parent.is_null(),
            None => self.axes.iter().any(swept_over),
        }
    }

    /// The section at `coordinates`; the result of decoding is kept.
    pub fn at(
        &mut self,
        axes: &mut [Swept],
        coordinates: &[u32],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> &Decoded<T>
    where
        T: Clone,
    {
        let key: Vec<u32> = self.axes.iter().map(|i| coordinates[*i]).collect();
        if !self.memo.contains_key(&key) {
            let (node, applied) = self.node(axes, coordinates);
            for (i, _) in self.axes.iter().zip(&applied).filter(|(_, applied)| **applied) {
                axes[*i].used = true;
            }
            let value = match &node {
                Some(node) => (self.decode)(node, Look::Whole, diagnostics),
                None => self.default.clone(),
            };
            self.failed |= value.is_none();
            self.memo.insert(key.clone(), Decoded { value, applied });
        }
        &self.memo[&key]
    }

    /// Clears the flags in `applied` (one per axis of the sweep) of the axes that did not apply.
    pub fn mark(&self, decoded: &[bool], applied: &mut [bool]) {
        for (i, yes) in self.axes.iter().zip(decoded) {
            applied[*i] = *yes;
        }
    }
}

/// An entry of `exclude:`. A point must match all of its settings.
pub struct Exclusion<'a> {
    node: &'a Node,
    /// The axes that each setting may refer to, and its value.
    settings: Vec<(Vec<usize>, &'a Node)>,
    pub hits: usize,
}

impl<'a> Exclusion<'a> {
    /// Reads `exclude:` and reports names that are not swept.
    pub fn parse(sweep: &'a Sweep, axes: &[Swept], diagnostics: &mut Vec<Diagnostic>) -> Vec<Self> {
        let mut all = Vec::new();
        for node in &sweep.exclude {
            let entries = match node.as_map() {
                Some(entries) if !entries.is_empty() => entries,
                _ => {
                    let message = format!(
                        "an item of `sweep.exclude` must be a map of swept settings, not {}",
                        node.shown()
                    );
                    diagnostics.push(
                        Diagnostic::new("E0406", message)
                            .at(node.place())
                            .hint("write `{ detector: knn, seed: 2 }`"),
                    );
                    continue;
                }
            };
            let mut settings = Vec::new();
            for (key, value) in entries {
                let meant: Vec<usize> =
                    (0..axes.len()).filter(|i| expect::names(key, &axes[*i].column.path)).collect();
                if meant.is_empty() {
                    let paths: Vec<&str> = axes.iter().map(|a| a.column.path.as_str()).collect();
                    let message = format!(
                        "`exclude` names `{}`, which is not swept",
                        super::node::shorten(key)
                    );
                    let hint = match crate::diagnose::closest(
                        key,
                        paths.iter().flat_map(|p| [*p, p.rsplit('.').next().unwrap_or(p)]),
                    ) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("swept: {}", paths.join(", ")),
                    };
                    diagnostics
                        .push(Diagnostic::new("E0406", message).at(value.key_place()).hint(hint));
                }
                settings.push((meant, value));
            }
            all.push(Self { node, settings, hits: 0 });
        }
        all
    }

    /// Whether this entry excludes the point at `coordinates`.
    pub fn drops(&mut self, axes: &[Swept], coordinates: &[u32], applied: &[bool]) -> bool {
        let hit = self.settings.iter().all(|(meant, wanted)| {
            meant.iter().filter(|i| applied[**i]).any(|i| {
                let at = coordinates[*i] as usize;
                let label = &axes[*i].labels[at];
                expect::means(&label::text(wanted), label)
                    || axes[*i].nodes[at].value() == wanted.value()
            })
        });
        self.hits += usize::from(hit);
        hit
    }

    /// The error for an entry that excluded nothing.
    pub fn idle(&self) -> Diagnostic {
        Diagnostic::new("E0406", "this `exclude` drops no point")
            .at(self.node.place())
            .hint("use the values of the sweep, or the name of a variant")
    }
}
