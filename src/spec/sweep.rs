//! The grammar of `sweep:`.
//!
//! ```yaml
//! sweep:
//!   detector: [ { knn: {} }, { mahalanobis: {} } ]     # a value takes the place of what the file says
//!   detector.knn.k: { range: [1, 4] }                  # 1, 2, 3; only where the detector is knn
//!   zip:                                               # each item: settings that advance together
//!     - { features.log_mel.frame: [1024, 2048], features.log_mel.hop: [512, 1024] }
//!   exclude: [ { detector: knn, frame: 2048 } ]        # drops points that match all entries
//! ```
//!
//! This file checks paths and counts lengths; [`points`](super::points) makes the points. Ranges
//! are expanded only after the number of points is known to be small, because `range: [0, 1, 1e-9]`
//! is short to write.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::node::{Kind, Node, shorten};
use super::range::Range;
use super::wire;
use crate::diagnose::{Diagnostic, suggest};

/// The most points of a sweep.
pub const LIMIT: u64 = 10_000;

/// A sweep as written.
#[derive(Default)]
pub struct Sweep {
    /// The groups are crossed; the first varies slowest.
    pub groups: Vec<Group>,
    pub exclude: Vec<Node>,
    /// Words with an invalid axis; errors of their points cannot be trusted.
    pub broken: BTreeSet<String>,
}

/// Axes that advance together; most groups have one axis.
pub struct Group {
    pub columns: Vec<Column>,
    pub len: u64,
}

/// One swept setting and its values.
pub struct Column {
    pub path: String,
    pub keys: Vec<String>,
    /// The node under the path, for places in messages.
    pub node: Node,
    values: Values,
}

enum Values {
    Listed(Vec<Node>),
    Range(Range),
}

impl Column {
    fn len(&self) -> u64 {
        match &self.values {
            Values::Listed(items) => items.len() as u64,
            Values::Range(range) => range.len(),
        }
    }

    /// All values as nodes with places. Only for sweeps within the limit.
    pub fn nodes(&self) -> Vec<Node> {
        let mut nodes: Vec<Node> = match &self.values {
            Values::Listed(items) => items.clone(),
            Values::Range(range) => {
                range.numbers().map(|n| self.node.with(Kind::Scalar(Value::Number(n)))).collect()
            }
        };
        if self.keys.len() > 1 {
            for node in nodes.iter_mut().filter(|n| n.source == self.node.source) {
                node.key = self.node.key.clone();
            }
        }
        nodes
    }
}

/// Reads `sweep:` and reports mistakes.
pub fn parse(node: Option<&Node>, diagnostics: &mut Vec<Diagnostic>) -> Sweep {
    let mut sweep = Sweep::default();
    let Some(node) = node.filter(|n| !n.is_null()) else { return sweep };
    let Some(entries) = node.as_map() else {
        diagnostics.push(
            wrong(
                "E0401",
                node,
                format!("`sweep` must be a map from paths to values, not {}", node.shown()),
            )
            .hint("write `seed: [0, 1, 2]` under it"),
        );
        sweep.broken.extend(wire::swept().iter().map(|w| (*w).to_owned()));
        return sweep;
    };
    for (key, value) in entries {
        match key.as_str() {
            "zip" => zip(value, &mut sweep, diagnostics),
            "exclude" => match value.as_list() {
                Some(items) => sweep.exclude = items.to_vec(),
                None if value.is_null() => {}
                None => diagnostics.push(
                    wrong(
                        "E0406",
                        value,
                        format!("`sweep.exclude` must be a list of maps, not {}", value.shown()),
                    )
                    .hint("write `exclude: [ { detector: knn, seed: 2 } ]`"),
                ),
            },
            _ => {
                if let Some(column) = axis(key, value, &mut sweep.broken, diagnostics) {
                    let len = column.len();
                    sweep.groups.push(Group { columns: vec![column], len });
                }
            }
        }
    }
    overlaps(&mut sweep, diagnostics);
    sweep
}

fn wrong(code: &'static str, node: &Node, message: String) -> Diagnostic {
    Diagnostic::new(code, message).at(node.place())
}

fn zip(node: &Node, sweep: &mut Sweep, diagnostics: &mut Vec<Diagnostic>) {
    let hint = "write `zip: [ { features.log_mel.frame: [1024, 2048], features.log_mel.hop: [512, 1024] } ]`";
    let Some(items) = node.as_list() else {
        diagnostics.push(
            wrong(
                "E0404",
                node,
                format!("`sweep.zip` must be a list of maps, not {}", node.shown()),
            )
            .hint(hint),
        );
        return;
    };
    for item in items {
        let Some(entries) = item.as_map() else {
            diagnostics.push(
                wrong(
                    "E0404",
                    item,
                    format!("an item of `sweep.zip` must be a map, not {}", item.shown()),
                )
                .hint(hint),
            );
            continue;
        };
        let columns: Vec<Column> = entries
            .iter()
            .filter_map(|(key, value)| axis(key, value, &mut sweep.broken, diagnostics))
            .collect();
        let Some(first) = columns.first() else { continue };
        match columns.iter().find(|c| c.len() != first.len()) {
            Some(other) => {
                let message = format!(
                    "`{}` and `{}` are zipped but have {} and {} values",
                    first.path,
                    other.path,
                    first.len(),
                    other.len()
                );
                sweep.broken.extend(columns.iter().map(|c| c.keys[0].clone()));
                diagnostics.push(
                    Diagnostic::new("E0404", message)
                        .at(other.node.key_place())
                        .related(first.node.key_place(), format!("{} values here", first.len()))
                        .hint("settings that advance together need equal numbers of values"),
                );
            }
            None => sweep.groups.push(Group { len: first.len(), columns }),
        }
    }
}

/// One axis: a path that can be swept, and its values.
fn axis(
    path: &str,
    node: &Node,
    broken: &mut BTreeSet<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Column> {
    let keys: Vec<String> = path.split('.').map(String::from).collect();
    if let Err(diagnostic) = fits(path, &keys) {
        diagnostics.push(diagnostic.at(node.key_place()));
        return None;
    }
    let values = if let Some(items) = node.as_list() {
        if items.is_empty() {
            Err(wrong("E0408", node, format!("`sweep.{path}` has no values"))
                .hint("leave the line out, or list at least one"))
        } else if wire::family_of(path).is_none()
            && wire::is_list(&keys)
            && items.iter().all(|i| i.as_list().is_none())
        {
            Err(wrong(
                "E0401",
                node,
                format!("`{path}` is a list itself, so a sweep over it is a list of lists"),
            )
            .hint(format!("write `[ {}, ... ]`", shorten(&node.value().to_string()))))
        } else {
            Ok(Values::Listed(items.to_vec()))
        }
    } else {
        match node.as_map() {
            Some([(key, bounds)]) if key == "range" => {
                Range::parse(path, bounds).map(Values::Range)
            }
            _ => {
                let diagnostic = wrong(
                    "E0401",
                    node,
                    format!(
                        "`sweep.{path}` must be a list of values or a range, not {}",
                        node.shown()
                    ),
                );
                Err(match &node.kind {
                    Kind::Scalar(v) if !v.is_null() => diagnostic.hint(format!(
                        "write `[{}]`, or set `{path}` outside `sweep:`",
                        shorten(&node.shown().replace('`', ""))
                    )),
                    _ => diagnostic.hint(axis_hint(path, node)),
                })
            }
        }
    };
    match values {
        Ok(values) => Some(Column { path: path.to_owned(), keys, node: node.clone(), values }),
        Err(diagnostic) => {
            diagnostics.push(diagnostic);
            broken.insert(keys[0].clone());
            None
        }
    }
}

/// A hint for an axis that is a map: write its path as one key, or make it a list.
fn axis_hint(path: &str, node: &Node) -> String {
    let mut way = path.to_owned();
    let mut inner = node;
    while let Some([(key, next), ..]) = inner.as_map() {
        way = format!("{way}.{key}");
        inner = next;
        if inner.as_list().is_some() && key != "range" {
            return format!(
                "write the path as one key: `{way}: {}`",
                shorten(&inner.value().to_string())
            );
        }
    }
    match (wire::family_of(path).is_some(), node.as_map()) {
        (true, Some([(name, _), ..])) => {
            format!("write a list: `{path}: [ {{ {name}: {{}} }}, ... ]`")
        }
        _ => "write `[a, b]` or `{ range: [first, end] }`".into(),
    }
}

/// Whether `path` can be swept, as far as its words tell.
fn fits(path: &str, keys: &[String]) -> Result<(), Diagnostic> {
    let unknown = |hint: String| {
        Err(Diagnostic::new("E0402", format!("`{}` is no setting of a spec", shorten(path)))
            .hint(hint))
    };
    let [word, rest @ ..] = keys else {
        return unknown(suggest(path, wire::swept().iter().copied()));
    };
    if !wire::swept().contains(&word.as_str()) {
        if wire::words().contains(&word.as_str()) {
            let message = format!("`{word}` cannot be swept");
            return Err(Diagnostic::new("E0402", message)
                .hint(format!("what can: {}", wire::swept().join(", "))));
        }
        return unknown(near(path, word, wire::swept()));
    }
    let Some(variant) = rest.first() else { return Ok(()) };
    let known = wire::family_of(word).map(|family| family.names).or_else(|| wire::plain(word));
    let Some(names) = known else {
        return unknown(format!("`{word}` has no settings of its own: sweep `{word}` itself"));
    };
    if !names.contains(&variant.as_str()) {
        return unknown(near(path, variant, names));
    }
    if rest.iter().any(String::is_empty) {
        return unknown(format!("write `{}`", path.trim_matches('.')));
    }
    if let Some((_, family, name)) = wire::nested(keys)
        && !family.names.contains(&name)
    {
        return unknown(near(path, name, family.names));
    }
    Ok(())
}

/// A hint with the whole path and one word corrected.
fn near(path: &str, word: &str, known: &[&str]) -> String {
    match crate::diagnose::closest(word, known.iter().copied()) {
        Some(right) => format!("did you mean `{}`?", path.replacen(word, right, 1)),
        None => format!("instead of `{}` write one of: {}", shorten(word), known.join(", ")),
    }
}

/// Reports paths that are swept twice, and values that set a setting of a deeper axis.
fn overlaps(sweep: &mut Sweep, diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, &Column> = BTreeMap::new();
    let columns: Vec<&Column> = sweep.groups.iter().flat_map(|g| &g.columns).collect();
    for column in &columns {
        if let Some(first) = seen.insert(&column.path, column) {
            diagnostics.push(
                Diagnostic::new("E0405", format!("`{}` is swept twice", column.path))
                    .at(column.node.key_place())
                    .related(first.node.key_place(), "first swept here"),
            );
        }
    }
    let shallow: Vec<&&Column> =
        columns.iter().filter(|c| c.keys.len() < 3 || wire::family(&c.keys).is_some()).collect();
    for deep in &columns {
        for over in shallow
            .iter()
            .filter(|c| c.keys.len() < deep.keys.len() && deep.keys.starts_with(&c.keys))
        {
            let Values::Listed(items) = &over.values else { continue };
            if let Some(set) =
                items.iter().find_map(|item| item.find(&deep.keys[over.keys.len()..]))
            {
                diagnostics.push(
                    Diagnostic::new(
                        "E0409",
                        format!(
                            "`{}` is swept, and a value of `{}` sets it too",
                            deep.path, over.path
                        ),
                    )
                    .at(set.place())
                    .related(deep.node.key_place(), "swept here")
                    .hint("leave one of them out"),
                );
            }
        }
    }
}

/// The number of points before exclusion; an error if there are too many.
pub fn size(sweep: &Sweep, node: Option<&Node>) -> Result<u64, Diagnostic> {
    let product = sweep.groups.iter().try_fold(1u64, |n, group| n.checked_mul(group.len));
    if let Some(n) = product.filter(|n| *n <= LIMIT) {
        return Ok(n);
    }
    let factor = |g: &Group| {
        format!(
            "{} {}",
            g.columns.iter().map(|c| c.path.as_str()).collect::<Vec<_>>().join(" with "),
            g.len
        )
    };
    let factors: Vec<String> =
        sweep.groups.iter().filter(|g| g.len > 1).take(12).map(factor).collect();
    let count = product.map_or(format!("more than {}", u64::MAX), |n| n.to_string());
    let message =
        format!("the sweep has {count} points ({}); the limit is {LIMIT}", factors.join(" x "));
    Err(Diagnostic::new("E0407", message)
        .at(node.and_then(Node::key_place))
        .hint("sweep over fewer values, or pair them under `zip:`"))
}
