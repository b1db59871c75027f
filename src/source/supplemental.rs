//! The `supplemental` folders of DCASE 2025: clips of the clean machine, or of noise alone.
//!
//! Each machine has one of the two. The data sets name these files in several ways; the word
//! `machine` or `noise` in a name says which it is.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{self, Name};
use super::{Listing, SectionId, SourceError};
use crate::artifact::{Domain, Label, Split};

/// The name of the folder.
pub(super) const FOLDER: &str = "supplemental";
/// Raised when the names of these clips say something else. 2: domain and attributes.
pub(super) const VERSION: u32 = 2;

/// The use of the clips in `supplemental` folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Supplemental {
    /// They are left alone.
    #[default]
    Ignore,
    /// Clips of the clean machine are normal training clips, of the source domain if their names do
    /// not say `target`. Clips of noise are left alone.
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

/// The facts about a clip of such a folder: a normal one for training. One of the machine is of the
/// source domain, if the words before its number do not say `target`; attributes follow the number.
/// Without a section in its name it is of section 00.
pub(super) fn name(file: &str) -> Result<Name, String> {
    let sound = sound(file)?;
    let stem = names::stem(file).unwrap_or(file);
    let head = if stem.starts_with("section_") { 2 } else { 0 };
    let tokens: Vec<&str> = stem.split('_').skip(head).collect();
    let number = tokens.iter().position(|token| names::is_number(token)).unwrap_or(tokens.len());
    let (words, rest) = tokens.split_at(number);
    let target = words.iter().any(|word| word.eq_ignore_ascii_case("target"));
    let domain = if target { Domain::Target } else { Domain::Source };
    Ok(Name {
        section: section(file),
        domain: (sound == Sound::Machine).then_some(domain),
        split: Some(Split::Train),
        label: Some(Label::Normal),
        attributes: names::attributes(rest.iter().skip(1).copied()),
    })
}

pub(super) fn section(file: &str) -> String {
    let number = file.strip_prefix("section_").and_then(|rest| rest.split('_').next());
    let is_number = |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    number.filter(is_number).unwrap_or("00").to_owned()
}

/// Adds the clips with this sound. Files whose names do not say what they are become strays.
pub(super) fn add(listing: &mut Listing, clips: &[&Supplement], wanted: Sound) {
    for Supplement { id, path, sound } in clips {
        match sound {
            Ok(sound) if *sound == wanted => {
                let files = listing.sections.entry(id.clone()).or_default();
                files.audio.push(path.clone());
                files.audio.sort();
            }
            Ok(_) => {}
            Err(why) => listing.strays.push((path.clone(), why.clone())),
        }
    }
    listing.strays.sort();
}

/// Errors: there is no clip with this sound, so the setting that asks for it has no effect.
pub(super) fn needed(root: &Path, clips: &[&Supplement], wanted: Sound) -> Result<(), SourceError> {
    if clips.iter().any(|clip| clip.sound == Ok(wanted)) {
        return Ok(());
    }
    let (what, word, hint) = match wanted {
        Sound::Machine => (
            "the clean machine",
            "machine",
            "leave `supplemental: train` out; machines of 2025 have such clips, or clips of noise",
        ),
        Sound::Noise => (
            "noise alone",
            "noise",
            "the data sets of 2025 have them; other noise is read by `folder` with a pattern",
        ),
    };
    let odd = clips.iter().find_map(|clip| Some((&clip.path, clip.sound.as_ref().err()?)));
    let odd = odd.map_or(String::new(), |(path, why)| format!("; `{path}`: {why}"));
    let message = format!(
        "`{}` has no clips of {what}: no `{FOLDER}` folder of a machine has a file with `{word}` in its name{odd}",
        root.display()
    );
    Err(SourceError::Layout { message, hint: hint.into() })
}

/// A note on machines without a clip of the clean machine, where others train with such clips.
pub(super) fn lacking(listing: &Listing, clips: &[&Supplement]) -> Option<String> {
    let clean = clips.iter().filter(|clip| clip.sound == Ok(Sound::Machine));
    let clean: BTreeSet<&str> = clean.map(|clip| clip.id.machine.as_str()).collect();
    let machines: BTreeSet<&str> = listing.sections.keys().map(|id| id.machine.as_str()).collect();
    let lacking: Vec<&str> = machines.difference(&clean).copied().collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "`supplemental: train` adds nothing to {}: there are no clips of the clean machine",
            lacking.join(", ")
        )
    })
}

/// A note on folders that are not used.
pub(super) fn note(unused: &[&Supplement]) -> Option<String> {
    let (mut clean, mut noise, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for Supplement { id, sound, .. } in unused {
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
    let count = match unused.len() {
        0 => return None,
        1 => format!("1 clip of `{FOLDER}` folders is not used"),
        n => format!("{n} clips of `{FOLDER}` folders are not used"),
    };
    Some(format!("{count}: {}", uses.join("; ")))
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
            let name = name(file).unwrap();
            assert_eq!((name.domain, name.attributes), (Some(Domain::Source), [].into()));
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
    #[test]
    fn a_name_gives_domain_and_attributes_of_a_clean_machine() {
        let of = |file| {
            let name = name(file).unwrap();
            let pairs: Vec<String> =
                name.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
            (name.domain, pairs.join(" "))
        };
        let (source, target) = (Some(Domain::Source), Some(Domain::Target));
        for (file, domain, attributes) in [
            ("section_00_machine_0001_spd_1.wav", source, "spd=1"),
            ("section_00_target_supplemental_machine_0009_spd_7.wav", target, "spd=7"),
            ("section_00_machine_target_0000_noAttribute.wav", target, ""),
            ("section_00_machine_0002_place_target_mic_1.wav", source, "mic=1 place=target"),
            ("section_00_noise_0000_car_B1_mic_2_mic_1.wav", None, "car=B1 mic=2 mic#2=1"),
        ] {
            assert_eq!(of(file), (domain, attributes.to_owned()), "{file}");
        }
    }
}
