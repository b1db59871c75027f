//! Sections that are plain maps of settings, without variants: `mix`, `generalization` and, in a
//! list of metrics, `intervals`.

use serde::de::DeserializeOwned;

use super::decode::{self, Look, strike_and_retry};
use super::mistakes::{problem, wrong_type};
use super::node::Node;
use crate::diagnose::{Diagnostic, Problem};
use crate::family;
use crate::source::SourceSpec;
use crate::stage::metrics::Intervals;
use crate::stage::{Generalization, Mix};

/// `generalization`.
pub fn generalization(
    node: &Node,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Generalization> {
    let g: Generalization = settings("generalization", node, look, diagnostics)?;
    sound(g.problems(), "generalization", node, look, diagnostics).then_some(g)
}

/// `mix`; it may be empty (`~`, as one value of a sweep). Its `noise` is a source like `data`.
pub fn mix(node: &Node, look: Look, diagnostics: &mut Vec<Diagnostic>) -> Option<Option<Mix>> {
    if node.is_null() {
        return Some(None);
    }
    let mut rest = node.clone();
    let noise = source(&mut rest, &["noise"], look, diagnostics);
    let responses = source(&mut rest, &["response", "from"], look, diagnostics);
    let mix: Option<Mix> = settings("mix", &rest, look, diagnostics);
    let (mut mix, noise, responses) = (mix?, noise?, responses?);
    mix.noise = noise;
    if let Some(room) = &mut mix.response {
        room.from = responses;
    }
    sound(mix.problems(), "mix", node, look, diagnostics).then_some(Some(mix))
}

/// Takes the source at `path` out of `mix`; `None` if it is wrong.
fn source(
    mix: &mut Node,
    path: &[&str],
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Option<SourceSpec>> {
    let keys: Vec<String> = path.iter().map(|key| (*key).to_owned()).collect();
    let Some(node) = mix.remove(&keys).filter(|node| !node.is_null()) else { return Some(None) };
    let (word, last) = (format!("mix.{}", path.join(".")), path[path.len() - 1]);
    let mut told = Vec::new();
    let source = decode::variant::<SourceSpec>(&node, look, &mut told);
    // A source calls itself `data` in its messages.
    diagnostics.extend(told.into_iter().map(|mut d| {
        d.message = d.message.replace("`data", &format!("`{word}"));
        d.hint = d.hint.map(|hint| {
            hint.replace("`data:", &format!("`{last}:"))
                .replace("`data", &format!("`{word}"))
                .replace("{ data: [", &format!("{{ {word}: ["))
        });
        d
    }));
    source.map(Some)
}

/// `metrics.intervals`.
pub fn intervals(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Intervals> {
    let word = "metrics.intervals";
    let i: Intervals = settings(word, node, Look::Whole, diagnostics)?;
    sound(i.problems(), word, node, Look::Whole, diagnostics).then_some(i)
}

fn settings<T: DeserializeOwned>(
    word: &str,
    node: &Node,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<T> {
    if node.as_map().is_none() {
        diagnostics.push(wrong_type(node, word, "a map"));
        return None;
    }
    strike_and_retry(|v| family::settings(v), node.value(), node, word, look, diagnostics)
}

/// Reports the problems of a point's settings. Returns whether there are none.
fn sound(
    problems: Vec<Problem>,
    word: &str,
    node: &Node,
    look: Look,
    diagnostics: &mut Vec<Diagnostic>,
) -> bool {
    if look == Look::Part {
        return true;
    }
    let before = diagnostics.len();
    diagnostics.extend(problems.into_iter().map(|p| problem(p, node, word)));
    diagnostics.len() == before
}
