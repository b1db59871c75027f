//! The `supplemental` folders of DCASE 2025: clips of the clean machine, or of noise alone.
//!
//! Each machine has one of the two. The data sets name these files in several ways; the word
//! `machine` or `noise` in a name says which it is.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SectionId;
use super::names::{self, Name};
use crate::artifact::{Domain, Label, Split};

/// The name of the folder.
pub(super) const FOLDER: &str = "supplemental";

/// The use of the clips in `supplemental` folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supplemental {
    /// They are left alone.
    #[default]
    Ignore,
    /// Clips of the clean machine are normal training clips of the source domain. Clips of noise
    /// are left alone.
    Train,
    /// Clips of noise are all that the source gives, one type of noise a machine: for `mix.noise`.
    Noise,
}

impl Supplemental {
    pub(super) fn is_ignored(&self) -> bool {
        *self == Self::Ignore
    }
}

/// What is heard in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sound {
    Machine,
    Noise,
}

/// A file of such a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Supplement {
    pub id: SectionId,
    pub path: String,
    /// The error is why the file cannot be used.
    pub sound: Result<Sound, String>,
}

/// What is heard in a file, by its name. The error is a reason that ends a sentence about it.
pub(super) fn sound(file: &str) -> Result<Sound, String> {
    let stem = names::stem(file).unwrap_or(file).to_lowercase();
    let says = |word| stem.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    match (says("machine"), says("noise")) {
        (true, false) => Ok(Sound::Machine),
        (false, true) => Ok(Sound::Noise),
        (true, true) => Err("its name says both `machine` and `noise`".into()),
        (false, false) => Err("its name says neither `machine` nor `noise`".into()),
    }
}

/// The facts about a clip of such a folder: a normal one for training, of the source domain if it is
/// of the machine. Without a section in its name it is of section 00.
pub(super) fn name(file: &str) -> Result<Name, String> {
    let sound = sound(file)?;
    Ok(Name {
        section: section(file),
        domain: (sound == Sound::Machine).then_some(Domain::Source),
        split: Some(Split::Train),
        label: Some(Label::Normal),
        attributes: [].into(),
    })
}

pub(super) fn section(file: &str) -> String {
    let number = file.strip_prefix("section_").and_then(|rest| rest.split('_').next());
    let is_number = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    number.filter(is_number).unwrap_or("00").to_owned()
}

/// A note on folders that are not used.
pub(super) fn note<'a>(unused: impl Iterator<Item = &'a Supplement>) -> Option<String> {
    let (mut clean, mut noise, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut count = 0;
    for Supplement { id, sound, .. } in unused {
        count += 1;
        let kind = match sound {
            Ok(Sound::Machine) => &mut clean,
            Ok(Sound::Noise) => &mut noise,
            Err(_) => &mut others,
        };
        kind.insert(id.machine.as_str());
    }
    let list = |machines: &BTreeSet<&str>| machines.iter().copied().collect::<Vec<_>>().join(", ");
    let uses = [
        (&clean, "the clean machine", ": `supplemental: train` takes them for training"),
        (
            &noise,
            "noise alone",
            ": `mix: { noise: { dcase: { root: DIR, supplemental: noise } } }` mixes with them",
        ),
        (&others, "unknown", ", because their names say neither `machine` nor `noise`"),
    ];
    let uses = uses.iter().filter(|(machines, ..)| !machines.is_empty());
    let uses: Vec<String> =
        uses.map(|(machines, what, how)| format!("{what} of {}{how}", list(machines))).collect();
    (count > 0)
        .then(|| format!("{count} clips of `{FOLDER}` folders are not used: {}", uses.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind_say_what_is_heard() {
        for file in [
            "section_00_machine_0001_.wav",
            "section_00_source_supplemental_machine_0000.wav",
            "section_00_machine_source_0000_noAttribute.wav",
            "Machine-7.WAV",
        ] {
            assert_eq!(sound(file), Ok(Sound::Machine), "{file}");
            assert_eq!(name(file).unwrap().domain, Some(Domain::Source));
        }
        for file in ["section_00_noise_supplemental_normal_0000.wav", "noise.wav"] {
            assert_eq!(sound(file), Ok(Sound::Noise), "{file}");
            assert_eq!(name(file).unwrap().domain, None);
        }
        assert!(sound("section_00_machines_0001.wav").is_err());
        assert!(sound("section_00_noise_machine_0001.wav").is_err());
        assert_eq!(
            ["section_03_noise.wav", "noise.wav", "section_x.wav"].map(section),
            ["03", "00", "00"]
        );
    }
}
