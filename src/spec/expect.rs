//! `expect`: expected results, and the points they apply to.

use std::collections::BTreeMap;

use super::mistakes::wrong_type;
use super::node::{Node, shorten};
use super::rules::expected;
use super::words::Expectation;
use super::{Expect, Point, label};
use crate::diagnose::{Diagnostic, closest, suggest};
use crate::family::fields;
use crate::stage::metrics::MetricsSpec;

/// Words that every point has, swept or not.
const ALWAYS: &[&str] = &["data", "features", "detector", "seed"];

/// Reads `expect` and checks it with the points; `axes` are the swept paths.
///
/// `edited`: `--set` changed the file, so an expectation may apply to points that are gone.
pub fn parse(
    node: &Node,
    axes: &[&str],
    points: &[Point],
    edited: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Expect> {
    let Some(items) = node.as_list() else {
        let diagnostic = Diagnostic::new(
            "E0603",
            format!("`expect` must be a list of maps, not {}", node.shown()),
        );
        diagnostics.push(
            diagnostic
                .at(node.place())
                .hint("write `- { metric: official, at_least: 0.8 }` under it"),
        );
        return Vec::new();
    };
    let mut all = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let Some(one) = expectation(item, i, diagnostics) else { continue };
        if let Some(filter) = item.get("where") {
            check_filter(filter, &one, axes, points, edited, diagnostics);
        }
        let needed = |m: &MetricsSpec| match one.metric.as_str() {
            "official" => m.auc && m.pauc.is_some(),
            "pauc" => m.pauc.is_some(),
            _ => m.auc,
        };
        if points.iter().filter(|p| one.speaks_of(p)).any(|p| !needed(&p.metrics)) {
            let message =
                format!("`expect` uses `{}`, which `metrics` does not compute", one.metric);
            let hint = if one.metric == "official" {
                "it needs `metrics: [auc, pauc]`"
            } else {
                "add it to `metrics`"
            };
            diagnostics.push(
                Diagnostic::new("E0604", message)
                    .at(item.get("metric").and_then(Node::place))
                    .hint(hint),
            );
        }
        all.push(one);
    }
    all
}

fn expectation(item: &Node, i: usize, diagnostics: &mut Vec<Diagnostic>) -> Option<Expect> {
    let before = diagnostics.len();
    let Some(entries) = item.as_map() else {
        diagnostics.push(wrong_type(item, &format!("expect[{i}]"), "a map"));
        return None;
    };
    let mut one =
        Expect { metric: String::new(), filter: BTreeMap::new(), at_least: None, at_most: None };
    for (key, value) in entries {
        let path = format!("expect[{i}].{key}");
        match key.as_str() {
            "metric" => match value.as_str() {
                Some(name) if expected().contains(&name) => one.metric = name.to_owned(),
                Some(name) => diagnostics.push(
                    Diagnostic::new("E0206", format!("unknown metric `{}`", shorten(name)))
                        .at(value.place())
                        .hint(suggest(name, expected().iter().copied())),
                ),
                None => diagnostics.push(wrong_type(value, &path, "a string")),
            },
            "at_least" => one.at_least = bound(value, &path, diagnostics),
            "at_most" => one.at_most = bound(value, &path, diagnostics),
            "where" => match value.as_map() {
                Some(entries) => {
                    one.filter = entries.iter().map(|(k, n)| (k.clone(), label::text(n))).collect()
                }
                None => diagnostics.push(wrong_type(value, &path, "a map")),
            },
            _ => diagnostics.push(
                Diagnostic::new(
                    "E0603",
                    format!("an expectation has no setting `{}`", shorten(key)),
                )
                .at(value.key_place())
                .hint(suggest(key, fields::<Expectation>().iter().copied())),
            ),
        }
    }
    if diagnostics.len() > before {
        return None;
    }
    let (message, hint) = match (item.get("metric"), one.at_least, one.at_most) {
        (None, ..) => {
            ("an expectation names no `metric`".to_owned(), "write `metric: official`".to_owned())
        }
        (_, None, None) => (
            "an expectation has no bound".to_owned(),
            "write `at_least: 0.8`, `at_most`, or both".to_owned(),
        ),
        (_, Some(low), Some(high)) if low > high => (
            format!("an expectation of at least {low} and at most {high} never holds"),
            "swap the two".to_owned(),
        ),
        _ => return Some(one),
    };
    diagnostics.push(Diagnostic::new("E0603", message).at(item.place()).hint(hint));
    None
}

fn bound(node: &Node, path: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<f64> {
    let Some(x) = node.value().as_f64() else {
        diagnostics.push(wrong_type(node, path, "f64"));
        return None;
    };
    if (0.0..=1.0).contains(&x) {
        return Some(x);
    }
    let diagnostic =
        Diagnostic::new("E0303", format!("`{path}`: {} is not from 0 to 1", node.value()))
            .at(node.place());
    diagnostics.push(if x > 1.0 && x <= 100.0 {
        diagnostic.hint(format!("for {x} % write {}", x / 100.0))
    } else {
        diagnostic
    });
    None
}

fn check_filter(
    filter: &Node,
    one: &Expect,
    axes: &[&str],
    points: &[Point],
    edited: bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let before = diagnostics.len();
    for (key, node) in filter.as_map().unwrap_or(&[]) {
        let known = axes.iter().any(|path| names(key, path)) || ALWAYS.contains(&key.as_str());
        if !known && !edited {
            let words = axes
                .iter()
                .flat_map(|p| [*p, p.rsplit('.').next().unwrap_or(p)])
                .chain(ALWAYS.iter().copied());
            let words: Vec<&str> = words.collect();
            let hint = match closest(key, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if axes.is_empty() => "the file sweeps over nothing".into(),
                None => format!("swept: {}", axes.join(", ")),
            };
            let message = format!("`where` names `{}`, which is not swept", shorten(key));
            diagnostics.push(Diagnostic::new("E0603", message).at(node.key_place()).hint(hint));
        }
    }
    if diagnostics.len() > before || edited || points.iter().any(|p| one.speaks_of(p)) {
        return;
    }
    let diagnostic =
        Diagnostic::new("E0605", "no point of the sweep matches `where`").at(filter.place());
    let missing = one.filter.iter().find(|(k, v)| !points.iter().any(|p| matches(p, k, v)));
    diagnostics.push(match missing {
        Some((key, value)) => {
            diagnostic.hint(format!("none has `{}`", shorten(&format!("{key}: {value}"))))
        }
        None => diagnostic,
    });
}

/// Whether `key` is the path or its last word.
pub fn names(key: &str, path: &str) -> bool {
    key == path || path.strip_suffix(key).is_some_and(|start| start.ends_with('.'))
}

/// Whether `value` is the label, or the variant's name at its start.
pub fn means(value: &str, label: &str) -> bool {
    value == label || label.strip_prefix(value).is_some_and(|rest| rest.starts_with(' '))
}

impl Expect {
    /// Whether this expectation applies to `point`.
    pub fn speaks_of(&self, point: &Point) -> bool {
        self.filter.iter().all(|(key, value)| matches(point, key, value))
    }
}

fn matches(point: &Point, key: &str, value: &str) -> bool {
    let mut swept = point.settings.iter().filter(|(path, _)| names(key, path)).peekable();
    if swept.peek().is_some() {
        return swept.any(|(_, label)| means(value, label));
    }
    match key {
        "data" => value == point.data.name(),
        _ if point.data.is_scored() => false,
        "features" => value == point.features.name(),
        "detector" => value == point.detector.name(),
        "seed" => point.seed.to_string() == value,
        _ => false,
    }
}
