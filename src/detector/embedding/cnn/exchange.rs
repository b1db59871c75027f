//! FeatEx: clips of a batch exchange the embeddings of their branches (Wilkinghoff 2024, arXiv
//! 2312.09578), and each branch has a loss of its own (Fujimura, Kuroyanagi and Toda 2025, arXiv
//! 2409.09332).
//!
//! A network that must tell exchanged embeddings apart learns in each branch what belongs to a clip.
//! [`Heads`] has the labels. A clip that would exchange with itself keeps its class.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cnn, LossSettings};
use crate::diagnose::Problem;
use crate::nn::{Head, Heads, Loss, View};
use crate::seed::Rng;

/// FeatEx: clips exchange the embeddings of their branches (Wilkinghoff 2024). It adds a loss with
/// further classes, whose centres are trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatEx {
    /// The share of the clips that exchange.
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub probability: f64,
    /// The weight of this loss beside that of the clips as they are.
    #[schemars(range(max = 1000), extend("exclusiveMinimum" = 0))]
    pub weight: f64,
}

impl Default for FeatEx {
    fn default() -> Self {
        Self { probability: 0.5, weight: 1.0 }
    }
}

impl FeatEx {
    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        let Self { probability, weight } = *self;
        let mut problems = Vec::new();
        if !(probability > 0.0 && probability <= 1.0) {
            let message = format!("`probability` is {probability}, not above 0 and at most 1");
            problems.push(Problem::new("featex.probability", message).hint("0.5 is usual"));
        }
        problems.extend(outside("featex", weight));
        problems
    }

    /// Writes behind the shares of the `classes` of each row of `target` the rows that give its
    /// other parts. Without `rng` each row keeps its own.
    pub fn write(
        &self,
        target: &mut Vec<f32>,
        classes: usize,
        others: usize,
        mut rng: Option<&mut Rng>,
    ) {
        let rows = target.len() / classes;
        let mut givers: Vec<Vec<usize>> = vec![(0..rows).collect(); others];
        let mut keeps = vec![true; rows];
        if let Some(rng) = rng.as_mut() {
            givers.iter_mut().for_each(|order| rng.shuffle(order));
            keeps.iter_mut().for_each(|keeps| *keeps = rng.uniform() >= self.probability);
        }
        let mut written = Vec::with_capacity(rows * (classes + others));
        for (row, shares) in target.chunks_exact(classes).enumerate() {
            written.extend_from_slice(shares);
            let giver = |order: &Vec<usize>| if keeps[row] { row } else { order[row] } as f32;
            written.extend(givers.iter().map(giver));
        }
        *target = written;
    }
}

/// Subspace loss: the embedding of each branch has a loss of its own beside that of the whole one
/// (Fujimura et al. 2025). Their centres are trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SubspaceLoss {
    /// The weight of each of these losses.
    #[schemars(range(max = 1000), extend("exclusiveMinimum" = 0))]
    pub weight: f64,
}

impl Default for SubspaceLoss {
    fn default() -> Self {
        Self { weight: 1.0 }
    }
}

fn outside(field: &str, weight: f64) -> Option<Problem> {
    let message = format!("`weight` is {weight}, not above 0 and at most 1000");
    let wrong = !(weight > 0.0 && weight <= 1000.0);
    wrong.then(|| Problem::new(format!("{field}.weight"), message).hint("1 is usual"))
}

/// All that is wrong with losses of parts of an embedding.
pub fn problems(cnn: &Cnn) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut part = |field: &str, own: Vec<Problem>| {
        problems.extend(own);
        if cnn.parts() < 2 {
            let message = format!("`{field}` needs two branches, but `branches` has one");
            problems.push(
                Problem::new(field, message).hint("write `branches: [spectrogram, spectrum]`"),
            );
        }
        if cnn.loss == (LossSettings::Softmax {}) {
            let message = format!("`{field}` needs a loss on angles, but `loss` is `softmax`");
            problems.push(Problem::new(field, message).hint("write `loss: { adacos: {} }`"));
        }
    };
    if let Some(featex) = &cnn.featex {
        part("featex", featex.problems());
    }
    if let Some(subspaces) = &cnn.subspace_loss {
        part("subspace_loss", outside("subspace_loss", subspaces.weight).into_iter().collect());
    }
    problems
}

/// The loss of a network with `classes`. Its embedding has one part of `dims` for each branch.
/// `uniform` draws from [0, 1).
pub fn loss(cnn: &Cnn, classes: usize, uniform: &mut dyn FnMut() -> f64) -> Loss {
    let parts = vec![cnn.dims; cnn.parts()];
    let width = cnn.dims * parts.len();
    let Some(main) = cnn.loss.angular(classes, width, uniform) else { return Loss::Softmax };
    let mut heads = vec![Head { loss: main, view: View::Whole, weight: 1.0 }];
    let trained = cnn.loss.trained();
    let mut add = |view, classes, dims, weight| {
        let loss = trained.angular(classes, dims, uniform).expect("it is a loss on angles");
        heads.push(Head { loss, view, weight });
    };
    if let Some(featex) = cnn.featex {
        add(View::Exchanged, classes * (1 + parts.len()), width, featex.weight);
    }
    if let Some(subspaces) = cnn.subspace_loss {
        (0..parts.len())
            .for_each(|part| add(View::Part(part), classes, cnn.dims, subspaces.weight));
    }
    match heads.len() {
        1 => heads.remove(0).loss,
        _ => Loss::Heads(Heads::new(heads, parts, classes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn half_of_the_rows_take_parts_of_others() {
        let featex = FeatEx::default();
        let written = |rng: Option<&mut Rng>| {
            let mut target = vec![0.5; 1000 * 2];
            featex.write(&mut target, 2, 2, rng);
            target
        };
        let target = written(Some(&mut Seed(3).rng()));
        assert_eq!(target.len(), 4000);
        let rows = || target.chunks_exact(4).enumerate();
        assert!(rows().all(|(_, row)| row[..2] == [0.5, 0.5] && row[2] < 1000.0));
        let changed = rows().filter(|(i, row)| row[2] != *i as f32).count();
        assert!((450..550).contains(&changed), "{changed}");
        assert!(rows().any(|(_, row)| row[2] != row[3]));
        let kept = written(None);
        assert!(kept.chunks_exact(4).enumerate().all(|(i, row)| row[2..] == [i as f32; 2]));
    }
}
