//! Classifiers of machine sections: a clip that is classified into another section is anomalous.
//!
//! The self-supervised approach: the model learns to distinguish normal clips of several sections.
//! The score of a clip is minus the logarithm of the probability of its labelled section (Giri et
//! al. 2020; Primus et al. 2020). Each classifier computes that probability in its own way; see
//! their files.
//!
//! We measured smartcore's and linfa's classifiers. At 3,000 vectors of 128 values in 3 classes
//! smartcore's forest takes 4 times as long as scikit-learn's. It exposes neither probabilities nor
//! its trees, so it could not be stored as a model. Its logistic regression takes 21 times as long
//! as scikit-learn's, linfa's twice, to the same optimum. Its discriminant analysis refuses
//! covariances with a condition above 1e4, which log-mel spectra have. linfa's logistic regression
//! gives other last bits on other processors. So only the means and variances of naive Bayes are
//! smartcore's (plain loops over the clips), and the others are ours. Tests compare with smartcore
//! and linfa.

mod extra_trees;
mod forest;
mod lda;
mod logistic_regression;
mod naive_bayes;
mod nearest_neighbours;
mod random_forest;
mod svc;

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView1};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Detector, DetectorError, Examples, Scope, vectors};
use crate::artifact::{Clip, Tensors};
use crate::context::Context;
use crate::diagnose::Problem;
use crate::family;
use crate::math;

/// A classifier learns to distinguish the sections of a machine. A clip that it classifies into
/// another section is anomalous. One of the classifiers is named beside `labels`; the default is
/// `logistic_regression`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Classifier {
    pub model: Model,
    pub labels: Labels,
}

/// The classes to distinguish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// The sections of the machine.
    #[default]
    Section,
    /// Sections, and in each the combinations of attributes. The score uses the likeliest
    /// combination of the clip's own section: the attributes of test clips may be unknown, and with
    /// one section the sum of all combinations says nothing.
    Attribute,
}

/// A method to distinguish classes.
pub trait Classify: Send + Sync {
    /// Raised whenever this classifier gives other output for the same input. Golden values in
    /// tests guard it.
    fn version(&self) -> u32;

    /// Whether fitting uses random numbers.
    fn seeded(&self) -> bool {
        false
    }

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem>;

    /// Memory beside the vectors as f64, in bytes.
    fn memory(&self, rows: usize, dims: usize) -> usize;

    /// Learns from vectors (clips, dims) of two or more classes, numbered from 0. Each class has a
    /// clip.
    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        cx: &Context,
    ) -> Result<Tensors, DetectorError>;

    /// The vector length that the model takes.
    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError>;

    /// Logarithms of the class probabilities, (clips, classes).
    fn log_probabilities(
        &self,
        model: &Tensors,
        x: Array2<f64>,
        cx: &Context,
    ) -> Result<Array2<f64>, DetectorError>;
}

family! {
    /// Every classifier a spec can name.
    pub enum Model: Classify {
        "random_forest" => RandomForest(random_forest::RandomForest),
        "svc" => Svc(svc::Svc),
        "lda" => Lda(lda::Lda),
        "logistic_regression" => LogisticRegression(logistic_regression::LogisticRegression),
        "nearest_neighbours" => NearestNeighbours(nearest_neighbours::NearestNeighbours),
        "extra_trees" => ExtraTrees(extra_trees::ExtraTrees),
        "naive_bayes" => NaiveBayes(naive_bayes::NaiveBayes),
    }
}

impl Default for Model {
    fn default() -> Self {
        Model::LogisticRegression(Default::default())
    }
}

/// The settings as written: the model is one of several keys.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Wire {
    /// Classify with a random forest.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    random_forest: Option<random_forest::RandomForest>,
    /// Classify with a support vector machine.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    svc: Option<svc::Svc>,
    /// Classify with linear discriminant analysis.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    lda: Option<lda::Lda>,
    /// Classify with logistic regression.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    logistic_regression: Option<logistic_regression::LogisticRegression>,
    /// Classify by the nearest training clips.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    nearest_neighbours: Option<nearest_neighbours::NearestNeighbours>,
    /// Classify with a forest of extremely randomised trees.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    extra_trees: Option<extra_trees::ExtraTrees>,
    /// Classify with Gaussian naive Bayes.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    naive_bayes: Option<naive_bayes::NaiveBayes>,
    /// The classes that the classifier learns to distinguish.
    labels: Labels,
}

/// A name without settings, `svc:`, means the defaults, like `svc: {}`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

impl TryFrom<Wire> for Classifier {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let models = [
            wire.random_forest.map(Model::RandomForest),
            wire.svc.map(Model::Svc),
            wire.lda.map(Model::Lda),
            wire.logistic_regression.map(Model::LogisticRegression),
            wire.nearest_neighbours.map(Model::NearestNeighbours),
            wire.extra_trees.map(Model::ExtraTrees),
            wire.naive_bayes.map(Model::NaiveBayes),
        ];
        let mut models = models.into_iter().flatten();
        let model = models.next().unwrap_or_default();
        match models.next() {
            Some(other) => {
                Err(format!("it takes one model, not `{}` and `{}`", model.name(), other.name()))
            }
            None => Ok(Self { model, labels: wire.labels }),
        }
    }
}

impl From<Classifier> for Wire {
    fn from(classifier: Classifier) -> Self {
        let wire = Wire { labels: classifier.labels, ..Wire::default() };
        match classifier.model {
            Model::RandomForest(model) => Wire { random_forest: Some(model), ..wire },
            Model::Svc(model) => Wire { svc: Some(model), ..wire },
            Model::Lda(model) => Wire { lda: Some(model), ..wire },
            Model::LogisticRegression(model) => Wire { logistic_regression: Some(model), ..wire },
            Model::NearestNeighbours(model) => Wire { nearest_neighbours: Some(model), ..wire },
            Model::ExtraTrees(model) => Wire { extra_trees: Some(model), ..wire },
            Model::NaiveBayes(model) => Wire { naive_bayes: Some(model), ..wire },
        }
    }
}

impl Detector for Classifier {
    fn version(&self) -> u32 {
        self.model.member().version()
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn seeded(&self) -> bool {
        self.model.member().seeded()
    }

    fn problems(&self) -> Vec<Problem> {
        let of_model =
            |p: Problem| Problem { field: format!("{}.{}", self.model.name(), p.field), ..p };
        self.model.member().problems().into_iter().map(of_model).collect()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        12 * rows * dims + self.model.member().memory(rows, dims)
    }

    fn fit(
        &self,
        train: &Examples,
        _: Option<&Tensors>,
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let x = vectors::train(train)?.mapv(f64::from);
        let names: Vec<(&str, String)> =
            (0..x.nrows()).map(|i| self.class(train.clips.get(i).copied())).collect();
        let mut classes: BTreeMap<&(&str, String), usize> =
            names.iter().map(|name| (name, 0)).collect();
        classes.values_mut().enumerate().for_each(|(i, number)| *number = i);
        if classes.len() < 2 {
            return Err(self.one_class(names.len(), names[0].0));
        }
        let numbers: Vec<usize> = names.iter().map(|name| classes[name]).collect();
        (cx.log)(&format!("{}: {} classes", self.model.name(), classes.len()));
        let mut model = self.model.member().fit(x, &numbers, cx)?;
        let mut sections: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for ((section, _), number) in &classes {
            sections.entry(section).or_default().push(*number as f64);
        }
        for (section, numbers) in sections {
            model.put_f64(&format!("{SECTION}{section}"), Array1::from(numbers));
        }
        Ok(model)
    }

    fn score(
        &self,
        model: &Tensors,
        test: &Examples,
        cx: &Context,
    ) -> Result<Vec<f64>, DetectorError> {
        let classifier = self.model.member();
        let x = vectors::test(test, classifier.dims(model)?)?.mapv(f64::from);
        let log_probabilities = classifier.log_probabilities(model, x, cx)?;
        let score = |(i, row): (usize, ArrayView1<f64>)| {
            let section = test.clips.get(i).map_or("", |clip| &clip.section);
            let name = format!("{SECTION}{section}");
            if !model.0.contains_key(&name) {
                return Err(unknown_section(model, test.clips.get(i).copied()));
            }
            let classes = model.f64_1(&name)?;
            let own = classes.iter().filter_map(|class| row.get(*class as usize)).copied();
            // Avoids -0 if the section is certain.
            Ok(0.0 - own.fold(f64::NEG_INFINITY, f64::max))
        };
        log_probabilities.rows().into_iter().enumerate().map(score).collect()
    }
}

/// The prefix of a model's arrays with the classes of a section.
const SECTION: &str = "section.";

impl Classifier {
    /// The section of a clip, and the attributes if its class depends on them.
    fn class<'a>(&self, clip: Option<&'a Clip>) -> (&'a str, String) {
        let Some(clip) = clip else { return ("", String::new()) };
        let attributes = match self.labels {
            Labels::Section => String::new(),
            Labels::Attribute => format!("{:?}", clip.attributes),
        };
        (&clip.section, attributes)
    }

    fn one_class(&self, clips: usize, section: &str) -> DetectorError {
        let (differ, hint) = match self.labels {
            Labels::Section => ("", "`labels: attribute`, or "),
            Labels::Attribute => (" and have the same attributes", ""),
        };
        DetectorError::TooFew(format!(
            "all {clips} training clips are of section `{section}`{differ}: there is only one class; write \
             {hint}another detector, such as `knn: {{}}`"
        ))
    }
}

fn unknown_section(model: &Tensors, clip: Option<&Clip>) -> DetectorError {
    let known: Vec<String> =
        model.0.keys().filter_map(|k| Some(format!("`{}`", k.strip_prefix(SECTION)?))).collect();
    let (id, section) = clip.map_or(("", ""), |clip| (&clip.id, &clip.section));
    let known = known.join(", ");
    DetectorError::Data(format!(
        "clip `{id}` is of section `{section}`, which has no training clips: the classifier knows only {known}"
    ))
}

/// Normalises log probabilities that are known up to a constant per row.
fn log_softmax(mut values: Array2<f64>) -> Array2<f64> {
    for mut row in values.rows_mut() {
        let greatest = row.fold(f64::NEG_INFINITY, |a, b| a.max(*b));
        let sum = math::ln(row.iter().map(|value| math::exp(value - greatest)).sum::<f64>());
        row.mapv_inplace(|value| value - greatest - sum);
    }
    values
}

/// The number of classes, from their numbers.
fn count(classes: &[usize]) -> usize {
    classes.iter().max().map_or(0, |greatest| greatest + 1)
}

/// The problem of a setting that must be above 0, if it has one.
fn above_0(field: &str, value: f64) -> Option<Problem> {
    let wrong = !(value > 0.0 && value.is_finite());
    let problem =
        || Problem::new(field, format!("`{field}` is {value}, not above 0")).hint("1 is usual");
    if wrong { Some(problem()) } else { Problem::beyond(field, value, 1e9) }
}

#[cfg(test)]
mod tests;
