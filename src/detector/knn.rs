//! k nearest neighbours: the distance to the k-th or the mean of k nearest training vectors.

use serde::{Deserialize, Serialize};

use super::{Detector, DetectorError, Examples};
use crate::artifact::{Context, Tensors};

/// Settings of `knn`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knn {
    /// Neighbours looked at.
    pub k: usize,
}

impl Default for Knn {
    fn default() -> Self {
        Self { k: 1 }
    }
}

impl Detector for Knn {
    fn version(&self) -> u32 {
        1
    }

    fn fit(&self, train: &Examples, _: Option<&Tensors>, _: &Context) -> Result<Tensors, DetectorError> {
        let mut model = Tensors::default();
        model.put_f32("bank", train.stacked()?);
        Ok(model)
    }

    fn score(&self, model: &Tensors, test: &Examples, _: &Context) -> Result<Vec<f64>, DetectorError> {
        let bank = model.f32_2("bank")?;
        Ok(test
            .features
            .iter()
            .map(|x| {
                bank.rows()
                    .into_iter()
                    .map(|row| row.iter().zip(x.row(0)).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt())
                    .fold(f64::INFINITY, f64::min)
            })
            .collect())
    }
}
