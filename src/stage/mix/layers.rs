//! The word `mix.layers` of a spec: several noises for each clip.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mix;
use crate::diagnose::Problem;
use crate::mix::{Layer, Snr, Types};

/// One noise for each clip, with a ratio of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Types of noise that a clip may get. Default: all types of `noise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
    /// Signal-to-noise ratio in dB, in any form of `mix.snr_db`.
    pub snr_db: Snr,
}

impl Written {
    /// The layer; `all` gives the types that it has if it names none.
    pub(super) fn layer(&self, all: impl Fn() -> Types) -> Layer {
        Layer { types: self.types.clone().unwrap_or_else(all), snr_db: self.snr_db.clone() }
    }
}

impl Mix {
    /// Problems of the layers, and of what says the same beside them.
    pub(super) fn of_layers(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.layers.is_empty() {
            return problems;
        }
        for (field, given) in [
            ("table", self.table.is_some()),
            ("snr_db", self.snr_db.is_some()),
            ("types", self.types.is_some()),
        ] {
            if given {
                let message = "is never used: `layers` say it";
                problems.push(Problem::new(field, message).hint("leave out one of the two"));
            }
        }
        for (i, layer) in self.layers.iter().enumerate() {
            problems.extend(layer.snr_db.problems(&format!("layers[{i}].snr_db")));
            let of = |types: &Types| types.problems(&format!("layers[{i}].types"), "noise", "A");
            problems.extend(layer.types.iter().flat_map(of));
        }
        problems
    }
}
