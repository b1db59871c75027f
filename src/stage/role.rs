//! Roles: the names of the inputs and outputs of a stage.
//!
//! Keys, records and documents hold a role as text, such as `model`, `train/features` or
//! `features/00`. All other code uses this type, so that an unknown role cannot be written.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::artifact::{SectionId, Split};

/// The content of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    Listing,
    Weights,
    Audio,
    Clips,
    Levels,
    Recipe,
    Features,
    Index,
    /// Spectra of whole clips, for networks that use them, too.
    Spectra,
    SpectraIndex,
    /// Pooled vectors that are joined before the vectors of a network.
    Pooled,
    PooledIndex,
    /// The files of vectors that another program made.
    Files,
    /// Synthetic clips that were made before feature extraction.
    Made,
    MadeIndex,
    Model,
    Scores,
    /// Which test clips another program calls anomalous.
    Decisions,
    /// Scores of training clips, for a threshold.
    Training,
    /// Scores of training clips by models without them.
    HeldOut,
    /// The same with anomalies made from them.
    Pseudo,
    /// Clips of other machines and sections, which such anomalies are, too.
    Others,
    OtherFeatures,
    OtherIndex,
    Metrics,
}

const NAMES: [(Item, &str); 25] = [
    (Item::Listing, "listing"),
    (Item::Weights, "weights"),
    (Item::Audio, "audio"),
    (Item::Clips, "clips"),
    (Item::Levels, "levels"),
    (Item::Recipe, "recipe"),
    (Item::Features, "features"),
    (Item::Index, "index"),
    (Item::Spectra, "spectra"),
    (Item::SpectraIndex, "spectra_index"),
    (Item::Pooled, "pooled"),
    (Item::PooledIndex, "pooled_index"),
    (Item::Files, "files"),
    (Item::Made, "made"),
    (Item::MadeIndex, "made_index"),
    (Item::Model, "model"),
    (Item::Scores, "scores"),
    (Item::Decisions, "decisions"),
    (Item::Training, "training"),
    (Item::HeldOut, "held_out"),
    (Item::Pseudo, "pseudo"),
    (Item::Others, "others"),
    (Item::OtherFeatures, "other_features"),
    (Item::OtherIndex, "other_index"),
    (Item::Metrics, "metrics"),
];

/// An input or output of a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Role {
    /// `model`: a single input or output.
    One(Item),
    /// `train/features`: for the training or the test clips.
    Of(Split, Item),
    /// `features/00`: for one of several sections, or `features/fan/00` of several machines.
    In(Item, String),
    /// `noise/train/A/00`: recordings of a type of noise.
    Noise(Split, SectionId),
    /// `response/train/hall/00`: impulse responses of a type.
    Response(Split, SectionId),
}

impl Item {
    fn name(self) -> &'static str {
        NAMES.iter().find(|(item, _)| *item == self).expect("every item has a name").1
    }

    fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(item, _)| *item)
    }

    /// The role of this item of a section.
    pub fn of(self, section: &str) -> Role {
        Role::In(self, section.to_owned())
    }
}

impl From<Item> for Role {
    fn from(item: Item) -> Self {
        Role::One(item)
    }
}

impl From<(Split, Item)> for Role {
    fn from((split, item): (Split, Item)) -> Self {
        Role::Of(split, item)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::One(item) => f.write_str(item.name()),
            Role::Of(split, item) => write!(f, "{}/{}", split.name(), item.name()),
            Role::In(item, section) => write!(f, "{}/{section}", item.name()),
            Role::Noise(split, id) => {
                write!(f, "noise/{}/{}/{}", split.name(), id.machine, id.section)
            }
            Role::Response(split, id) => {
                write!(f, "response/{}/{}/{}", split.name(), id.machine, id.section)
            }
        }
    }
}

impl From<Role> for String {
    fn from(role: Role) -> Self {
        role.to_string()
    }
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split =
            |name: &str| [Split::Train, Split::Test].into_iter().find(|split| split.name() == name);
        let parts: Vec<&str> = text.split('/').collect();
        let role = match parts[..] {
            [item] => Item::named(item).map(Role::One),
            [first, second] => match split(first) {
                Some(split) => Item::named(second).map(|item| Role::Of(split, item)),
                None => Item::named(first).map(|item| item.of(second)),
            },
            [item, machine, section] => {
                Item::named(item).map(|item| item.of(&format!("{machine}/{section}")))
            }
            [item @ ("noise" | "response"), name, machine, section] => {
                let id = SectionId { machine: machine.to_owned(), section: section.to_owned() };
                split(name).map(|split| match item {
                    "noise" => Role::Noise(split, id),
                    _ => Role::Response(split, id),
                })
            }
            _ => None,
        };
        role.ok_or_else(|| format!("`{text}` is no role"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_text_and_back() {
        let noise = SectionId { machine: "A".into(), section: "00".into() };
        let roles = [
            (Role::from(Item::Model), "model"),
            (Role::from((Split::Train, Item::Features)), "train/features"),
            (Item::SpectraIndex.of("train"), "spectra_index/train"),
            (Item::Features.of("fan/00"), "features/fan/00"),
            (Role::Noise(Split::Test, noise.clone()), "noise/test/A/00"),
            (Role::Response(Split::Train, noise), "response/train/A/00"),
        ];
        for (role, text) in roles {
            assert_eq!((role.to_string().as_str(), text.parse()), (text, Ok(role)));
        }
        for wrong in ["", "models", "train/", "train/00", "noise/A/00", "noise/all/A/00", "a/b/c"] {
            assert!(wrong.parse::<Role>().is_err(), "{wrong}");
        }
        for (item, name) in NAMES {
            assert_eq!((item.name(), Item::named(name)), (name, Some(item)));
        }
    }

    #[test]
    fn every_output_of_a_stage_has_a_role() {
        for stage in super::super::STAGES {
            for (role, _) in super::super::outputs_of(stage).unwrap() {
                assert!(role.parse::<Role>().is_ok(), "{role} of {stage}");
            }
        }
    }
}
