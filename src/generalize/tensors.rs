//! A fitted model as named arrays.
//!
//! It holds all data for scoring: `cell/N` (or `cell/N/SECTION`) = [model, normaliser, comparison],
//! and by those numbers `model/N/...` (the detector's own arrays), `features/N/{mean,deviation}`,
//! `scores/N` = [mean, deviation]. `clip` and `temporal_mean` are present if features are
//! normalised that way. A plain model has none of them.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array1, array};

use super::group::Cell;
use super::model::Trained;
use super::normalize::{Normalizer, Standard};
use crate::artifact::{Tensor, TensorError, Tensors};

impl Trained {
    pub(super) fn encode(self) -> Tensors {
        let mut tensors = Tensors::default();
        let mut mark = |name: &str, there: bool| {
            if there {
                tensors.put_f64(name, array![1.0]);
            }
        };
        mark("clip", self.normalizer.by_clip);
        mark("temporal_mean", self.normalizer.temporal_mean);
        for (i, cell) in self.cells.iter().enumerate() {
            let name = cell
                .section
                .as_ref()
                .map_or(format!("cell/{i}"), |section| format!("cell/{i}/{section}"));
            let numbers = [
                number(&self.models, &cell.reference),
                number(&self.normalizer.standards, &cell.features),
                number(&self.scores, &cell.scores),
            ];
            tensors.put_f64(&name, Array1::from_vec(numbers.to_vec()));
        }
        for (i, standard) in self.normalizer.standards.into_values().enumerate() {
            tensors.put_f64(&format!("features/{i}/mean"), standard.mean);
            tensors.put_f64(&format!("features/{i}/deviation"), standard.deviation);
        }
        for (i, (mean, deviation)) in self.scores.into_values().enumerate() {
            tensors.put_f64(&format!("scores/{i}"), array![mean, deviation]);
        }
        for (i, model) in self.models.into_values().enumerate() {
            tensors.0.extend(
                model.0.into_iter().map(|(name, tensor)| (format!("model/{i}/{name}"), tensor)),
            );
        }
        tensors
    }

    /// Decodes the model. `Err` returns the tensors if they are a detector's own model.
    pub(super) fn decode(model: Tensors) -> Result<Result<Self, Tensors>, TensorError> {
        if !model.0.keys().any(|name| name.starts_with("cell/")) {
            return Ok(Err(model));
        }
        let mut fitted = Self {
            cells: BTreeSet::new(),
            normalizer: Normalizer {
                temporal_mean: model.0.contains_key("temporal_mean"),
                by_clip: model.0.contains_key("clip"),
                standards: BTreeMap::new(),
            },
            models: BTreeMap::new(),
            scores: BTreeMap::new(),
        };
        for name in model.0.keys() {
            let parts: Vec<&str> = name.splitn(3, '/').collect();
            match parts[..] {
                ["cell", _, ..] => {
                    let numbers = model.f64_1(name)?;
                    let part = |i: usize| numbers.get(i).map_or(String::new(), |n| n.to_string());
                    let section = parts.get(2).map(|s| (*s).to_owned());
                    fitted.cells.insert(Cell {
                        reference: part(0),
                        features: part(1),
                        scores: part(2),
                        section,
                    });
                }
                ["features", i, "mean"] => {
                    let vector = |what: &str| {
                        model.f64_1(&format!("features/{i}/{what}")).map(|v| v.to_owned())
                    };
                    let standard =
                        Standard { mean: vector("mean")?, deviation: vector("deviation")? };
                    fitted.normalizer.standards.insert(i.to_owned(), standard);
                }
                ["scores", i] => {
                    let pair = model.f64_1(name)?;
                    fitted.scores.insert(i.to_owned(), (pair[0], pair[1]));
                }
                _ => {}
            }
        }
        for (name, tensor) in model.0 {
            if let ["model", i, rest] = name.splitn(3, '/').collect::<Vec<_>>()[..] {
                let model: &mut BTreeMap<String, Tensor> =
                    &mut fitted.models.entry(i.to_owned()).or_default().0;
                model.insert(rest.to_owned(), tensor);
            }
        }
        Ok(Ok(fitted))
    }
}

/// The place of a group among the others; -1 if it is not there.
fn number<T>(groups: &BTreeMap<String, T>, name: &str) -> f64 {
    groups.keys().position(|n| n == name).map_or(-1.0, |place| place as f64)
}
