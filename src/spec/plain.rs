//! The sections that are plain maps of settings, without variants: `mix` and `generalization`.

use serde::de::DeserializeOwned;

use super::decode::{Look, strike_and_retry};
use super::mistakes::{problem, wrong_type};
use super::node::Node;
use super::wire;
use crate::diagnose::{Diagnostic, Problem};
use crate::family;
use crate::stage::{Generalization, Mix};

/// A section of settings.
pub trait Plain: DeserializeOwned {
    /// The word of the file that holds it.
    const WORD: &'static str;
    fn problems(&self) -> Vec<Problem>;
}

impl Plain for Mix {
    const WORD: &'static str = "mix";
    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }
}

impl Plain for Generalization {
    const WORD: &'static str = "generalization";
    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }
}

/// The settings that `node` holds, or none with the reasons in `diagnostics`.
pub fn settings<T: Plain>(node: &Node, look: Look, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    if node.as_map().is_none() {
        diagnostics.push(wrong_type(node, T::WORD, "a map"));
        return None;
    }
    let value = wire::plain(T::WORD, node);
    let config: T = strike_and_retry(|v| family::settings(v), value, node, T::WORD, look, diagnostics)?;
    let problems = if look == Look::Whole { config.problems() } else { Vec::new() };
    if problems.is_empty() {
        return Some(config);
    }
    diagnostics.extend(problems.into_iter().map(|p| problem(p, node, T::WORD)));
    None
}
