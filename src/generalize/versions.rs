//! Versions of the techniques, for the keys of the stages that run them.
//!
//! A technique may share code with detectors (k-means, neighbours, folds). If that code changes,
//! the golden rows of the technique change, and its version is raised with the detector's.

use super::Generalization;

/// The code behind a word of `generalization`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technique {
    /// The choice of clips: `target_clips`, `source_clips`, `source_values`, `draw`.
    Choice,
    TemporalMeanSubtraction,
    FeatureNormalization,
    Smote,
    MemMixup,
    Mixup,
    SourceMeans,
    Oversampling,
    References,
    LocalDensity,
    DomainCalibration,
    ScoreNormalization,
    /// The code that all techniques but the choice share: the form of the model, the groups of
    /// clips, the smallest score over the groups.
    Generalization,
}

impl Technique {
    /// All techniques, in the order of their application.
    pub const ALL: [Self; 13] = [
        Self::Choice,
        Self::TemporalMeanSubtraction,
        Self::FeatureNormalization,
        Self::Smote,
        Self::MemMixup,
        Self::Mixup,
        Self::SourceMeans,
        Self::Oversampling,
        Self::References,
        Self::LocalDensity,
        Self::DomainCalibration,
        Self::ScoreNormalization,
        Self::Generalization,
    ];

    /// The name in keys, and the version, which is raised whenever the same clips give another
    /// model or other scores.
    pub const fn version(self) -> (&'static str, u32) {
        match self {
            Self::Choice => ("choice", 1),
            Self::TemporalMeanSubtraction => ("temporal_mean_subtraction", 1),
            Self::FeatureNormalization => ("feature_normalization", 1),
            Self::Smote => ("smote", 1),
            Self::MemMixup => ("memmixup", 2),
            Self::Mixup => ("mixup", 2),
            Self::SourceMeans => ("source_means", 2),
            Self::Oversampling => ("oversampling", 1),
            Self::References => ("references", 1),
            Self::LocalDensity => ("local_density", 1),
            Self::DomainCalibration => ("domain_calibration", 1),
            Self::ScoreNormalization => ("score_normalization", 1),
            Self::Generalization => ("generalization", 1),
        }
    }

    fn is_used(self, g: &Generalization) -> bool {
        match self {
            Self::Choice => {
                g.target_clips.is_some() || g.source_clips.is_some() || g.source_values.is_some()
            }
            Self::TemporalMeanSubtraction => g.temporal_mean_subtraction,
            Self::FeatureNormalization => g.feature_normalization.is_some(),
            Self::Smote => g.smote.is_some(),
            Self::MemMixup => g.memmixup.is_some(),
            Self::Mixup => g.mixup.is_some(),
            Self::SourceMeans => g.source_means.is_some(),
            Self::Oversampling => g.oversampling.is_some(),
            Self::References => g.references.is_some(),
            Self::LocalDensity => g.local_density.is_some(),
            Self::DomainCalibration => g.domain_calibration.is_some(),
            Self::ScoreNormalization => g.score_normalization.is_some(),
            Self::Generalization => !g.only_chooses(),
        }
    }

    /// Whether scoring by a finished model uses it, too. The other techniques end with the fit.
    const fn scores(self) -> bool {
        match self {
            Self::TemporalMeanSubtraction
            | Self::FeatureNormalization
            | Self::LocalDensity
            | Self::DomainCalibration
            | Self::ScoreNormalization
            | Self::Generalization => true,
            Self::Choice
            | Self::Smote
            | Self::MemMixup
            | Self::Mixup
            | Self::SourceMeans
            | Self::Oversampling
            | Self::References => false,
        }
    }
}

impl Generalization {
    /// Versions of the techniques that a fit applies; empty if it is plain.
    pub fn versions(&self) -> Vec<(&'static str, u32)> {
        self.used().map(Technique::version).collect()
    }

    /// Versions of the techniques that scoring applies.
    pub fn scoring_versions(&self) -> Vec<(&'static str, u32)> {
        self.used().filter(|technique| technique.scores()).map(Technique::version).collect()
    }

    fn used(&self) -> impl Iterator<Item = Technique> {
        Technique::ALL.into_iter().filter(|technique| technique.is_used(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn names(settings: Value) -> (Vec<&'static str>, Vec<&'static str>) {
        let g: Generalization = serde_json::from_value(settings).unwrap();
        let of = |versions: Vec<(&'static str, u32)>| {
            versions.into_iter().map(|(name, _)| name).collect()
        };
        (of(g.versions()), of(g.scoring_versions()))
    }

    #[test]
    fn only_what_is_switched_on_has_a_version() {
        assert_eq!(names(json!({"draw": 3})), (vec![], vec![]));
        assert_eq!(names(json!({"source_clips": 3})), (vec!["choice"], vec![]));
        assert_eq!(
            names(json!({"smote": {}})),
            (vec!["smote", "generalization"], vec!["generalization"])
        );
        let (fit, score) = names(
            json!({"target_clips": 1, "references": "domain", "score_normalization": "section"}),
        );
        assert_eq!(fit, ["choice", "references", "score_normalization", "generalization"]);
        assert_eq!(score, ["score_normalization", "generalization"]);
    }

    #[test]
    fn every_technique_has_a_name_of_its_own() {
        let names = Technique::ALL.map(|technique| technique.version().0);
        assert_eq!(std::collections::BTreeSet::from(names).len(), names.len());
    }
}
