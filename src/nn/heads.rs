//! Several losses of one embedding, whose weighted sum training minimises: of the whole embedding, of
//! one of its parts, and of parts exchanged between examples.
//!
//! The parts are the embeddings of a network's branches, one after another. The loss of a part is
//! the subspace loss of Fujimura et al. (2025, arXiv 2409.09332). The exchange is FeatEx (Wilkinghoff
//! 2024, arXiv 2312.09578): an example keeps its first part and takes others from other examples. It
//! then belongs to classes that exist only for this loss, one set for each part: with M parts and
//! the labels y of the examples that the parts come from, the label is (0, y_1 / M, .. y_M / M). An
//! example that keeps all of its parts has the label (y, 0, .. 0).

use std::ops::Range;

use super::loss::Loss;

/// The part of the embeddings that a loss sees.
#[derive(Clone, Debug, PartialEq)]
pub enum View {
    Whole,
    /// The part with this number.
    Part(usize),
    /// All parts, some of them from other examples.
    Exchanged,
}

/// A loss, with its place and its weight in the sum.
#[derive(Clone, Debug)]
pub struct Head {
    pub loss: Loss,
    pub view: View,
    pub weight: f64,
}

/// Several losses of one embedding.
///
/// A target has one share per class. If a loss sees exchanged parts, the number of the row in the
/// batch that gives the part follows, for each part but the first.
#[derive(Clone, Debug)]
pub struct Heads {
    heads: Vec<Head>,
    /// The width of each part of an embedding.
    parts: Vec<usize>,
    classes: usize,
}

impl Heads {
    /// The sum of losses of embeddings with parts of these widths.
    pub fn new(heads: Vec<Head>, parts: Vec<usize>, classes: usize) -> Self {
        Self { heads, parts, classes }
    }

    /// The losses, in order.
    pub(super) fn losses(&self) -> impl Iterator<Item = &Loss> {
        self.heads.iter().map(|head| &head.loss)
    }

    /// The losses, in order.
    pub(super) fn losses_mut(&mut self) -> impl Iterator<Item = &mut Loss> {
        self.heads.iter_mut().map(|head| &mut head.loss)
    }

    /// See [`Loss::evaluate`](super::Loss::evaluate).
    pub fn evaluate(
        &mut self,
        rows: usize,
        output: &[f32],
        target: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        let Self { heads, parts, classes } = self;
        let (parts, classes) = (parts.as_slice(), *classes);
        let (width, wide) = (output.len() / rows, target.len() / rows);
        let labels: Vec<f32> =
            target.chunks_exact(wide).flat_map(|row| &row[..classes]).copied().collect();
        gradient.fill(0.0);
        let mut total = 0.0;
        for Head { loss, view, weight } in heads {
            // Where each run of values of the loss's own input comes from: rows and columns.
            let from: Vec<(usize, Range<usize>)> = match view {
                View::Whole => (0..rows).map(|row| (row, 0..width)).collect(),
                View::Part(part) => {
                    let own = columns(parts, *part);
                    (0..rows).map(|row| (row, own.clone())).collect()
                }
                View::Exchanged => {
                    let of = |row: usize| {
                        let givers = givers(row, &target[row * wide..][classes..wide]);
                        givers.enumerate().map(move |(part, giver)| (giver, columns(parts, part)))
                    };
                    (0..rows).flat_map(of).collect()
                }
            };
            let input: Vec<f32> = from
                .iter()
                .flat_map(|(row, columns)| &output[row * width..][columns.clone()])
                .copied()
                .collect();
            let mut slopes = vec![0.0; input.len()];
            let found = match view {
                View::Exchanged => {
                    let labels = exchanged(rows, classes, target);
                    loss.evaluate(rows, &input, &labels, &mut slopes)
                }
                _ => loss.evaluate(rows, &input, &labels, &mut slopes),
            };
            total += *weight * found;
            let weight = *weight as f32;
            let mut slopes = slopes.iter();
            for (row, columns) in from {
                let into = &mut gradient[row * width..][columns];
                into.iter_mut().zip(&mut slopes).for_each(|(g, s)| *g += weight * s);
            }
            for (_, own) in loss.weights_mut() {
                own.iter_mut().for_each(|g| *g *= weight);
            }
        }
        total
    }

    /// See [`Loss::measure`](super::Loss::measure).
    pub(super) fn at_rest(&self) -> Self {
        let mut own = self.clone();
        own.heads.iter_mut().for_each(|head| head.loss = head.loss.at_rest());
        own
    }
}

/// The places of a part in an embedding.
fn columns(parts: &[usize], part: usize) -> Range<usize> {
    let start = parts[..part].iter().sum();
    start..start + parts[part]
}

/// The rows that give the parts of a row: the first is its own.
fn givers(row: usize, others: &[f32]) -> impl Iterator<Item = usize> + '_ {
    std::iter::once(row).chain(others.iter().map(|&other| other as usize))
}

/// The labels of exchanged parts, (rows, (1 + parts) x classes).
fn exchanged(rows: usize, classes: usize, target: &[f32]) -> Vec<f32> {
    let wide = target.len() / rows;
    let parts = 1 + wide - classes;
    let label = |row: usize| &target[row * wide..][..classes];
    let mut labels = vec![0.0; rows * (1 + parts) * classes];
    for (row, own) in labels.chunks_exact_mut((1 + parts) * classes).enumerate() {
        let givers = || givers(row, &target[row * wide..][classes..wide]);
        if givers().all(|giver| giver == row) {
            own[..classes].copy_from_slice(label(row));
            continue;
        }
        for (own, giver) in own[classes..].chunks_exact_mut(classes).zip(givers()) {
            own.iter_mut().zip(label(giver)).for_each(|(to, from)| *to = from / parts as f32);
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::angular::{Angular, Scaling};
    use super::*;
    use crate::nn::oracle::{assert_near, floats, number, parts};

    fn heads(case: &Value) -> Heads {
        let widths: Vec<usize> = floats(&case["parts"]).iter().map(|&w| w as usize).collect();
        let all: usize = widths.iter().sum();
        let own = case["heads"].as_array().unwrap().iter().map(|head| {
            let (view, dims) = match head["part"].as_u64().map(|part| part as usize) {
                Some(part) => (View::Part(part), widths[part]),
                None if head["exchanged"] == true => (View::Exchanged, all),
                None => (View::Whole, all),
            };
            let angular = Angular::new(
                floats(&head["centres"]),
                dims,
                number(&head["clusters"]) as usize,
                number(&head["scale"]),
                Scaling::Fixed,
                0.0,
                true,
            );
            Head { loss: Loss::Angular(angular), view, weight: number(&head["weight"]) }
        });
        Heads::new(own.collect(), widths.clone(), number(&case["classes"]) as usize)
    }

    #[test]
    fn sums_and_gradients_are_those_of_torch() {
        for case in parts()["heads"].as_array().unwrap() {
            let (output, target) = (floats(&case["output"]), floats(&case["target"]));
            let rows = number(&case["rows"]) as usize;
            let mut loss = Loss::Heads(heads(case));
            let mut gradient = vec![1.0; output.len()];
            let found = loss.evaluate(rows, &output, &target, &mut gradient);
            assert!((found - number(&case["loss"])).abs() < 1e-5, "{found}");
            assert_near(&gradient, &case["over_output"], 2e-5);
            let own = loss.weights_mut();
            assert_eq!(own.len(), case["heads"].as_array().unwrap().len());
            for ((_, gradient), head) in own.into_iter().zip(case["heads"].as_array().unwrap()) {
                assert_near(gradient, &head["over_centres"], 2e-5);
            }
            assert_eq!(loss.measure(rows, &output, &target), found);
            // Each head has a scale of its own to remember.
            let scales: Vec<f64> = (0..loss.memory().len()).map(|i| 2.0 + i as f64).collect();
            loss.remember(&scales);
            assert_eq!(loss.memory(), scales);
        }
    }

    #[test]
    fn who_keeps_all_parts_keeps_the_class() {
        // Two classes and two parts; the second row takes its second part from the first.
        let labels = exchanged(2, 2, &[0.25, 0.75, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(labels[..6], [0.25, 0.75, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(labels[6..], [0.0, 0.0, 0.5, 0.0, 0.125, 0.375]);
    }
}
