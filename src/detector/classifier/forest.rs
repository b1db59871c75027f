//! Shared by random forests and extremely randomised trees: settings, models, and the vote of the
//! trees.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, array};

use super::super::DetectorError;
use super::count;
use crate::artifact::Tensors;
use crate::context::Context;
use crate::diagnose::Problem;
use crate::learn::tree::{Grower, Kind, Tree};
use crate::math;

/// The settings of both kinds of forest.
pub(super) struct Settings {
    /// The name of the classifier; the seeds of its trees depend on it.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) trees: usize,
    pub(super) min_leaf: usize,
    pub(super) max_depth: Option<usize>,
}

impl Settings {
    /// All settings that are out of range.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let depth =
            self.max_depth.and_then(|depth| Problem::outside("max_depth", depth, 1, 10_000));
        let trees = Problem::outside("trees", self.trees, 1, 100_000);
        trees
            .into_iter()
            .chain(Problem::outside("min_leaf", self.min_leaf, 1, 1_000_000))
            .chain(depth)
            .collect()
    }

    /// Memory beside the vectors as f64, in bytes.
    pub(super) fn memory(&self, rows: usize, dims: usize) -> usize {
        // The columns, and trees with one node for every two clips and a few classes.
        4 * rows * dims + self.trees * rows * 32
    }

    /// Grows the trees, each from its own seed.
    pub(super) fn fit(
        &self,
        x: Array2<f64>,
        classes: &[usize],
        cx: &Context,
    ) -> Result<Tensors, DetectorError> {
        let columns = x.t().mapv(|x| x as f32).as_standard_layout().into_owned();
        let grower = Grower {
            columns: columns.view(),
            classes,
            count: count(classes),
            tried: (x.ncols() as f64).sqrt().max(1.0) as usize,
            min_leaf: self.min_leaf,
            max_depth: self.max_depth.unwrap_or(usize::MAX),
            kind: self.kind,
        };
        let numbers: Vec<usize> = (0..self.trees).collect();
        let trees = cx.map(&numbers, |number| {
            if cx.cancelled() {
                return Err(DetectorError::Cancelled);
            }
            Ok(grower.grow(cx.seed.derive(&[self.name, &number.to_string()]).rng()))
        });
        let trees = trees.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut model = join(trees, grower.count);
        model.put_f64("dims", array![x.ncols() as f64]);
        Ok(model)
    }
}

/// The vector length that the model takes.
pub(super) fn dims(model: &Tensors) -> Result<usize, DetectorError> {
    Ok(model.f64_1("dims")?[0] as usize)
}

/// Logarithms of the class probabilities, (clips, classes). A tree votes with the class shares in
/// the leaf of a clip, and each class gets one vote more.
pub(super) fn log_probabilities(
    model: &Tensors,
    x: &Array2<f64>,
    cx: &Context,
) -> Result<Array2<f64>, DetectorError> {
    let forest = Forest {
        roots: model.f64_1("roots")?,
        dimension: model.f32_1("dimension")?,
        threshold: model.f32_1("threshold")?,
        child: model.f64_1("child")?,
        leaves: model.f32_2("leaves")?,
    };
    let rows: Vec<ArrayView1<f64>> = x.rows().into_iter().collect();
    let classes = forest.leaves.ncols();
    let found = cx.map(&rows, |row| forest.log_probabilities(*row));
    Ok(Array2::from_shape_vec((rows.len(), classes), found.concat()).expect("a value a class"))
}

/// The trees of a model as arrays, one tree after the other. Node numbers are stored in f64,
/// because f32 counts only to 2^24.
struct Forest<'a> {
    /// The first node of every tree.
    roots: ArrayView1<'a, f64>,
    /// The dimension that a node tests; -1 in a leaf.
    dimension: ArrayView1<'a, f32>,
    /// Vectors up to the threshold go to the child, others to the node after the child.
    threshold: ArrayView1<'a, f32>,
    /// For a leaf: its row of `leaves`.
    child: ArrayView1<'a, f64>,
    /// Class shares, (leaves, classes).
    leaves: ArrayView2<'a, f32>,
}

impl Forest<'_> {
    fn log_probabilities(&self, row: ArrayView1<f64>) -> Vec<f64> {
        let mut votes = vec![1.0; self.leaves.ncols()];
        for &root in self.roots {
            let mut node = root as usize;
            while self.dimension[node] >= 0.0 {
                let right = row[self.dimension[node] as usize] as f32 > self.threshold[node];
                node = self.child[node] as usize + usize::from(right);
            }
            let leaf = self.leaves.row(self.child[node] as usize);
            votes.iter_mut().zip(leaf).for_each(|(votes, part)| *votes += f64::from(*part));
        }
        let all = (self.roots.len() + votes.len()) as f64;
        votes.into_iter().map(|votes| math::ln(votes / all)).collect()
    }
}

fn join(trees: Vec<Tree>, classes: usize) -> Tensors {
    let (mut roots, mut dimension, mut threshold, mut child, mut leaves) =
        (vec![], vec![], vec![], vec![], vec![]);
    for tree in trees {
        let (nodes_before, leaves_before) = (dimension.len(), leaves.len() / classes);
        roots.push(nodes_before as f64);
        for node in tree.nodes {
            let before = if node.dimension.is_some() { nodes_before } else { leaves_before };
            dimension.push(node.dimension.map_or(-1.0, |d| d as f32));
            threshold.push(node.threshold);
            child.push((node.child + before) as f64);
        }
        leaves.extend(tree.leaves);
    }
    let leaves = Array2::from_shape_vec((leaves.len() / classes, classes), leaves);
    let mut model = Tensors::default();
    model.put_f64("roots", Array1::from(roots));
    model.put_f32("dimension", Array1::from(dimension));
    model.put_f32("threshold", Array1::from(threshold));
    model.put_f64("child", Array1::from(child));
    model.put_f32("leaves", leaves.expect("a value a class"));
    model
}
