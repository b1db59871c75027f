//! What the settings of `mix` ask of each clip. Mixing fails for a clip that lacks it.

use super::{Mix, SectionId};
use crate::artifact::Clip;
use crate::mix::{Placed, Snr, Types, unknown_type};
use crate::seed::Seed;

/// What a setting gives to each clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked<'a> {
    /// A level of noise.
    Level(&'a Snr),
    /// A type of noise.
    Noise(&'a Types),
    /// The reverberation time of a room.
    Decay(&'a Placed),
    /// A type of recorded room.
    Room(&'a Types),
}

/// What decides what a clip gets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decides<'a> {
    Domain,
    /// An attribute, and the values with a level. A value that is a type of recordings needs none.
    Attribute(&'a str, Vec<&'a str>),
}

impl<'a> Asked<'a> {
    /// What decides; `None` if every clip gets the same.
    pub fn decides(self) -> Option<Decides<'a>> {
        match self {
            Self::Level(Snr::Attribute { name, levels }) => {
                let values = levels.keys().map(String::as_str).collect();
                Some(Decides::Attribute(name, values))
            }
            Self::Level(Snr::Drawn(placed)) | Self::Decay(placed) => {
                matches!(placed, Placed::Domain { .. }).then_some(Decides::Domain)
            }
            Self::Noise(types) | Self::Room(types) => match types {
                Types::Any(_) => None,
                Types::Domain { .. } => Some(Decides::Domain),
                Types::Attribute(name) => Some(Decides::Attribute(name, Vec::new())),
            },
            Self::Level(Snr::Db(_)) => None,
        }
    }

    /// The part of a setting that says what decides, such as `snr_db.n-lv`.
    pub fn part(self, setting: &str) -> String {
        match self {
            Self::Level(Snr::Attribute { name, .. }) => format!("{setting}.{name}"),
            Self::Noise(Types::Attribute(_)) | Self::Room(Types::Attribute(_)) => {
                format!("{setting}.attribute")
            }
            _ => setting.to_owned(),
        }
    }

    /// What it is, in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Level(_) => "level of noise",
            Self::Noise(_) => "type of noise",
            Self::Decay(_) => "reverberation time",
            Self::Room(_) => "type of response",
        }
    }

    /// Why a clip gets none, in the words of a run. `known` are the types of the recordings.
    pub fn lacking(self, clip: &Clip, known: &[&str]) -> Option<String> {
        match self {
            Self::Level(snr) => snr.of(clip, Seed(0)).err(),
            Self::Decay(placed) => placed.of(clip, Seed(0)).err(),
            Self::Noise(types) | Self::Room(types) => match types.of(clip) {
                Err(why) => Some(why),
                Ok(types) => types.iter().find_map(|kind| self.unknown(kind, known)),
            },
        }
    }

    /// That there is no recording of a type, if so.
    fn unknown(self, kind: &str, known: &[&str]) -> Option<String> {
        let what = if matches!(self, Self::Room(_)) { "response" } else { "noise" };
        (!known.contains(&kind)).then(|| unknown_type(what, kind, known))
    }
}

impl Mix {
    /// Each setting for the clips of a section: `snr_db`, `layers[1].types`, `table` and so on.
    pub fn asked(&self, section: &SectionId) -> Vec<(String, Asked<'_>)> {
        let mut all = self.asked_by_spec();
        let table = self.table.filter(|_| self.layers.is_empty());
        for layer in table.and_then(|table| table.noise(section)).unwrap_or_default() {
            let level = self.snr_db.is_none().then_some(Asked::Level(&layer.snr_db));
            let kind = self.types.is_none().then_some(Asked::Noise(&layer.types));
            all.extend(level.into_iter().chain(kind).map(|asked| ("table".to_owned(), asked)));
        }
        all
    }

    /// Whether only the data set can show that a setting is wrong: it names a type of recordings,
    /// or depends on more of a clip than its section.
    pub fn asks_data(&self) -> bool {
        let asks = |(_, asked): (String, Asked)| match asked {
            Asked::Noise(_) | Asked::Room(_) => true,
            Asked::Level(_) | Asked::Decay(_) => asked.decides().is_some(),
        };
        self.table.is_some() || self.asked_by_spec().into_iter().any(asks)
    }

    fn asked_by_spec(&self) -> Vec<(String, Asked<'_>)> {
        let mut all = Vec::new();
        let mut ask = |setting: &str, asked| all.push((setting.to_owned(), asked));
        match &self.snr_db {
            Some(snr) => ask("snr_db", Asked::Level(snr)),
            None => {
                for (i, layer) in self.layers.iter().enumerate() {
                    ask(&format!("layers[{i}].snr_db"), Asked::Level(&layer.snr_db));
                }
            }
        }
        match &self.types {
            Some(types) => ask("types", Asked::Noise(types)),
            None => {
                for (i, layer) in self.layers.iter().enumerate() {
                    let types = layer.types.iter();
                    types.for_each(|types| ask(&format!("layers[{i}].types"), Asked::Noise(types)));
                }
            }
        }
        if let Some(room) = &self.response {
            room.rt60.iter().for_each(|rt60| ask("response.rt60", Asked::Decay(rt60)));
            room.types.iter().for_each(|types| ask("response.types", Asked::Room(types)));
        }
        all
    }
}
