//! Pseudo-labels: clips whose attributes are hidden get a class from k-means.
//!
//! Since 2024 the data of the challenge hide the attributes of some machines (`noAttribute`), and the
//! network has nothing to tell apart there. Fujimura, Kuroyanagi and Toda (2025, arXiv 2409.09332)
//! train with pseudo-labels of several kinds. Here they are clusters of the means over the frames of
//! a clip, within a section. The domain is not used.

use std::collections::BTreeMap;

use ndarray::{Array2, Axis, stack};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::detector::{DetectorError, Examples};
use crate::diagnose::Problem;
use crate::learn::lloyd::Lloyd;

/// The starts of k-means; the best result is kept.
const RUNS: usize = 10;

/// Classes for clips without attributes: clusters of their mean spectra (k-means), section by section
/// (pseudo-labels: Fujimura et al. 2025).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PseudoLabels {
    /// The number of clusters of a section.
    #[schemars(range(min = 2, max = 1024))]
    pub clusters: usize,
}

impl Default for PseudoLabels {
    fn default() -> Self {
        Self { clusters: 16 }
    }
}

impl PseudoLabels {
    /// All settings that are out of range.
    pub fn problems(&self) -> Vec<Problem> {
        Problem::outside("pseudo_labels.clusters", self.clusters, 2, 1024).into_iter().collect()
    }

    /// What takes the place of the attributes of each clip; `None` for clips that have some.
    pub fn of(&self, train: &Examples, cx: &Context) -> Result<Vec<Option<String>>, DetectorError> {
        let mut sections: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (place, clip) in train.clips.iter().enumerate() {
            if clip.attributes.is_empty() {
                sections.entry((&clip.machine, &clip.section)).or_default().push(place);
            }
        }
        let mut names = vec![None; train.clips.len()];
        for ((machine, section), places) in sections {
            if self.clusters > places.len() {
                let message = format!(
                    "`pseudo_labels.clusters` is {}, but section {section} of {machine} has only {} clips without attributes",
                    self.clusters,
                    places.len()
                );
                return Err(DetectorError::TooFew(message));
            }
            let seed = cx.seed.derive(&["cnn", "pseudo_labels", machine, section]);
            let lloyd = Lloyd { clusters: self.clusters, runs: RUNS, ..Lloyd::default() };
            let found = lloyd.fit(means(train, &places).view(), seed, cx)?;
            for (place, label) in places.into_iter().zip(found.labels) {
                // The section keeps clusters of two sections apart if `labels` does not.
                names[place] = Some(format!("/cluster={section}.{label}"));
            }
        }
        Ok(names)
    }
}

/// The means over the frames of clips, (clips, bands).
fn means(train: &Examples, places: &[usize]) -> Array2<f64> {
    let mean = |&place: &usize| {
        let frames = train.features[place].mapv(f64::from);
        frames.mean_axis(Axis(0)).expect("a clip has frames")
    };
    let rows: Vec<_> = places.iter().map(mean).collect();
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    stack(Axis(0), &views).expect("clips of a machine have equally many bands")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Clip, Split};
    use crate::nn::oracle::{floats, number, parts};

    fn clip(section: &str, attribute: Option<&str>) -> Clip {
        Clip {
            id: "a.wav".into(),
            machine: "fan".into(),
            section: section.into(),
            domain: None,
            split: Split::Train,
            label: None,
            attributes: attribute.map(|value| ("speed".into(), value.into())).into_iter().collect(),
        }
    }

    #[test]
    fn clusters_are_those_of_scikit_learn() {
        let case = &parts()["pseudo_labels"];
        let [frames, bands] = ["frames", "bands"].map(|name| number(&case[name]) as usize);
        let values = floats(&case["features"]);
        let features: Vec<Array2<f32>> = values
            .chunks_exact(frames * bands)
            .map(|x| Array2::from_shape_vec((frames, bands), x.to_vec()).unwrap())
            .collect();
        let clips = vec![clip("00", None); features.len()];
        let train = Examples {
            clips: clips.iter().collect(),
            features: features.iter().map(|x| x.view()).collect(),
        };
        let pseudo = PseudoLabels { clusters: number(&case["clusters"]) as usize };
        let found = pseudo.of(&train, &Context::plain(7)).unwrap();
        // The numbers of clusters are arbitrary: each pair is together in both or in none.
        let expected = floats(&case["labels"]);
        assert_eq!(found.len(), expected.len());
        for (a, b) in (0..found.len()).flat_map(|a| (0..a).map(move |b| (a, b))) {
            assert_eq!(found[a] == found[b], expected[a] == expected[b], "{a} {b}");
        }
    }

    #[test]
    fn only_clips_without_attributes_are_clustered_each_section_by_itself() {
        let clips = [
            clip("00", None),
            clip("01", None),
            clip("00", Some("3")),
            clip("00", None),
            clip("01", None),
        ];
        let frames: Vec<Array2<f32>> =
            [0.0, 0.0, 5.0, 9.0, 9.0].map(|level| Array2::from_elem((4, 3), level)).to_vec();
        let train = Examples {
            clips: clips.iter().collect(),
            features: frames.iter().map(|x| x.view()).collect(),
        };
        let of = |clusters| PseudoLabels { clusters }.of(&train, &Context::plain(1));
        let found = of(2).unwrap();
        assert_eq!(found[2], None);
        let named: std::collections::BTreeSet<_> = found.iter().flatten().collect();
        assert_eq!(named.len(), 4, "{named:?}");
        let few = of(3).unwrap_err().to_string();
        let expected = "`pseudo_labels.clusters` is 3, but section 00 of fan has only 2 clips without attributes";
        assert_eq!(few, expected);
    }
}
