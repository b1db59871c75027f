//! Generated noise to mix to machines: three factories and four pumps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sound::Sound;
use super::{FileList, ListedFile, Listing, Recording, SectionId, Source, SourceError};
use crate::artifact::{Audio, Clip, Split};
use crate::diagnose::Problem;
use crate::seed::Seed;
use crate::twin::NOISES;

/// Generated noise of the types `A`, `B`, `C` (factories) and `W`, `X`, `Y`, `Z` (pumps). Each type
/// is a machine with one section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Factory {
    /// Number of noise clips of each type.
    #[schemars(range(min = 1, max = 9999))]
    pub clips: usize,
    /// Length of a clip in seconds. Default: the length of the generated machines in the mix, or
    /// else 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 600))]
    pub seconds: Option<f64>,
    /// Sample rate in Hz. Default: the rate of the generated machines in the mix, or else 16,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4000, max = 192_000))]
    pub rate: Option<u32>,
    /// Seed of the generated noise.
    pub seed: u64,
}

impl Default for Factory {
    fn default() -> Self {
        Self { clips: 1000, seconds: None, rate: None, seed: 0 }
    }
}

impl Factory {
    fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(10.0)
    }

    fn rate(&self) -> u32 {
        self.rate.unwrap_or(16_000)
    }
}

impl Source for Factory {
    fn version(&self) -> u32 {
        5
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut range = |field: &str, value: f64, low: f64, high: f64| {
            if !(low..=high).contains(&value) {
                let hint = format!("write a number from {low} to {high}");
                problems.push(Problem::new(field, format!("{value} is out of range")).hint(hint));
            }
        };
        range("clips", self.clips as f64, 1.0, 9999.0);
        range("seconds", self.seconds(), 0.1, 600.0);
        range("rate", f64::from(self.rate()), 4000.0, 192_000.0);
        problems
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let id = |kind: &&str| SectionId { machine: (*kind).to_owned(), section: "00".into() };
        let sections = NOISES.iter().map(|kind| (id(kind), FileList::default())).collect();
        Ok(Listing { sections, ..Listing::default() })
    }

    fn clips(
        &self,
        id: &SectionId,
        _: &[ListedFile],
        _: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        let kind = id.machine.as_str();
        if !NOISES.contains(&kind) {
            let message = format!("there is no noise of type `{kind}`");
            return Err(SourceError::Layout {
                message,
                hint: format!("known: {}", NOISES.join(", ")),
            });
        }
        let recording = |i: usize| {
            // Factory C stands at the places of the others: in MIMII DG, noise of another factory
            // is a smaller shift than other places make it.
            let place = if kind == "C" { ["A", "B"][i % 2] } else { kind };
            let clip = Clip {
                id: format!("{kind}/{i:04}.wav"),
                machine: kind.to_owned(),
                section: id.section.clone(),
                domain: None,
                split: Split::Train,
                label: None,
                attributes: Default::default(),
            };
            let recipe = Sound {
                kind: kind.to_owned(),
                rate: self.rate(),
                samples: (self.seconds() * f64::from(self.rate())).round() as u32,
                attributes: Default::default(),
                fault: None,
                tuning: None,
                between: None,
                unit: Seed(self.seed).derive(&["place", place]).0,
                seed: Seed(self.seed).derive(&["noise", kind, &i.to_string()]).0,
            };
            Recording { clip, audio: Audio::Synthetic(recipe.text()) }
        };
        Ok((0..self.clips).map(recording).collect())
    }

    fn keyed(&self) -> serde_json::Value {
        let Self { clips, seconds: _, rate: _, seed } = self;
        serde_json::json!({ "clips": clips, "seconds": self.seconds(), "rate": self.rate(), "seed": seed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: &str) -> SectionId {
        SectionId { machine: kind.into(), section: "00".into() }
    }

    #[test]
    fn every_type_can_be_heard_and_differs_from_the_others() {
        let source = Factory { clips: 2, seconds: Some(0.5), rate: Some(8000), seed: 3 };
        let listing = source.list().unwrap();
        assert_eq!(listing.sections.len(), NOISES.len());
        let mut heard = Vec::new();
        for id in listing.sections.keys() {
            let clips = source.clips(id, &[], &[]).unwrap();
            for clip in &clips {
                let wave = super::super::read(&clip.clip.id, &clip.audio, None).unwrap();
                assert_eq!((wave.rate, wave.samples.len()), (8000, 4000));
                assert!(crate::mix::power(&wave.samples) > 1e-6, "{}", clip.clip.id);
                assert!(!heard.contains(&wave.samples), "{}", clip.clip.id);
                heard.push(wave.samples);
            }
        }
    }

    #[test]
    fn more_clips_change_no_clip() {
        let few = Factory { clips: 3, ..Factory::default() }.clips(&id("A"), &[], &[]).unwrap();
        let many = Factory::default().clips(&id("A"), &[], &[]).unwrap();
        assert_eq!((&few[..], many.len()), (&many[..3], 1000));
        assert_eq!(
            Factory::default().clips(&id("Q"), &[], &[]).unwrap_err().to_string(),
            "there is no noise of type `Q`"
        );
    }
}
