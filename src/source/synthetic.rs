//! The synthetic twin of MIMII DG: its machines, sections, domains and attributes, with generated
//! sounds.
//!
//! Sections, shifts and attribute values are those of [`mimii_dg`]; the sounds are [`twin`]'s. Each
//! clip is a recipe with everything needed to render it, so no audio is stored. Recordings are dry.
//! `mix: { table: mimii_dg }` adds noise at the paper's levels, at which they are calibrated. Seeds
//! come from names, so more clips, another machine or another order change no existing clip.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sound::Sound;
use super::{FileList, ListedFile, Listing, Recording, SectionId, Source, SourceError};
use crate::artifact::{Audio, Clip, Domain, Label, Split};
use crate::diagnose::{Problem, suggest};
use crate::mimii_dg::{self, Section};
use crate::seed::Seed;
use crate::twin::{self, MACHINES};

/// Generated machine sounds with the machines, sections, domains and attributes of MIMII DG. No
/// recordings are needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Synthetic {
    /// The machines: some of `bearing`, `fan`, `gearbox`, `slider`, `valve`.
    pub machines: Vec<String>,
    /// Number of sections of each machine, counted from `00`.
    #[schemars(range(min = 1, max = 3))]
    pub sections: usize,
    /// Length of a clip in seconds.
    #[schemars(range(min = 0.1, max = 60))]
    pub seconds: f64,
    /// Sample rate in Hz.
    #[schemars(range(min = 4000, max = 192_000))]
    pub rate: u32,
    /// Numbers of clips per section.
    pub clips: Clips,
    /// Size of the faults. 0 makes anomalies sound normal; larger faults are easier to find.
    #[schemars(range(min = 0, max = 10))]
    pub severity: f64,
    /// Seed of the generated sounds.
    pub seed: u64,
}

/// Numbers of clips per section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clips {
    /// Normal training clips of the source domain.
    #[schemars(range(min = 1, max = 9999))]
    pub source_train: usize,
    /// Normal training clips of the target domain.
    #[schemars(range(min = 0, max = 9999))]
    pub target_train: usize,
    /// Normal test clips of each domain.
    #[schemars(range(min = 0, max = 9999))]
    pub normal: usize,
    /// Anomalous test clips of each domain.
    #[schemars(range(min = 0, max = 9999))]
    pub anomaly: usize,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self {
            machines: vec!["fan".into(), "valve".into()],
            sections: 1,
            seconds: 2.0,
            rate: 16_000,
            clips: Clips::default(),
            severity: 1.0,
            seed: 0,
        }
    }
}

impl Default for Clips {
    fn default() -> Self {
        Self { source_train: 40, target_train: 4, normal: 10, anomaly: 10 }
    }
}

impl Source for Synthetic {
    fn version(&self) -> u32 {
        8
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |field: &str, message: String, hint: &str| {
            problems.push(Problem::new(field, message).hint(hint));
        };
        if self.machines.is_empty() {
            wrong(
                "machines",
                "the list is empty".into(),
                &format!("name some of {}", MACHINES.join(", ")),
            );
        }
        let mut seen = BTreeSet::new();
        for (i, machine) in self.machines.iter().enumerate() {
            if !MACHINES.contains(&machine.as_str()) {
                let hint = suggest(machine, MACHINES);
                wrong(
                    &format!("machines[{i}]"),
                    format!("`{machine}` is not a machine of the generator"),
                    &hint,
                );
            } else if !seen.insert(machine) {
                let hint = "leave one out";
                wrong(&format!("machines[{i}]"), format!("`{machine}` is listed twice"), hint);
            }
        }
        let mut range = |field: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                let message = format!("{value} is out of range");
                wrong(field, message, &format!("write a number from {low} to {high}"));
            }
        };
        range("sections", self.sections as f64, 1.0, 3.0);
        range("seconds", self.seconds, 0.1, 60.0);
        range("rate", f64::from(self.rate), 4000.0, 192_000.0);
        range("severity", self.severity, 0.0, 10.0);
        range("clips.source_train", self.clips.source_train as f64, 1.0, 9999.0);
        range("clips.target_train", self.clips.target_train as f64, 0.0, 9999.0);
        range("clips.normal", self.clips.normal as f64, 0.0, 9999.0);
        range("clips.anomaly", self.clips.anomaly as f64, 0.0, 9999.0);
        problems
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let mut listing = Listing::default();
        for machine in &self.machines {
            for section in 0..self.sections {
                let id = SectionId { machine: machine.clone(), section: format!("{section:02}") };
                listing.sections.insert(id, FileList::default());
            }
        }
        Ok(listing)
    }

    fn clips(
        &self,
        id: &SectionId,
        _: &[ListedFile],
        _: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        let table =
            mimii_dg::section(&id.machine, &id.section).ok_or_else(|| SourceError::Layout {
                message: format!("the generator has no `{}` `{}`", id.machine, id.section),
                hint: format!(
                    "known machines: {}; known sections: 00, 01, 02",
                    MACHINES.join(", ")
                ),
            })?;
        let Clips { source_train, target_train, normal, anomaly } = self.clips;
        let groups = [
            (Domain::Source, Split::Train, Label::Normal, source_train),
            (Domain::Target, Split::Train, Label::Normal, target_train),
            (Domain::Source, Split::Test, Label::Normal, normal),
            (Domain::Target, Split::Test, Label::Normal, normal),
            (Domain::Source, Split::Test, Label::Anomaly, anomaly),
            (Domain::Target, Split::Test, Label::Anomaly, anomaly),
        ];
        let recordings = groups
            .into_iter()
            .flat_map(|(domain, split, label, count)| {
                (0..count).map(move |i| (domain, split, label, i))
            })
            .map(|(domain, split, label, i)| self.recording(id, table, domain, split, label, i))
            .collect();
        Ok(recordings)
    }

    fn keyed(&self) -> serde_json::Value {
        let Self { machines: _, sections: _, seconds, rate, clips, severity, seed } = self;
        serde_json::json!({ "synthetic": {
            "seconds": seconds, "rate": rate, "clips": clips, "severity": severity, "seed": seed,
        } })
    }
}

impl Synthetic {
    /// Clip `i` of its domain, split and label.
    fn recording(
        &self,
        id: &SectionId,
        table: &Section,
        domain: Domain,
        split: Split,
        label: Label,
        i: usize,
    ) -> Recording {
        let SectionId { machine, section } = id.clone();
        let unit = Seed(self.seed).derive(&["unit", &machine, &section]);
        let group = format!("{domain}_{split}_{label}");
        let seed = Seed(self.seed).derive(&["clip", &machine, &section, &group, &i.to_string()]);
        let mut rng = seed.derive(&["recipe"]).rng();
        let values = if domain == Domain::Source { &table.source } else { &table.target };
        let combinations = Section::combinations(values);
        // Values take turns, so that every value has its share of the clips.
        let values = &combinations[i % combinations.len()];
        let faults = twin::faults(&machine);
        let fault = (label == Label::Anomaly).then(|| {
            let size = self.severity * (0.5 + rng.uniform());
            (faults[rng.below(faults.len())].to_owned(), size)
        });
        let name: Vec<String> =
            values.iter().map(|(name, value)| format!("_{name}_{value}")).collect();
        let attributes: BTreeMap<String, String> = values.iter().cloned().collect();
        let sizes = mimii_dg::calibration(&machine, &section);
        let (tuning, acting) = match (sizes, domain) {
            (None, _) => (None, attributes.clone()),
            (Some(sizes), Domain::Source) => (Some(sizes.source()), attributes.clone()),
            (Some(sizes), Domain::Target) => {
                (Some(sizes.target()), sizes.acting(table, &attributes))
            }
        };
        let between = sizes
            .filter(|_| domain == Domain::Target)
            .and_then(|sizes| sizes.between(table, &attributes));
        let recipe = Sound {
            kind: machine.clone(),
            rate: self.rate,
            samples: (self.seconds * f64::from(self.rate)).round() as u32,
            attributes: acting,
            fault,
            tuning,
            between,
            unit: unit.0,
            seed: seed.0,
        };
        let clip = Clip {
            id: format!("{machine}/{split}/section_{section}_{group}_{i:04}{}.wav", name.concat()),
            machine,
            section,
            domain: Some(domain),
            split,
            label: Some(label),
            attributes,
        };
        Recording { clip, audio: Audio::Synthetic(recipe.text()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Wave, names, read};

    fn id(machine: &str, section: &str) -> SectionId {
        SectionId { machine: machine.into(), section: section.into() }
    }

    fn wave(recording: &Recording) -> Wave {
        read(&recording.clip.id, &recording.audio, None).unwrap()
    }

    #[test]
    fn every_section_of_every_machine_can_be_heard() {
        let clips = Clips { source_train: 8, target_train: 8, normal: 1, anomaly: 8 };
        let source = Synthetic {
            sections: 3,
            seconds: 0.3,
            clips,
            machines: MACHINES.map(Into::into).into(),
            seed: 1,
            ..Default::default()
        };
        let listing = source.list().unwrap();
        assert_eq!(listing.sections.len(), 15);
        for id in listing.sections.keys() {
            for recording in source.clips(id, &[], &[]).unwrap() {
                let wave = wave(&recording);
                assert_eq!((wave.rate, wave.samples.len()), (16_000, 4800));
                assert!(wave.samples.iter().all(|x| (x * 32768.0).fract() == 0.0), "16 bits");
            }
        }
    }

    #[test]
    fn every_value_of_the_table_has_its_share_of_the_clips() {
        let clips = Clips { source_train: 20, ..Clips::default() };
        let set = Synthetic { clips, ..Default::default() }
            .clips(&id("bearing", "01"), &[], &[])
            .unwrap();
        let mut count: BTreeMap<(String, String), usize> = BTreeMap::new();
        for clip in set
            .iter()
            .map(|r| &r.clip)
            .filter(|c| c.split == Split::Train && c.domain == Some(Domain::Source))
        {
            *count
                .entry((clip.attributes["vel"].clone(), clip.attributes["loc"].clone()))
                .or_default() += 1;
        }
        assert!(count.len() == 8 && count.values().all(|n| (2..=3).contains(n)), "{count:?}");
    }

    #[test]
    fn more_clips_and_machines_change_no_clip() {
        let few = Synthetic::default();
        let counts = Clips { source_train: 50, target_train: 6, normal: 11, anomaly: 12 };
        let many = Synthetic {
            clips: counts,
            machines: vec!["valve".into(), "slider".into()],
            sections: 3,
            ..few.clone()
        };
        let few = few.clips(&id("valve", "00"), &[], &[]).unwrap();
        let many = many.clips(&id("valve", "00"), &[], &[]).unwrap();
        assert_eq!((few.len(), many.len()), (40 + 4 + 2 * 10 + 2 * 10, 50 + 6 + 2 * 11 + 2 * 12));
        assert!(few.iter().all(|recording| many.contains(recording)));
        let other = Synthetic { seed: 1, ..Synthetic::default() }
            .clips(&id("valve", "00"), &[], &[])
            .unwrap();
        assert!(other.iter().all(|clip| few.iter().all(|c| c.audio != clip.audio)));
    }

    #[test]
    fn ids_are_names_that_say_what_the_clip_is() {
        for section in ["00", "01", "02"] {
            for machine in MACHINES {
                let set = Synthetic::default().clips(&id(machine, section), &[], &[]).unwrap();
                for clip in set.iter().map(|r| &r.clip) {
                    let name = names::parse(clip.id.rsplit('/').next().unwrap()).unwrap();
                    let said = (
                        name.section.as_str(),
                        name.domain,
                        name.split,
                        name.label,
                        name.attributes,
                    );
                    assert_eq!(
                        said,
                        (
                            section,
                            clip.domain,
                            Some(clip.split),
                            clip.label,
                            clip.attributes.clone()
                        )
                    );
                }
            }
        }
    }

    #[test]
    fn settings_out_of_range_are_all_told() {
        let source = Synthetic {
            machines: vec!["fna".into(), "fan".into(), "fan".into()],
            sections: 0,
            seconds: 0.0,
            rate: 10,
            clips: Clips { source_train: 0, target_train: 0, normal: 10_000, anomaly: 0 },
            severity: -1.0,
            seed: 0,
        };
        let told: Vec<_> = source
            .problems()
            .into_iter()
            .map(|p| format!("{}: {} [{}]", p.field, p.message, p.hint.unwrap()))
            .collect();
        assert_eq!(
            told,
            [
                "machines[0]: `fna` is not a machine of the generator [did you mean `fan`?]",
                "machines[2]: `fan` is listed twice [leave one out]",
                "sections: 0 is out of range [write a number from 1 to 3]",
                "seconds: 0 is out of range [write a number from 0.1 to 60]",
                "rate: 10 is out of range [write a number from 4000 to 192000]",
                "severity: -1 is out of range [write a number from 0 to 10]",
                "clips.source_train: 0 is out of range [write a number from 1 to 9999]",
                "clips.normal: 10000 is out of range [write a number from 0 to 9999]",
            ]
        );
        assert!(Synthetic::default().problems().is_empty());
        assert_eq!(
            Synthetic { machines: vec![], ..Synthetic::default() }.problems()[0].message,
            "the list is empty"
        );
        let error = source.clips(&id("fna", "00"), &[], &[]).unwrap_err().to_string();
        assert_eq!(error, "the generator has no `fna` `00`");
    }

    #[test]
    fn the_key_leaves_out_what_only_chooses() {
        let one = Synthetic { machines: vec!["fan".into()], sections: 3, ..Synthetic::default() };
        assert_eq!(one.keyed(), Synthetic::default().keyed());
        assert_ne!(one.keyed(), Synthetic { severity: 2.0, ..one.clone() }.keyed());
        assert_eq!(one.list().unwrap().sections.len(), 3);
    }
}
