//! Recipes of generated sounds, as stored in audio tables, and their rendering.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Wave;
use crate::canon;
use crate::mix;
use crate::seed::Seed;
use crate::twin::{self, Between, Scene, Tuning};

/// All data that determines the samples of a generated clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sound {
    /// The name of a machine or a noise of the twin.
    pub kind: String,
    /// Samples per second.
    pub rate: u32,
    pub samples: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// A fault and its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<(String, f64)>,
    /// Of machines: what the calibration set for their section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuning: Option<Tuning>,
    /// Of machines: a way to the microphone that is not wholly that of the attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Between>,
    /// Seed of the machine's properties.
    pub unit: u64,
    /// Seed of the clip's properties.
    pub seed: u64,
}

impl Sound {
    /// The recipe as canonical JSON.
    pub fn text(&self) -> String {
        canon::to_string(self).expect("a sound is finite numbers and texts")
    }
}

/// The samples of a recipe, rounded to 16 bits.
pub(super) fn render(recipe: &str) -> Result<Wave, String> {
    let wrong = |why: String| format!("is not a recipe of the generator: {why}");
    let recipe: Sound = serde_json::from_str(recipe).map_err(|e| wrong(e.to_string()))?;
    let scene = Scene {
        rate: f64::from(recipe.rate),
        samples: recipe.samples as usize,
        unit: Seed(recipe.unit),
        clip: Seed(recipe.seed),
        attributes: &recipe.attributes,
        fault: recipe.fault.as_ref().map(|(name, size)| (name.as_str(), *size)),
        tuning: recipe.tuning.unwrap_or_default(),
    };
    let samples = match &recipe.between {
        Some(between) => twin::render_between(&recipe.kind, &scene, between),
        None => twin::render(&recipe.kind, &scene),
    };
    let samples = samples.map_err(wrong)?;
    Ok(Wave::of_steps(recipe.rate, &mix::quantise(&samples, 1.0).samples))
}
