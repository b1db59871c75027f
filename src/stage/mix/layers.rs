//! The word `mix.layers` of a spec: several noises for each clip.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Mix, SectionId};
use crate::diagnose::Problem;
use crate::mix::{Layer, Placed, Snr, Types};

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
    /// The ratio of each layer of a section, and the setting that says it: `snr_db`,
    /// `layers[1].snr_db` or `table`.
    pub fn ratios(&self, section: &SectionId) -> Vec<(String, &Snr)> {
        if let Some(snr) = &self.snr_db {
            return vec![("snr_db".to_owned(), snr)];
        }
        let written = self.layers.iter().enumerate();
        let written = written.map(|(i, layer)| (format!("layers[{i}].snr_db"), &layer.snr_db));
        let table = self.table.filter(|_| self.layers.is_empty());
        let of_table = table.and_then(|table| table.noise(section)).unwrap_or_default();
        written.chain(of_table.iter().map(|layer| ("table".to_owned(), &layer.snr_db))).collect()
    }

    /// Whether a level depends on more of a clip than its section.
    pub fn asks_clips(&self) -> bool {
        let asks =
            |snr: &Snr| matches!(snr, Snr::Attribute { .. } | Snr::Drawn(Placed::Domain { .. }));
        let mut written = self.snr_db.iter().chain(self.layers.iter().map(|layer| &layer.snr_db));
        self.table.is_some() || written.any(asks)
    }

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
            let empty = match &layer.types {
                Some(Types::Any(types)) => types.is_empty(),
                Some(Types::Domain { source, target }) => source.is_empty() || target.is_empty(),
                Some(Types::Attribute(_)) | None => false,
            };
            if empty {
                let hint = "write at least one, such as `[A]`";
                let field = format!("layers[{i}].types");
                problems.push(Problem::new(field, "names no type of noise").hint(hint));
            }
        }
        problems
    }
}
