//! Matching the points of two runs by their settings.
//!
//! Resolved settings are compared first, so a setting that one run sweeps matches the same setting
//! that the other run fixes. Points without a partner are then compared by their labels: a detector
//! with the same label counts as the same detector, even if one of its unswept settings differs.
//! Scores of another program have no detector, so each of them is compared with every point.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::listing::short;
use super::Side;

/// Numbers of points: the pairs, in the order of the first run, and the points without a partner.
pub struct Pairs {
    pub pairs: Vec<[usize; 2]>,
    pub only: [Vec<usize>; 2],
}

/// The paths that either run sweeps; those of the first run come first.
pub fn axes(a: Side, b: Side) -> Vec<String> {
    let mut axes: Vec<String> = Vec::new();
    for (path, _) in a.axes.iter().chain(b.axes) {
        if !axes.contains(path) {
            axes.push(path.clone());
        }
    }
    axes
}

pub fn pairs(a: Side, b: Side) -> Pairs {
    let axes = axes(a, b);
    let all = |side: Side| (0..side.results.points.len()).collect::<Vec<_>>();
    let (mut pairs, mut only) = (Vec::new(), [all(a), all(b)]);
    join(&mut pairs, &mut only, [a, b], |side, point| {
        axes.iter().map(|axis| resolved(side, point, axis)).collect()
    });
    if only.iter().all(|left| !left.is_empty()) {
        join(&mut pairs, &mut only, [a, b], |side, point| {
            axes.iter().map(|axis| labelled(side, point, axis)).collect()
        });
    }
    if pairs.is_empty() && is_scored(a) != is_scored(b) {
        let [left, right] = std::mem::take(&mut only);
        for first in left {
            pairs.extend(right.iter().map(|second| [first, *second]));
        }
    }
    pairs.sort_unstable();
    Pairs { pairs, only }
}

/// Whether all points of a run are scores of another program.
fn is_scored(side: Side) -> bool {
    side.settings.iter().all(|settings| at(settings, "data.scores").is_some())
}

/// Makes pairs of unmatched points with the same key.
fn join(
    pairs: &mut Vec<[usize; 2]>,
    rest: &mut [Vec<usize>; 2],
    sides: [Side; 2],
    key: impl Fn(Side, usize) -> Vec<String>,
) {
    let mut partners: BTreeMap<Vec<String>, usize> =
        rest[1].iter().map(|point| (key(sides[1], *point), *point)).collect();
    let mut taken = Vec::new();
    rest[0].retain(|point| match partners.remove(&key(sides[0], *point)) {
        Some(partner) => {
            pairs.push([*point, partner]);
            taken.push(partner);
            false
        }
        None => true,
    });
    taken.sort_unstable();
    rest[1].retain(|point| taken.binary_search(point).is_err());
}

/// The value at a path of the settings of a point.
pub fn at<'v>(settings: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(settings, |value, word| value.get(word))
}

fn resolved(side: Side, point: usize, axis: &str) -> String {
    match side.settings.get(point).and_then(|settings| at(settings, axis)) {
        Some(value) => value.to_string(),
        // Words that stand for several settings have no setting of their own name.
        None => labelled(side, point, axis),
    }
}

fn labelled(side: Side, point: usize, axis: &str) -> String {
    let swept = side.axes.iter().any(|(path, _)| path == axis);
    match (swept, side.settings.get(point).and_then(|settings| at(settings, axis))) {
        (true, _) => side.results.points[point].settings.get(axis).cloned().unwrap_or_default(),
        (false, value) => value.map(text).unwrap_or_default(),
    }
}

/// A value as it is written in a spec.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The label of a pair's setting in tables. It comes from the run that sweeps the setting,
/// preferably the first.
pub fn label(a: Side, b: Side, [first, second]: [usize; 2], axis: &str) -> String {
    let of = |side: Side, point: usize| side.results.points[point].settings.get(axis).cloned();
    of(a, first).or_else(|| of(b, second)).unwrap_or_default()
}

/// All settings of a pair in one text.
pub fn whole_label(a: Side, b: Side, pair: [usize; 2], axes: &[String]) -> String {
    joined(axes, |axis| label(a, b, pair, axis))
}

/// All swept settings of a point in one text.
pub fn own_label(side: Side, point: usize) -> String {
    let axes: Vec<String> = side.axes.iter().map(|(path, _)| path.clone()).collect();
    joined(&axes, |axis| side.results.points[point].settings.get(axis).cloned().unwrap_or_default())
}

fn joined(axes: &[String], label: impl Fn(&str) -> String) -> String {
    let labels = axes.iter().zip(short(axes)).map(|(axis, name)| (name, label(axis)));
    let texts: Vec<String> = labels
        .filter(|(_, label)| !label.is_empty())
        .map(|(name, label)| format!("{name}={label}"))
        .collect();
    if texts.is_empty() { "the only point".to_owned() } else { texts.join(", ") }
}
