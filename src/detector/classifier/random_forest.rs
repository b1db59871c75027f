//! A random forest (Breiman 2001): trees on bootstrap samples that try a few random dimensions at
//! every split.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::DetectorError;
use super::Classify;
use super::forest::{self, Settings};
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::tree::Kind;

/// Random forest. A tree votes with the class shares in the leaf of a clip, and each class gets one
/// vote more: p = (votes + 1) / (trees + classes).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RandomForest {
    /// The number of trees.
    #[schemars(range(min = 1, max = 100_000))]
    pub trees: usize,
    /// The smallest number of training clips in a leaf.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_leaf: usize,
    /// The largest number of splits above a leaf. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_depth: Option<usize>,
}

impl Default for RandomForest {
    fn default() -> Self {
        Self { trees: 100, min_leaf: 1, max_depth: None }
    }
}

impl RandomForest {
    fn settings(&self) -> Settings {
        let Self { trees, min_leaf, max_depth } = *self;
        Settings { name: "random_forest", kind: Kind::Bootstrap, trees, min_leaf, max_depth }
    }
}

impl Classify for RandomForest {
    fn version(&self) -> u32 {
        2
    }

    fn seeded(&self) -> bool {
        true
    }

    fn problems(&self) -> Vec<Problem> {
        self.settings().problems()
    }

    fn memory(&self, rows: usize, dims: usize) -> usize {
        self.settings().memory(rows, dims)
    }

    fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        self.settings().fit(x, classes, cx)
    }

    fn dims(&self, model: &Tensors) -> Result<usize, DetectorError> {
        forest::dims(model)
    }

    fn log_probabilities(
        &self,
        model: &Tensors,
        x: Array2<f64>,
        cx: &Context,
    ) -> Result<Array2<f64>, DetectorError> {
        forest::log_probabilities(model, &x, cx)
    }
}
