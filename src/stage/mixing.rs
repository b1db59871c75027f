//! The mixing stage: a recipe with the noise and the gain of each clip, from clips, levels and
//! noise recordings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Inputs, Item, Output, Role, SPLITS, StageError, code};
use crate::artifact::{AudioTable, ClipSet, Levels};
use crate::mix::{self, Candidates, Draws, Layer, Microphones, RESPONSE_VERSION, Response, Signal};
use crate::stage::Reference;

const VERSION: u32 = 3;

/// Settings of the mixing stage of one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixing {
    pub layers: Vec<Layer>,
    pub seed: u64,
    /// Whose power the ratios refer to.
    #[serde(default, skip_serializing_if = "Reference::is_section")]
    pub reference: Reference,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microphones: Option<Microphones>,
}

impl Mixing {
    pub(super) fn identity(&self) -> (BTreeMap<String, u32>, Value) {
        let rooms = self.response.is_some() || self.microphones.is_some();
        let mut config = json!(self);
        if let Some(microphones) = config.get_mut("microphones").and_then(Value::as_object_mut) {
            // Only the features hear a channel.
            microphones.remove("channel");
        }
        (code("mixing", VERSION, rooms.then_some(("response", RESPONSE_VERSION))), config)
    }

    /// Inputs: `train/clips` and `test/clips`, the noise, the recorded responses, and `levels` of the
    /// section, or `levels/00` of each section of the machine. Outputs: the recipes.
    pub(super) fn run(&self, inputs: &Inputs) -> Result<Vec<Output>, StageError> {
        let levels: Levels = match self.reference {
            Reference::Machine => {
                let sections = inputs.sections(Item::Levels);
                let of = |section: String| inputs.get::<Levels>(Item::Levels.of(&section));
                let all: Result<Vec<Levels>, StageError> = sections.into_iter().map(of).collect();
                Levels(all?.into_iter().flat_map(|levels| levels.0).collect())
            }
            Reference::Section | Reference::Clip => inputs.get(Item::Levels)?,
        };
        let signal = match self.reference {
            Reference::Clip => Signal::Each(&levels.0),
            Reference::Section | Reference::Machine => Signal::Mean(levels.mean()),
        };
        let (noises, responses) = (inputs.noise()?, inputs.responses()?);
        let draws = Draws {
            layers: &self.layers,
            noises: &noises,
            response: self.response.as_ref(),
            responses: &responses,
            microphones: self.microphones.as_ref(),
            seed: self.seed,
        };
        let mut outputs = Vec::new();
        for split in SPLITS {
            let clips: ClipSet = inputs.get((split, Item::Clips))?;
            let recipe = mix::draw(clips.clips(), signal, &draws)
                .map_err(|e| StageError::Data(e.to_string()))?;
            outputs.push(Output::of((split, Item::Recipe), &recipe));
        }
        Ok(outputs)
    }
}

impl Inputs {
    /// The noise recordings by type; a type may have several sections.
    fn noise(&self) -> Result<Candidates, StageError> {
        self.candidates(|role| matches!(role, Role::Noise(..)))
    }

    /// The recorded impulse responses by type.
    fn responses(&self) -> Result<Candidates, StageError> {
        self.candidates(|role| matches!(role, Role::Response(..)))
    }

    fn candidates(&self, chosen: impl Fn(&Role) -> bool) -> Result<Candidates, StageError> {
        let mut found = Candidates::new();
        for role in self.0.keys().filter_map(|role| role.parse().ok()).filter(chosen) {
            let AudioTable(clips) = self.get(role.clone())?;
            if let Role::Noise(_, id) | Role::Response(_, id) = role {
                found.entry(id.machine).or_default().0.extend(clips);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_plain_mix_has_no_word_of_later() {
        let layers = json!([{"types": ["A"], "snr_db": -6.0}]);
        let of = |more: Value| {
            let mut stage = json!({"layers": layers, "seed": 0});
            stage.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Mixing>(stage).unwrap().identity()
        };
        let (code, config) = of(json!({}));
        assert_eq!(config, json!({"layers": layers, "seed": 0}));
        assert_eq!(code, [("mixing".to_owned(), VERSION)].into());
        // A channel is no matter of the recipe.
        let first = of(json!({"microphones": {"channel": "first"}}));
        assert_eq!(first, of(json!({"microphones": {"channel": "cancel"}})));
        assert!(first.0.contains_key("response"));
        assert_ne!(of(json!({"reference": "clip"})).1, config);
    }
}
