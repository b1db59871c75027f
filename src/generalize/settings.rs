//! The settings of `generalization`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SourceValues;
use crate::detector::{DomainCalibration, LocalDensity, Scope, Takes};
use crate::diagnose::Problem;

/// The training clips that the detector sees, and the techniques of domain generalisation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Generalization {
    /// The largest number of target clips of a section to train on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MOST_CLIPS))]
    pub target_clips: Option<usize>,
    /// The largest number of source clips of a section to train on. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_CLIPS))]
    pub source_clips: Option<usize>,
    /// The values of the shift parameter in the source clips: a number of values (`2`), or values
    /// of an attribute (`{ vel: [6, 10] }`). Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_values: Option<SourceValues>,
    /// The seed of the choice if not all clips are used. Another number, such as `1`, chooses other
    /// clips.
    pub draw: u64,
    /// The clips that share a model. Default: the detector's usual scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Whether the mean over the frames of a clip is subtracted from each of its bands, before any
    /// other step.
    #[serde(skip_serializing_if = "is_false")]
    #[schemars(extend("default" = false))]
    pub temporal_mean_subtraction: bool,
    /// The clips over which features are scaled to mean 0 and deviation 1. Default: no scaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_normalization: Option<Normalization>,
    /// Replaces the source clips of a section by this number of k-means centres.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_CENTRES))]
    pub source_means: Option<usize>,
    /// Repeats target clips until there are this many for each source clip. 1 balances the domains.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = MOST_RATIO), extend("exclusiveMinimum" = 0))]
    pub oversampling: Option<f64>,
    /// SMOTE: new target clips between a target clip and its neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smote: Option<Smote>,
    /// MemMixup: new clips between a target clip and its nearest source clips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memmixup: Option<MemMixup>,
    /// Mixup: new clips between pairs of clips of a section.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixup: Option<Mixup>,
    /// The clips that form separate references, each with its own model. The score of a clip is the
    /// smallest over the references. Default: one reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<References>,
    /// Compares distances to training clips with the local density there: the mean distance of a
    /// training clip to this number of neighbours. A number divides by it; `{ neighbours: 1, form:
    /// log_var_min }` names another form. Only for detectors that measure distances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_density: Option<LocalDensity>,
    /// Compares scores with those of the training clips of each domain, each scored without itself.
    /// The domain of a test clip is told by its distances. Only for detectors that measure
    /// distances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_calibration: Option<DomainCalibration>,
    /// The training clips by which scores are scaled to mean 0 and deviation 1. Default: no
    /// scaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_normalization: Option<ScoreNormalization>,
}

/// More clips than any section has.
const MOST_CLIPS: usize = 1_000_000;
const MOST_CENTRES: usize = 100_000;
/// The neighbours of each clip are held in memory at once, and MemMixup makes a new clip from each.
const MOST_NEIGHBOURS: usize = 1000;
/// New clips per existing clip. Also the alpha of a Beta distribution whose draws are all near one
/// half.
const MOST_RATIO: f64 = 100.0;

/// The clips whose mean and deviation normalise features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// All training clips of the model.
    Global,
    /// The training clips of each domain. A test clip is normalised by each, and its smallest score
    /// counts.
    Domain,
    /// The training clips of the clip's own section.
    Section,
    /// The clip's own frames, band by band; for a single vector its values.
    Clip,
}

/// SMOTE (Chawla et al. 2002) for the target clips of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Smote {
    /// The number of target clips per source clip afterwards.
    #[schemars(range(max = MOST_RATIO), extend("exclusiveMinimum" = 0))]
    pub ratio: f64,
    /// The number of nearest target clips towards which a new clip may lie.
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub neighbours: usize,
    /// The data to interpolate.
    pub on: On,
}

/// The data to interpolate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The features of clips.
    #[default]
    Features,
    /// Samples of the recordings, as in TWFR-GMM.
    Waveforms,
}

impl Default for Smote {
    fn default() -> Self {
        Self { ratio: 0.2, neighbours: 3, on: On::Features }
    }
}

/// MemMixup: each target clip is mixed with a little of each of its nearest source clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MemMixup {
    /// The share of the target clip in a new clip.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
    /// The number of nearest source clips that each target clip is mixed with.
    #[schemars(range(min = 1, max = MOST_NEIGHBOURS))]
    pub neighbours: usize,
}

impl Default for MemMixup {
    fn default() -> Self {
        Self { alpha: 0.9, neighbours: 10 }
    }
}

/// Mixup of pairs of clips of a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mixup {
    /// The number of new clips per clip.
    #[schemars(range(max = MOST_RATIO), extend("exclusiveMinimum" = 0))]
    pub ratio: f64,
    /// The shares of the two clips are drawn from Beta(alpha, alpha).
    #[schemars(range(max = MOST_RATIO), extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
}

impl Default for Mixup {
    fn default() -> Self {
        Self { ratio: 1.0, alpha: 0.2 }
    }
}

/// The training clips that form one reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum References {
    /// Clips of one domain.
    Domain,
    /// Clips of one domain with the same values of all attributes.
    Attribute,
}

/// The training clips whose scores are the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreNormalization {
    /// The training clips of the clip's own section: scores of different sections become
    /// comparable.
    Section,
    /// The training clips of each domain; the smallest score counts.
    Domain,
    /// The training clips of each combination of attribute values; the smallest score counts.
    Attribute,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl Generalization {
    /// All settings that are out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = self.choice_problems();
        let mut wrong = |ok: bool, field: &str, message: String, hint: &str| {
            if !ok {
                problems.push(Problem::new(field, message).hint(hint));
            }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let neighbours = |n: usize| (n > 0, format!("{n} neighbours"), "write 1 or more");
        if let Some(means) = self.source_means {
            wrong(means > 0, "source_means", "0 centres leave no source".into(), "16 is usual");
        }
        if let (Some(_), Some(References::Attribute)) = (self.source_means, self.references) {
            let message = "centres have no attributes, so they cannot form references by attribute"
                .to_owned();
            wrong(
                false,
                "source_means",
                message,
                "write `references: domain`, or leave one of them out",
            );
        }
        if let Some(ratio) = self.oversampling {
            wrong(
                positive(ratio),
                "oversampling",
                format!("{ratio} is not a ratio above 0"),
                "1 balances the domains",
            );
        }
        if let Some(Smote { ratio, neighbours: n, .. }) = self.smote {
            wrong(
                positive(ratio),
                "smote.ratio",
                format!("{ratio} is not a ratio above 0"),
                "0.2 is usual",
            );
            let (ok, message, hint) = neighbours(n);
            wrong(ok, "smote.neighbours", message, hint);
        }
        if let Some(MemMixup { alpha, neighbours: n }) = self.memmixup {
            let ok = alpha > 0.0 && alpha <= 1.0;
            wrong(
                ok,
                "memmixup.alpha",
                format!("{alpha} is not above 0 and at most 1"),
                "0.9 is usual",
            );
            let (ok, message, hint) = neighbours(n);
            wrong(ok, "memmixup.neighbours", message, hint);
        }
        if let Some(Mixup { ratio, alpha }) = self.mixup {
            wrong(
                positive(ratio),
                "mixup.ratio",
                format!("{ratio} is not a ratio above 0"),
                "1 doubles the clips",
            );
            wrong(
                positive(alpha),
                "mixup.alpha",
                format!("{alpha} is not above 0"),
                "0.2 is usual",
            );
        }
        if let Some(LocalDensity { neighbours: n, .. }) = self.local_density {
            let (ok, message, hint) = neighbours(n);
            wrong(ok, "local_density", message, hint);
        }
        if let Some(calibration) = &self.domain_calibration {
            let inside =
                |p: Problem| Problem { field: format!("domain_calibration.{}", p.field), ..p };
            problems.extend(calibration.problems().into_iter().map(inside));
        }
        problems.extend(self.too_large());
        problems
    }

    /// Settings above the limits of memory and time: each new clip is held beside the recordings.
    fn too_large(&self) -> Vec<Problem> {
        let smote = self.smote.as_ref();
        let memmixup = self.memmixup.as_ref();
        let mixup = self.mixup.as_ref();
        let whole = [
            ("target_clips", self.target_clips, MOST_CLIPS),
            ("source_clips", self.source_clips, MOST_CLIPS),
            (
                "source_values",
                self.source_values.as_ref().and_then(SourceValues::count),
                MOST_CLIPS,
            ),
            ("source_means", self.source_means, MOST_CENTRES),
            ("smote.neighbours", smote.map(|s| s.neighbours), MOST_NEIGHBOURS),
            ("memmixup.neighbours", memmixup.map(|m| m.neighbours), MOST_NEIGHBOURS),
            ("local_density", self.local_density.map(|d| d.neighbours), MOST_NEIGHBOURS),
        ];
        let real = [
            ("oversampling", self.oversampling),
            ("smote.ratio", smote.map(|s| s.ratio)),
            ("mixup.ratio", mixup.map(|m| m.ratio)),
            ("mixup.alpha", mixup.map(|m| m.alpha)),
        ];
        // A value of 0 is reported elsewhere.
        let whole = whole.into_iter().filter_map(|(field, value, most)| {
            let least = usize::from(field != "target_clips");
            Problem::outside(field, value?.max(least), least, most)
        });
        let finite = |value: &f64| value.is_finite();
        let real = real
            .into_iter()
            .filter_map(|(field, value)| Problem::beyond(field, value.filter(finite)?, MOST_RATIO));
        whole.chain(real).collect()
    }

    /// Whether training is the same as without `generalization`.
    pub fn is_plain(&self) -> bool {
        *self == Self { draw: self.draw, ..Self::default() }
    }

    /// Whether the choice of clips is the only setting.
    pub(super) fn only_chooses(&self) -> bool {
        let mut rest = self.clone();
        (rest.target_clips, rest.source_clips, rest.source_values) = (None, None, None);
        rest.is_plain()
    }

    /// Whether fitting draws random numbers for these techniques.
    pub fn draws(&self) -> bool {
        self.smote.is_some() || self.mixup.is_some() || self.source_means.is_some()
    }

    /// The settings that training uses. The plan uses the scope. If there is pooling, it subtracts
    /// temporal means. Waveforms are interpolated before there are features.
    pub fn for_training(&self, takes: Takes) -> Self {
        let mut own = self.clone();
        own.scope = None;
        own.temporal_mean_subtraction &= takes == Takes::Frames;
        own.smote = own.smote.filter(|s| s.on == On::Features);
        own
    }

    /// The interpolation of waveforms, and the choice of clips before it.
    pub fn for_waveforms(&self) -> Option<(Smote, Self)> {
        let smote = self.smote.clone().filter(|s| s.on == On::Waveforms)?;
        Some((smote, self.choice()))
    }

    /// Only the choice of clips. A network that is not a detector uses nothing else.
    pub fn choice(&self) -> Self {
        let Self { target_clips, source_clips, source_values, draw, .. } = self.clone();
        Self { target_clips, source_clips, source_values, draw, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(settings: serde_json::Value) -> Generalization {
        serde_json::from_value(settings).unwrap()
    }

    #[test]
    fn what_says_nothing_is_plain() {
        assert!(of(json!({})).is_plain() && of(json!({"draw": 3, "smote": null})).is_plain());
        for settings in [
            json!({"target_clips": 4}),
            json!({"smote": {}}),
            json!({"temporal_mean_subtraction": true}),
        ] {
            assert!(!of(settings.clone()).is_plain(), "{settings}");
        }
    }

    #[test]
    fn training_is_told_only_what_it_reads() {
        let g = of(
            json!({"scope": "machine", "temporal_mean_subtraction": true, "smote": {"on": "waveforms"}}),
        );
        assert!(g.for_training(Takes::Vectors).is_plain());
        assert!(g.for_training(Takes::Frames).temporal_mean_subtraction);
        let (_, choice) =
            of(json!({"target_clips": 4, "references": "domain", "smote": {"on": "waveforms"}}))
                .for_waveforms()
                .unwrap();
        assert_eq!(choice, of(json!({"target_clips": 4})));
    }

    #[test]
    fn settings_out_of_range_are_told_all_at_once() {
        let g = of(json!({
            "source_means": 0, "oversampling": -1.0, "smote": {"ratio": 0.0, "neighbours": 0},
            "memmixup": {"alpha": 1.5, "neighbours": 0}, "mixup": {"ratio": 0.0, "alpha": 0.0}, "local_density": 0,
        }));
        let fields: Vec<String> = g.problems().into_iter().map(|p| p.field).collect();
        assert_eq!(fields.len(), 9, "{fields:?}");
        assert_eq!(of(json!({"source_means": 4, "references": "attribute"})).problems().len(), 1);
    }
}
