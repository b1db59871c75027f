//! Words without variants: `metrics`, and the single values at the top of a spec.

use std::collections::BTreeMap;

use super::mistakes::wrong_type;
use super::node::{Node, shorten};
use super::plain;
use super::words::{Auc, Expected, MetricName, Pauc, Published};
use crate::diagnose::{Diagnostic, suggest};
use crate::family::fields;
use crate::stage::metrics::{Intervals, MetricsSpec, Ties};

/// The numbers that an expectation can name.
pub fn expected() -> &'static [&'static str] {
    fields::<Expected>()
}

/// `seed`.
pub fn seed(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let seed = node.value().as_u64();
    if seed.is_none() {
        diagnostics.push(wrong_type(node, "seed", "u64"));
    }
    seed
}

/// `name` or `question`: a text of one line.
pub fn text(word: &str, node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    match node.as_str() {
        Some(text) => Some(text.to_owned()),
        None => {
            diagnostics.push(wrong_type(node, word, "a string"));
            None
        }
    }
}

/// `published`: the name of a table.
pub fn published(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Published> {
    let Some(name) = node.as_str() else {
        diagnostics.push(wrong_type(node, "published", "a string"));
        return None;
    };
    match name {
        "mimii_dg" => Some(Published::MimiiDg),
        other => {
            let message = format!("there is no published table `{}`", shorten(other));
            let diagnostic = Diagnostic::new("E0302", message).at(node.place());
            diagnostics.push(diagnostic.hint(suggest(other, ["mimii_dg"])));
            None
        }
    }
}

/// The separator between the name of an experiment and the digest of a run.
const BEFORE_DIGEST: char = '@';

/// The name of an experiment without `name`: the name of its file.
pub fn stem(stem: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    if stem.contains(BEFORE_DIGEST) {
        let message =
            format!("the file name `{}` cannot name the experiment: it has an `@`", shorten(stem));
        let hint = "write `name:` into the file; in `NAME@DIGEST` the `@` comes before the digest of a run";
        diagnostics.push(Diagnostic::new("E0303", message).hint(hint));
        return None;
    }
    Some(stem.to_owned())
}

/// `name`: it is used in file names and in names of runs.
pub fn name(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let name = text("name", node, diagnostics)?;
    if name.contains(BEFORE_DIGEST) {
        let message = format!("`name` has an `@`: `{}`", shorten(&name));
        let hint =
            "use another character; in `NAME@DIGEST` the `@` comes before the digest of a run";
        diagnostics.push(Diagnostic::new("E0303", message).at(node.place()).hint(hint));
        return None;
    }
    let wrong = name.chars().find(|c| c.is_control() || "/\\".contains(*c));
    if name.trim().is_empty() || wrong.is_some() || name.starts_with('.') {
        let message = match name.trim() {
            "" => "`name` is empty".to_owned(),
            name => format!("`name` must be usable as a file name, not `{}`", shorten(name)),
        };
        diagnostics.push(
            Diagnostic::new("E0303", message)
                .at(node.place())
                .hint("use letters, digits, `-` and `_`, such as `load-shift`"),
        );
        return None;
    }
    Some(name)
}

/// `metrics`: a list of names, or of maps with one name and its settings.
pub fn metrics(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<MetricsSpec> {
    let mut spec = MetricsSpec { auc: false, pauc: None, ..MetricsSpec::default() };
    let before = diagnostics.len();
    let Some(items) = node.as_list() else {
        diagnostics.push(wrong_type(node, "metrics", "a sequence"));
        return None;
    };
    if items.is_empty() {
        diagnostics.push(
            Diagnostic::new("E0206", "`metrics` names none")
                .at(node.place())
                .hint("write `metrics: [auc, pauc]`"),
        );
    }
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    for item in items {
        let (name, settings) = match (item.as_str(), item.as_map()) {
            (Some(name), _) => (name, None),
            (_, Some([(name, settings)])) => (name.as_str(), Some(settings)),
            _ => {
                let message =
                    format!("a metric must be a name or a map with one key, not {}", item.shown());
                diagnostics.push(
                    Diagnostic::new("E0301", message)
                        .at(item.place())
                        .hint("write `pauc` or `pauc: { max_fpr: 0.1 }`"),
                );
                continue;
            }
        };
        if let Some(first) = seen.insert(name, item) {
            let message = format!("`{}` is listed twice", shorten(name));
            diagnostics.push(
                Diagnostic::new("E0206", message)
                    .at(item.place())
                    .related(first.place(), "first listed here"),
            );
            continue;
        }
        let at = settings.map_or(item.place(), Node::key_place);
        match name {
            "auc" => spec.auc = true,
            "pauc" => spec.pauc = Some(0.1),
            "intervals" => spec.intervals = Some(Intervals::default()),
            "domain_balance" => spec.domain_balance = true,
            "pseudo_anomalies" => spec.pseudo_anomalies = true,
            _ => {
                let message = format!("unknown metric `{}`", shorten(name));
                diagnostics.push(Diagnostic::new("E0206", message).at(at).hint(metric_hint(name)));
                continue;
            }
        }
        let Some(settings) = settings.filter(|s| !s.is_null()) else { continue };
        if name == "intervals" {
            spec.intervals = plain::intervals(settings, diagnostics);
        } else {
            metric_settings(name, settings, &mut spec, diagnostics);
        }
    }
    if let Some(alone) = seen.get("intervals").filter(|_| !spec.auc && spec.pauc.is_none()) {
        let message = "`intervals` needs an area, and `metrics` names none";
        diagnostics.push(
            Diagnostic::new("E0206", message)
                .at(alone.place())
                .hint("write `metrics: [auc, pauc, intervals]`"),
        );
    }
    (diagnostics.len() == before).then_some(spec)
}

fn metric_hint(name: &str) -> String {
    match expected().contains(&name) {
        true => {
            "`auc` is given for each domain, and the official score follows from `auc` and `pauc`"
                .into()
        }
        false => suggest(name, fields::<MetricName>().iter().copied()),
    }
}

fn metric_settings(
    name: &str,
    settings: &Node,
    spec: &mut MetricsSpec,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let path = format!("metrics.{name}");
    let Some(entries) = settings.as_map() else {
        diagnostics.push(wrong_type(settings, &path, "a map"));
        return;
    };
    for (key, value) in entries {
        let path = format!("{path}.{key}");
        match (name, key.as_str()) {
            ("pauc", "max_fpr") => match value.value().as_f64() {
                Some(rate) if rate > 0.0 && rate <= 1.0 => spec.pauc = Some(rate),
                Some(_) => {
                    let message = format!(
                        "`{path}`: a false-positive rate of {} is not above 0 and at most 1",
                        value.value()
                    );
                    diagnostics.push(
                        Diagnostic::new("E0303", message)
                            .at(value.place())
                            .hint("the field uses 0.1"),
                    );
                }
                None => diagnostics.push(wrong_type(value, &path, "f64")),
            },
            ("auc", "ties") => match value.as_str() {
                Some("half") => spec.ties = Ties::Half,
                Some("zero") => spec.ties = Ties::Zero,
                Some(other) => diagnostics.push(
                    Diagnostic::new(
                        "E0302",
                        format!("`{path}` has no choice `{}`", shorten(other)),
                    )
                    .at(value.place())
                    .hint(suggest(other, ["half", "zero"])),
                ),
                None => diagnostics.push(wrong_type(value, &path, "a string")),
            },
            _ => {
                let known: &[&str] = match name {
                    "auc" => fields::<Auc>(),
                    "pauc" => fields::<Pauc>(),
                    _ => &[],
                };
                diagnostics.push(
                    Diagnostic::new(
                        "E0204",
                        format!("`metrics.{name}` has no setting `{}`", shorten(key)),
                    )
                    .at(value.key_place())
                    .hint(suggest(key, known.iter().copied())),
                );
            }
        }
    }
}
