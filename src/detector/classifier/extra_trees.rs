//! Extremely randomised trees (Geurts, Ernst and Wehenkel 2006): a forest with random thresholds.
//!
//! smartcore has them only for regression, so these are our own trees with another way to cut. The
//! random choices are those of scikit-learn's `ExtraTreesClassifier`: each split tries the square
//! root of the number of dimensions, with one threshold each between the least and the greatest
//! value. Clips are not resampled.

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

/// Extremely randomised trees (Geurts et al. 2006): a forest in which thresholds are random and
/// every tree sees all training clips. Trees vote as in a random forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExtraTrees {
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

impl Default for ExtraTrees {
    fn default() -> Self {
        Self { trees: 100, min_leaf: 1, max_depth: None }
    }
}

impl ExtraTrees {
    fn settings(&self) -> Settings {
        let Self { trees, min_leaf, max_depth } = *self;
        Settings { name: "extra_trees", kind: Kind::Extreme, trees, min_leaf, max_depth }
    }
}

impl Classify for ExtraTrees {
    fn version(&self) -> u32 {
        1
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
