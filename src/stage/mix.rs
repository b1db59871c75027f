//! The word `mix` of a spec: the noise that the clips of a section get, and its level.

mod asked;
mod layers;
mod room;

pub use asked::{Asked, Decides};
pub use layers::Written;
pub use room::Room;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SectionId;
use crate::diagnose::{Problem, suggest};
use crate::mimii_dg;
use crate::mix::{Layer, Microphones, Snr, Types};
use crate::source::SourceSpec;
use crate::source::factory::Factory;

/// The noise that is mixed to the recordings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// A table with the noise types and levels of every section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Signal-to-noise ratio in dB for every section and noise. It replaces the ratios of the
    /// table. A number, a number drawn for each clip (`{ uniform: [-6, 6] }`, `{ choose: [-6, 0, 6] }`),
    /// one of these for each domain (`{ source: 3, target: -6 }`), or by the values of an attribute
    /// (`{ n-lv: { L1: 3, L2: -9 } }`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<Snr>,
    /// Added to every ratio, in dB.
    #[schemars(range(min = -100, max = 100))]
    pub snr_offset_db: f64,
    /// Several noises for each clip, which are summed, instead of `snr_db` and `types`: a list of `{
    /// types: [A], snr_db: -6 }`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Written>,
    /// Whose mean power the ratios refer to. Default: `section`, as in MIMII DG.
    #[serde(skip_serializing_if = "Reference::is_section")]
    pub reference: Reference,
    /// Types of noise that a clip may get. They replace the types of the table. Without a table,
    /// the default is all types of `noise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Types>,
    /// Where the noise comes from: a source whose machines are the types of noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<SourceSpec>,
    /// The room between a machine and its microphone: an impulse response is drawn for each clip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Room>,
    /// Two microphones, near and far, instead of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microphones: Option<Microphones>,
    /// Gain of the mixed clip in dB, before it becomes 16 bits.
    #[schemars(range(min = -100, max = 100))]
    pub gain_db: f64,
    /// Seed of the choice of noise for each clip.
    pub seed: u64,
}

/// Whose mean power is the signal's in ratios.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The mean over all clips of the section: loud and quiet recordings keep their level.
    #[default]
    Section,
    /// The mean over all clips of all sections of the machine.
    Machine,
    /// The clip itself: every clip has its ratio, however loud it is.
    Clip,
}

impl Reference {
    /// Whether it is the default.
    pub fn is_section(&self) -> bool {
        *self == Self::Section
    }
}

/// Tables that `mix` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// As MIMII DG was mixed: Table 1 and section 2 of Dohi et al. 2022.
    MimiiDg,
}

impl Table {
    /// The word of a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::MimiiDg => "mimii_dg",
        }
    }

    fn noise(self, SectionId { machine, section }: &SectionId) -> Option<&'static [Layer]> {
        match self {
            Self::MimiiDg => mimii_dg::section(machine, section).map(|row| &row.noise[..]),
        }
    }
}

impl Mix {
    /// All settings out of range, except those of the noise source, which checks its own.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.of_layers());
        if self.table.is_none() {
            if self.snr_db.is_none() && self.layers.is_empty() {
                let hint =
                    "write `snr_db: -6`, or `table: mimii_dg` for the levels of that data set";
                problems.push(Problem::new("", "no signal-to-noise ratio is set").hint(hint));
            }
            if self.noise.is_none() {
                let hint = "write `noise: { folder: { root: DIR, pattern: \"{machine}/{*}.wav\", defaults: { split: train } } }`, \
                            or `noise: { factory: {} }` for generated noise";
                problems.push(Problem::new("", "no noise is given").hint(hint));
            }
        }
        problems.extend(self.snr_db.iter().flat_map(|snr| snr.problems("snr_db")));
        problems.extend(self.response.iter().flat_map(Room::problems));
        problems.extend(self.microphones.iter().flat_map(Microphones::problems));
        for (field, db) in [("snr_offset_db", self.snr_offset_db), ("gain_db", self.gain_db)] {
            if !(-100.0..=100.0).contains(&db) {
                let hint = "write a number of dB from -100 to 100";
                problems.push(Problem::new(field, format!("{db} is out of range")).hint(hint));
            }
        }
        problems.extend(self.types.iter().flat_map(|types| types.problems("types", "noise", "A")));
        problems
    }

    /// Whether anything is mixed to the recordings of `data`. The table describes how dry
    /// recordings become a data set, and a published data set is already mixed. But the spec
    /// counts if it names a ratio, noise, a room or microphones of its own.
    pub fn applies(&self, data: &SourceSpec) -> bool {
        !data.member().mixed()
            || self.table.is_none()
            || self.snr_db.is_some()
            || self.noise.is_some()
            || !self.layers.is_empty()
            || self.response.is_some()
            || self.microphones.is_some()
    }

    /// The source of the noise: the source of the spec, or generated noise. Generated noise has the
    /// length and rate of the generated machines, unless it sets its own.
    pub fn noise(&self, data: &SourceSpec) -> SourceSpec {
        let mut noise = self.noise.clone().unwrap_or(SourceSpec::Factory(Factory::default()));
        if let (SourceSpec::Factory(factory), SourceSpec::Synthetic(machines)) = (&mut noise, data)
        {
            factory.seconds.get_or_insert(machines.seconds);
            factory.rate.get_or_insert(machines.rate);
        }
        noise
    }

    /// The layers of noise for the clips of a section, from noise of the `known` types. Errors: the
    /// table lacks the section, or a type is unknown.
    pub fn layers(&self, section: &SectionId, known: &[&str]) -> Result<Vec<Layer>, Problem> {
        let all = || Types::Any(known.iter().map(|kind| (*kind).to_owned()).collect());
        let mut layers = match self.table {
            _ if !self.layers.is_empty() => {
                self.layers.iter().map(|layer| layer.layer(all)).collect()
            }
            Some(table) => {
                let SectionId { machine, section: name } = section;
                let missing = || {
                    let table = table.name();
                    let what =
                        format!("the table `{table}` has no section `{name}` of a `{machine}`");
                    Problem::new("table", what)
                };
                table.noise(section).ok_or_else(missing)?.to_vec()
            }
            None => vec![Layer { types: all(), snr_db: Snr::Db(0.0) }],
        };
        for layer in &mut layers {
            if let Some(snr) = &self.snr_db {
                layer.snr_db = snr.clone();
            }
            if let Some(types) = &self.types {
                layer.types = types.clone();
            }
            layer.snr_db = layer.snr_db.clone().plus(self.snr_offset_db);
        }
        let field = |number: usize| match (&self.types, self.layers.is_empty()) {
            (Some(_), _) => "types".to_owned(),
            (None, false) => format!("layers[{number}].types"),
            (None, true) => "table".to_owned(),
        };
        for (number, layer) in layers.iter().enumerate() {
            for kind in layer.types.named().into_iter().flatten() {
                if !known.contains(&kind) {
                    let what = format!("there is no noise of type `{kind}`");
                    let hint = suggest(kind, known.iter().copied());
                    return Err(Problem::new(field(number), what).hint(hint));
                }
            }
        }
        if self.types.is_some() {
            // Two layers of the same types at the same ratio would be one noise, twice as loud.
            layers.dedup();
        }
        Ok(layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::NOISES;
    use serde_json::json;

    #[test]
    fn the_table_has_its_word_and_its_levels() {
        let section = SectionId { machine: "bearing".into(), section: "00".into() };
        let mix: Mix =
            serde_json::from_value(json!({"table": "mimii_dg", "snr_offset_db": 1})).unwrap();
        assert_eq!(mix.table.map(Table::name), Some("mimii_dg"));
        let layers = json!(mix.layers(&section, &NOISES).unwrap());
        assert_eq!(layers, json!([{"types": ["A", "B"], "snr_db": 13.0}]));
    }

    #[test]
    fn the_table_has_no_pump() {
        let section = SectionId { machine: "pump".into(), section: "00".into() };
        let mix = Mix { table: Some(Table::MimiiDg), ..Mix::default() };
        assert_eq!(
            mix.layers(&section, &NOISES).unwrap_err().message,
            "the table `mimii_dg` has no section `00` of a `pump`"
        );
    }

    #[test]
    fn a_type_without_recordings_is_told_where_it_stands() {
        let section = SectionId { machine: "fan".into(), section: "00".into() };
        let wrong = |mix: serde_json::Value| {
            let mix: Mix = serde_json::from_value(mix).unwrap();
            let problem = mix.layers(&section, &["press", "saw"]).unwrap_err();
            (problem.field, problem.message, problem.hint.unwrap())
        };
        let told = |field: &str, kind: &str, hint: &str| {
            (field.to_owned(), format!("there is no noise of type `{kind}`"), hint.to_owned())
        };
        let layers = json!({"layers": [
            {"types": ["saw"], "snr_db": 0},
            {"types": ["pres"], "snr_db": 0},
        ]});
        assert_eq!(wrong(layers), told("layers[1].types", "pres", "did you mean `press`?"));
        let known = "known: press, saw";
        let types = json!({"types": {"source": ["saw"], "target": ["rain"]}});
        assert_eq!(wrong(types), told("types", "rain", known));
        assert_eq!(wrong(json!({"table": "mimii_dg"})), told("table", "A", known));
    }
}
