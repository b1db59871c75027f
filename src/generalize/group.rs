//! Groups of training clips that share a model, a normalisation, or a comparison of scores.

use crate::artifact::Clip;

use super::samples::domain_of;
use super::{Generalization, Normalization, References, ScoreNormalization};

/// The groups of a clip. A test clip is scored for every cell, and the smallest score counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    /// The group whose model scores.
    pub(super) reference: String,
    /// The group whose statistics normalise the features.
    pub(super) features: String,
    /// The group whose statistics normalise the score.
    pub(super) scores: String,
    /// The section of the cell's test clips; `None` means any.
    pub(super) section: Option<String>,
}

impl Cell {
    pub(super) fn of(clip: &Clip, g: &Generalization) -> Self {
        let all = || "all".to_owned();
        let domain = || domain_of(clip).to_string();
        let section = || format!("section {}", clip.section);
        let attribute = || {
            let values = clip.attributes.iter().map(|(name, value)| format!(" {name}={value}"));
            domain() + &values.collect::<String>()
        };
        let by_section = g.feature_normalization == Some(Normalization::Section)
            || g.score_normalization == Some(ScoreNormalization::Section);
        Self {
            reference: match g.references {
                None => all(),
                Some(References::Domain) => domain(),
                Some(References::Attribute) => attribute(),
            },
            features: match g.feature_normalization {
                None | Some(Normalization::Global | Normalization::Clip) => all(),
                Some(Normalization::Domain) => domain(),
                Some(Normalization::Section) => section(),
            },
            scores: match g.score_normalization {
                None => all(),
                Some(ScoreNormalization::Domain) => domain(),
                Some(ScoreNormalization::Section) => section(),
                Some(ScoreNormalization::Attribute) => attribute(),
            },
            section: by_section.then(|| clip.section.clone()),
        }
    }
}
