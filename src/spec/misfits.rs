//! Settings of different sections that do not fit together, or have less effect together than
//! expected.

use crate::detector::DetectorSpec;
use crate::feature::FeatureSpec;
use crate::stage::{Generalization, Normalization};

/// A setting of `generalization` that needs distances where the detector measures none, and what it
/// does with them.
pub fn without_distances(
    generalization: &Generalization,
    detector: &DetectorSpec,
) -> Option<(&'static str, &'static str)> {
    let detector = detector.backend().member();
    if generalization.local_density.is_some_and(|d| detector.with_local_density(d).is_none()) {
        return Some(("local_density", "divides"));
    }
    let by = generalization.domain_calibration.as_ref()?;
    detector.with_domain_calibration(by).is_none().then_some(("domain_calibration", "takes"))
}

/// What changes samples, where the features are not made from samples: the words, and a hint.
pub fn without_samples(
    features: &FeatureSpec,
    mixes: bool,
    generalization: &Generalization,
) -> Option<(String, &'static str)> {
    let does = match features {
        FeatureSpec::Vectors(_) if mixes => "`mix` mixes noise to",
        FeatureSpec::Vectors(_) | FeatureSpec::Command(_) => {
            generalization.for_waveforms().map(|_| "`generalization` interpolates")?
        }
        _ => return None,
    };
    let (but, hint) = match features {
        FeatureSpec::Vectors(_) => (
            "`vectors` were made before from others",
            "write the changed recordings with `humshift dataset write` and make vectors of those",
        ),
        _ => ("the program of `command` gets recordings", "write `smote: { on: features }`"),
    };
    Some((format!("{does} samples of recordings, but {but}"), hint))
}

/// Notes about settings of `generalization` that have less effect than expected.
pub fn doubts<'a>(g: &Generalization, mut pools: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut doubts = Vec::new();
    let one_score =
        g.references.is_none() && g.feature_normalization != Some(Normalization::Domain);
    if g.score_normalization.is_some() && one_score {
        doubts.push(
            "`score_normalization` without `references` keeps the order of a section's clips: thresholds move, areas do not"
                .into(),
        );
    }
    if g.temporal_mean_subtraction && pools.any(|pool| pool == "mean") {
        doubts.push(
            "`temporal_mean_subtraction` leaves only rounding errors for `pool: mean`; use `std` or `max`"
                .into(),
        );
    }
    doubts
}
