//! Training clips: recordings and clips made from them.

use std::borrow::Cow;

use ndarray::{Array2, CowArray, Ix2};

use crate::artifact::Clip;
use crate::artifact::Domain;
use crate::detector::Examples;

/// Clips with their features, borrowed until something changes them.
#[derive(Clone, Default)]
pub(super) struct Samples<'a> {
    pub(super) clips: Vec<Cow<'a, Clip>>,
    /// One matrix per clip, (frames, dims).
    pub(super) features: Vec<CowArray<'a, f32, Ix2>>,
}

impl<'a> Samples<'a> {
    pub(super) fn of(examples: &Examples<'a>) -> Self {
        Self {
            clips: examples.clips.iter().map(|clip| Cow::Borrowed(*clip)).collect(),
            features: examples.features.iter().map(|f| CowArray::from(*f)).collect(),
        }
    }

    pub(super) fn push(&mut self, clip: Clip, features: Array2<f32>) {
        self.clips.push(Cow::Owned(clip));
        self.features.push(CowArray::from(features));
    }

    /// The samples at these places.
    pub(super) fn take(&self, places: &[usize]) -> Self {
        Self {
            clips: places.iter().map(|&i| self.clips[i].clone()).collect(),
            features: places.iter().map(|&i| self.features[i].clone()).collect(),
        }
    }

    /// The samples in the form that a detector takes.
    pub(super) fn examples(&self) -> Examples<'_> {
        Examples {
            clips: self.clips.iter().map(AsRef::as_ref).collect(),
            features: self.features.iter().map(|f| f.view()).collect(),
        }
    }

    /// The places of the clips of a domain, section by section.
    pub(super) fn sections(&self, domain: Domain) -> Vec<Vec<usize>> {
        let mut sections: std::collections::BTreeMap<&str, Vec<usize>> = Default::default();
        for (i, clip) in self.clips.iter().enumerate() {
            let places = sections.entry(&clip.section).or_default();
            if domain_of(clip) == domain {
                places.push(i);
            }
        }
        sections.into_values().collect()
    }
}

/// Clips without a domain are source clips.
pub(super) fn domain_of(clip: &Clip) -> Domain {
    clip.domain.unwrap_or(Domain::Source)
}
