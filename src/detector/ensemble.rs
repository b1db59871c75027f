//! Several detectors as one: their scores are made comparable and joined to a mean, maximum or
//! minimum.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::folds::folds;
use super::{Detector, DetectorError, DetectorSpec, Examples, Scope, Takes};
use crate::artifact::Tensors;
use crate::command::{Program, part};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::moments::mean_and_deviation;

/// Each detector is trained once, and five times more for its deviations.
const MOST_DETECTORS: usize = 64;

/// Several detectors as one: their scores are made comparable and joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ensemble {
    /// The detectors, each written as under `detector`. Two or more.
    #[schemars(example = serde_json::json!([{ "knn": {} }, { "gmm": {} }]))]
    pub detectors: Vec<DetectorSpec>,
    /// How scores of different detectors are made comparable.
    pub normalize: Normalize,
    /// How the scores of a clip are joined.
    pub reduce: Reduce,
    /// Weights of the detectors in the mean, one number for each. Default: equal weights.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
}

/// How scores of different detectors are made comparable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Deviations from the mean score of held-out training clips (five folds).
    #[default]
    Z,
    /// Scores are not changed.
    None,
}

/// How the scores of a clip are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reduce {
    /// Their mean, weighted by `weights`.
    #[default]
    Mean,
    /// The largest score.
    Max,
    /// The smallest score.
    Min,
}

impl Ensemble {
    fn members(&self) -> impl Iterator<Item = (usize, &dyn Detector)> {
        self.detectors.iter().map(DetectorSpec::member).enumerate()
    }
}

impl Detector for Ensemble {
    fn version(&self) -> u32 {
        // A number that changes with any member's version.
        self.members().fold(1, |version: u32, (_, member)| {
            version.wrapping_mul(31).wrapping_add(member.version())
        })
    }

    fn takes(&self) -> Takes {
        self.detectors.first().map_or(Takes::Vectors, |d| d.member().takes())
    }

    fn programs(&self) -> Vec<(String, Program<'_>)> {
        let mut all = Vec::new();
        for (i, member) in self.members() {
            let own = member.programs().into_iter();
            all.extend(own.map(|(prefix, program)| (format!("{i}/{prefix}"), program)));
        }
        all
    }

    fn scope(&self) -> Scope {
        self.detectors.first().map_or(Scope::Section, |d| d.member().scope())
    }

    fn seeded(&self) -> bool {
        self.members().any(|(_, member)| member.seeded())
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.detectors.len() > MOST_DETECTORS {
            let message =
                format!("{} detectors are more than {MOST_DETECTORS}", self.detectors.len());
            problems.push(Problem::new("detectors", message).hint("keep the best of them"));
        }
        if self.detectors.len() < 2 {
            let message =
                format!("an ensemble needs at least 2 detectors, not {}", self.detectors.len());
            problems.push(
                Problem::new("detectors", message)
                    .hint("write `detectors: [ { knn: {} }, { gmm: {} } ]`"),
            );
        }
        for (i, member) in self.members() {
            let at = |field: &str| format!("detectors[{i}].{}.{field}", self.detectors[i].name());
            problems.extend(
                member.problems().into_iter().map(|p| Problem { field: at(&p.field), ..p }),
            );
            let mut wrong = |message: &str, hint: &str| {
                problems.push(
                    Problem::new(format!("detectors[{i}]"), message.to_owned())
                        .hint(hint.to_owned()),
                );
            };
            if member.takes() != self.takes() {
                wrong(
                    "of this detector and the first, one takes frames and the other one vector per clip",
                    "keep detectors of one kind",
                );
            }
            if member.scope() != self.scope() {
                wrong(
                    "of this detector and the first, one has a model per machine and the other one per section",
                    "join a classifier or an autoencoder of machines only with others of that kind",
                );
            }
            if member.weights().is_some() {
                wrong("reads weights from a file, which an ensemble cannot", "leave `weights` out");
            }
            if let DetectorSpec::Embedding(embedding) = &self.detectors[i]
                && let Some(beside) = embedding.beside()
            {
                wrong(
                    &format!("needs {beside}, which a member of an ensemble does not get"),
                    "write `branches: [spectrogram]` without `with_pool`, or `copies: 3` in the network",
                );
            }
            if self.detectors[i].all_machines() {
                wrong(
                    "has a network of all machines, but an ensemble is trained machine by machine",
                    "leave `all_machines` out",
                );
            }
        }
        let given = self.weights.len();
        if given > 0 && given != self.detectors.len() {
            let message = format!("{given} weights for {} detectors", self.detectors.len());
            problems.push(Problem::new("weights", message).hint("write one per detector"));
        }
        if self.weights.iter().any(|w| !(*w >= 0.0 && w.is_finite()))
            || (given > 0 && self.weights.iter().all(|w| *w == 0.0))
        {
            let problem = Problem::new(
                "weights",
                "weights must be 0 or more, and one of them above 0".to_owned(),
            );
            problems.push(problem);
        }
        let large = self.weights.iter().filter(|w| w.is_finite()).copied().fold(0.0, f64::max);
        problems.extend(Problem::beyond("weights", large, 1e9));
        if given > 0 && self.reduce != Reduce::Mean {
            let problem = Problem::new("weights", "weights apply only to a mean".to_owned());
            problems.push(problem.hint("leave them out, or write `reduce: mean`"));
        }
        problems
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        self.members().map(|(_, member)| member.memory(rows, dims)).max().unwrap_or(0)
    }

    fn fit(
        &self,
        train: &Examples,
        given: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let mut model = Tensors::default();
        for (i, member) in self.members() {
            let name = self.detectors[i].name();
            let calls = !member.programs().is_empty();
            let given = given.filter(|_| calls).map(|files| part(files, &format!("{i}/")));
            let given = given.as_ref();
            let of_member =
                |error: DetectorError| error.reworded(|message| format!("`{name}`: {message}"));
            let own = Context { seed: cx.seed.derive(&["ensemble", &i.to_string(), name]), ..*cx };
            let fitted = member.fit(train, given, &own).map_err(of_member)?;
            model
                .0
                .extend(fitted.0.into_iter().map(|(name, tensor)| (format!("{i}/{name}"), tensor)));
            if self.normalize == Normalize::Z {
                let mut scores = Vec::new();
                for fold in folds(train, &own)? {
                    let own = Context { seed: fold.seed, ..own };
                    let in_fold = |error| of_member(super::folds::in_fold(error));
                    let fitted =
                        member.fit(&train.take(&fold.train), given, &own).map_err(in_fold)?;
                    scores.extend(
                        member
                            .score(&fitted, &train.take(&fold.held_out), &own)
                            .map_err(in_fold)?,
                    );
                }
                let (mean, deviation) = mean_and_deviation(&scores);
                if deviation.is_nan() || deviation <= 0.0 {
                    let message =
                        format!("`{name}`: all held-out training clips have the score {mean}");
                    return Err(DetectorError::TooFew(message));
                }
                model.put_f64(&format!("{i}:normal"), ndarray::array![mean, deviation]);
            }
        }
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let mut all: Vec<Vec<f64>> = Vec::new();
        for (i, member) in self.members() {
            let own = part(model, &format!("{i}/"));
            let mut scores = member.score(&own, test, cx)?;
            if self.normalize == Normalize::Z {
                let normal = model.f64_1(&format!("{i}:normal"))?;
                scores.iter_mut().for_each(|s| *s = (*s - normal[0]) / normal[1]);
            }
            all.push(scores);
        }
        let weights =
            if self.weights.is_empty() { vec![1.0; all.len()] } else { self.weights.clone() };
        let total: f64 = weights.iter().sum();
        let reduce = |clip: usize| {
            let scores = all.iter().map(|scores| scores[clip]);
            match self.reduce {
                Reduce::Mean => scores.zip(&weights).map(|(s, w)| s * w).sum::<f64>() / total,
                // `f64::max` would drop a NaN.
                Reduce::Max => scores.fold(f64::NEG_INFINITY, |a, b| if a >= b { a } else { b }),
                Reduce::Min => scores.fold(f64::INFINITY, |a, b| if a <= b { a } else { b }),
            }
        };
        Ok((0..test.features.len()).map(reduce).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use ndarray::{Array2, Axis};
    use serde_json::{Value, json};

    fn examples(vectors: &Array2<f32>) -> Examples<'_> {
        Examples { clips: Vec::new(), features: vectors.axis_chunks_iter(Axis(0), 1).collect() }
    }

    fn scores(detector: &str, settings: Value) -> Vec<f64> {
        let mut rng = Seed(1).rng();
        let x = Array2::from_shape_simple_fn((60, 3), || rng.normal() as f32);
        let spec = DetectorSpec::parse(detector, &settings).unwrap();
        let model = spec.member().fit(&examples(&x), None, &Context::plain(2)).unwrap();
        let test = Array2::from_shape_fn((5, 3), |(i, _)| i as f32);
        spec.member().score(&model, &examples(&test), &Context::plain(2)).unwrap()
    }

    const TWO: [&str; 2] = ["knn", "mahalanobis"];

    fn ensemble(more: Value) -> Vec<f64> {
        let mut settings = json!({"detectors": TWO.map(|name| json!({name: {}}))});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scores("ensemble", settings)
    }

    #[test]
    fn without_normalisation_scores_are_put_together_as_they_are() {
        let [a, b] = TWO.map(|name| scores(name, json!({})));
        let expected = |f: &dyn Fn(f64, f64) -> f64| {
            a.iter().zip(&b).map(|(a, b)| f(*a, *b)).collect::<Vec<f64>>()
        };
        assert_eq!(ensemble(json!({"normalize": "none", "reduce": "max"})), expected(&f64::max));
        assert_eq!(ensemble(json!({"normalize": "none", "reduce": "min"})), expected(&f64::min));
        let weighted = ensemble(json!({"normalize": "none", "weights": [3.0, 1.0]}));
        assert_eq!(weighted, expected(&|a, b| (3.0 * a + b) / 4.0));
    }

    #[test]
    fn normalised_scores_are_near_zero_for_normal_clips() {
        let scores = ensemble(json!({}));
        assert!(scores[0].abs() < 2.0 && scores[4] > 5.0, "{scores:?}");
        assert!(scores.windows(2).all(|w| w[0] < w[1]), "{scores:?}");
    }

    #[test]
    fn programs_of_members_are_known_wherever_they_stand() {
        let command = |file: &str| json!({"command": {"run": ["python3"], "files": [file]}});
        let network = json!({"autoencoder": {}});
        let settings = json!({"detectors": [
            {"knn": {}}, command("a/b.py"),
            {"embedding": {"network": network, "backend": command("c/d.py")}},
            {"ensemble": {"detectors": [{"gmm": {}}, command("e/f.py")]}},
        ]});
        let spec = DetectorSpec::parse("ensemble", &settings).unwrap();
        let programs = spec.member().programs();
        let prefixes: Vec<&str> = programs.iter().map(|(prefix, _)| prefix.as_str()).collect();
        assert_eq!(prefixes, ["1/", "2/", "3/1/"]);
        assert!(spec.given().is_some());
        let keyed = spec.keyed().to_string();
        assert!(keyed.contains("\"d.py\"") && !keyed.contains("a/b.py"), "{keyed}");
        // A key without programs is as it was.
        let plain = json!({"detectors": TWO.map(|name| json!({name: {}}))});
        let plain = DetectorSpec::parse("ensemble", &plain).unwrap();
        assert_eq!((plain.keyed(), plain.given()), (json!(plain), None));
    }

    #[test]
    fn what_is_no_ensemble_is_told() {
        let problems =
            |settings| DetectorSpec::parse("ensemble", &settings).unwrap().member().problems();
        assert_eq!(problems(json!({})).len(), 1);
        let told = problems(
            json!({"detectors": [{"knn": {"k": 0}}, {"autoencoder": {}}], "weights": [1.0]}),
        );
        let fields: Vec<&str> = told.iter().map(|p| p.field.as_str()).collect();
        assert_eq!(fields, ["detectors[0].knn.k", "detectors[1]", "detectors[1]", "weights"]);
        // They need what only a detector of its own gets.
        let embedding = |settings| json!({"embedding": {"network": {"cnn": settings}}});
        let (both, plain) = (embedding(json!({})), embedding(json!({"branches": ["spectrogram"]})));
        let told = problems(json!({"detectors": [plain, both]}));
        assert_eq!(told.len(), 1);
        assert!(told[0].field == "detectors[1]" && told[0].message.contains("the spectra"));
        assert_eq!(
            problems(
                json!({"detectors": [{"knn": {}}, {"knn": {}}], "weights": [1, 1], "reduce": "max"})
            )
            .len(),
            1
        );
    }
}
