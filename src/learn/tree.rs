//! One tree of a forest: each split reduces the Gini impurity most (Breiman et al. 1984).

use ndarray::{ArrayView1, ArrayView2};

use crate::seed::Rng;

/// The data and settings for growing trees.
pub(crate) struct Grower<'a> {
    /// Training vectors, (dims, clips).
    pub(crate) columns: ArrayView2<'a, f32>,
    pub(crate) classes: &'a [usize],
    pub(crate) count: usize,
    /// Dimensions tried for a split. More are tried if none of them varies, or if none has a best
    /// cut.
    pub(crate) tried: usize,
    pub(crate) min_leaf: usize,
    pub(crate) max_depth: usize,
    pub(crate) kind: Kind,
}

/// The random part of a tree besides the choice of dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The clips, drawn with replacement. A split reduces the impurity most (Breiman 2001).
    Bootstrap,
    /// The thresholds, one for each dimension. Trees use all clips (Geurts et al. 2006).
    Extreme,
}

/// The nodes, root first, and the class shares of every leaf, leaf after leaf.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) leaves: Vec<f32>,
}

/// A split, or a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Node {
    /// `None` for a leaf.
    pub(crate) dimension: Option<usize>,
    /// Vectors up to the threshold go to `child`, others to the node after `child`.
    pub(crate) threshold: f32,
    /// For a leaf: its number.
    pub(crate) child: usize,
}

struct Split {
    dimension: usize,
    threshold: f32,
    purity: f64,
}

impl Grower<'_> {
    /// Grows a tree.
    pub(crate) fn grow(&self, mut rng: Rng) -> Tree {
        let clips = self.classes.len();
        let mut drawn: Vec<usize> = match self.kind {
            Kind::Bootstrap => (0..clips).map(|_| rng.below(clips)).collect(),
            Kind::Extreme => (0..clips).collect(),
        };
        let mut order: Vec<usize> = (0..self.columns.nrows()).collect();
        let mut sorted = Vec::with_capacity(clips);
        let mut tree = Tree::default();
        tree.nodes.push(Node { dimension: None, threshold: 0.0, child: 0 });
        let mut open = vec![(0, 0..clips, 0)];
        while let Some((node, range, depth)) = open.pop() {
            let inside = &mut drawn[range.clone()];
            let mut counts = vec![0; self.count];
            inside.iter().for_each(|&clip| counts[self.classes[clip]] += 1);
            let pure = counts.iter().filter(|n| **n > 0).count() == 1;
            let split = match pure || depth >= self.max_depth || inside.len() < 2 * self.min_leaf {
                true => None,
                false => self.best(inside, &counts, &mut order, &mut sorted, &mut rng),
            };
            let Some(Split { dimension, threshold, .. }) = split else {
                tree.nodes[node].child = tree.leaves.len() / self.count;
                tree.leaves.extend(counts.iter().map(|&n| (n as f64 / inside.len() as f64) as f32));
                continue;
            };
            let column = self.columns.row(dimension);
            let mut left = 0;
            for i in 0..inside.len() {
                if column[inside[i]] <= threshold {
                    inside.swap(left, i);
                    left += 1;
                }
            }
            let child = tree.nodes.len();
            tree.nodes[node] = Node { dimension: Some(dimension), threshold, child };
            tree.nodes.extend([Node { dimension: None, threshold: 0.0, child: 0 }; 2]);
            let middle = range.start + left;
            open.push((child + 1, middle..range.end, depth + 1));
            open.push((child, range.start..middle, depth + 1));
        }
        tree
    }

    /// The best split of `inside` along a few dimensions in random order.
    fn best(
        &self,
        inside: &[usize],
        counts: &[u64],
        order: &mut [usize],
        sorted: &mut Vec<u64>,
        rng: &mut Rng,
    ) -> Option<Split> {
        let mut best: Option<Split> = None;
        let mut tried = 0;
        for i in 0..order.len() {
            // Fisher and Yates, only as far as needed.
            order.swap(i, i + rng.below(order.len() - i));
            let column = self.columns.row(order[i]);
            let (least, greatest) = extent(column, inside);
            if least == greatest {
                continue;
            }
            let cut = match self.kind {
                Kind::Bootstrap => self.best_cut(column, inside, counts, sorted),
                Kind::Extreme => {
                    self.random_cut(column, inside, counts, between(least, greatest, rng))
                }
            };
            if let Some((purity, threshold)) = cut
                && best.as_ref().is_none_or(|best| purity > best.purity)
            {
                best = Some(Split { dimension: order[i], threshold, purity });
            }
            tried += 1;
            // As in scikit-learn: if all tried random cuts leave too few clips on a side, the node
            // is a leaf.
            if tried >= self.tried && (best.is_some() || self.kind == Kind::Extreme) {
                break;
            }
        }
        best
    }

    /// The purity of the best cut along a dimension, and its threshold, half way between two
    /// values.
    fn best_cut(
        &self,
        column: ArrayView1<f32>,
        inside: &[usize],
        counts: &[u64],
        sorted: &mut Vec<u64>,
    ) -> Option<(f64, f32)> {
        sorted.clear();
        sorted.extend(
            inside.iter().map(|&clip| sortable(column[clip]) << 32 | self.classes[clip] as u64),
        );
        sorted.sort_unstable();
        let (purity, at) = self.cut(sorted, counts)?;
        let (below, above) = (value(sorted[at - 1] >> 32), value(sorted[at] >> 32));
        let middle = ((f64::from(below) + f64::from(above)) / 2.0) as f32;
        // Neighbouring floats have no middle.
        Some((purity, if middle < above { middle } else { below }))
    }

    /// The purity of the cut at `threshold`, and the threshold; `None` if a side has too few clips.
    fn random_cut(
        &self,
        column: ArrayView1<f32>,
        inside: &[usize],
        counts: &[u64],
        threshold: f32,
    ) -> Option<(f64, f32)> {
        let mut below = vec![0u64; counts.len()];
        inside
            .iter()
            .filter(|clip| column[**clip] <= threshold)
            .for_each(|&clip| below[self.classes[clip]] += 1);
        let at = below.iter().sum::<u64>();
        let rest = inside.len() as u64 - at;
        if at.min(rest) < self.min_leaf as u64 {
            return None;
        }
        let squares_below: u64 = below.iter().map(|n| n * n).sum();
        let squares_above: u64 =
            counts.iter().zip(&below).map(|(all, n)| (all - n) * (all - n)).sum();
        Some((squares_below as f64 / at as f64 + squares_above as f64 / rest as f64, threshold))
    }

    /// The position of the best cut in ascending values, and its purity: Σ n²/N over both sides.
    /// The purity is greatest where the size-weighted Gini impurity of the sides is least.
    fn cut(&self, sorted: &[u64], counts: &[u64]) -> Option<(f64, usize)> {
        let (mut below, mut above) = (vec![0u64; counts.len()], counts.to_vec());
        let (mut squares_below, mut squares_above) = (0, counts.iter().map(|n| n * n).sum::<u64>());
        let mut best: Option<(f64, usize)> = None;
        for at in 1..sorted.len() {
            let class = (sorted[at - 1] & 0xffff_ffff) as usize;
            squares_below += 2 * below[class] + 1;
            squares_above -= 2 * above[class] - 1;
            below[class] += 1;
            above[class] -= 1;
            let rest = sorted.len() - at;
            if at < self.min_leaf
                || rest < self.min_leaf
                || sorted[at - 1] >> 32 == sorted[at] >> 32
            {
                continue;
            }
            let purity = squares_below as f64 / at as f64 + squares_above as f64 / rest as f64;
            if best.is_none_or(|(most, _)| purity > most) {
                best = Some((purity, at));
            }
        }
        best
    }
}

/// The least and the greatest value of a dimension among the clips `inside`.
fn extent(column: ArrayView1<f32>, inside: &[usize]) -> (f32, f32) {
    let first = column[inside[0]];
    inside.iter().fold((first, first), |(least, greatest), &clip| {
        (least.min(column[clip]), greatest.max(column[clip]))
    })
}

/// A random threshold that separates the least from the greatest value.
fn between(least: f32, greatest: f32, rng: &mut Rng) -> f32 {
    let (low, high) = (f64::from(least), f64::from(greatest));
    let threshold = (low + rng.uniform() * (high - low)) as f32;
    // Rounding to f32 may reach the greatest value, and then nothing would be above.
    if threshold < greatest { threshold } else { least }
}

/// The bits of a float, in the order of the floats; 0 and -0 are equal.
fn sortable(x: f32) -> u64 {
    let bits = (x + 0.0).to_bits();
    u64::from(if bits >> 31 == 1 { !bits } else { bits | 1 << 31 })
}

/// The float of [`sortable`] bits.
fn value(bits: u64) -> f32 {
    let bits = bits as u32;
    f32::from_bits(if bits >> 31 == 1 { bits & !(1 << 31) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::seed::Seed;
    use ndarray::{Array2, array};

    #[test]
    fn bits_are_in_order_and_come_back() {
        let values = [f32::NEG_INFINITY, -3.5, -1e-30, 0.0, 1e-30, 2.0, f32::MAX];
        assert!(values.windows(2).all(|w| sortable(w[0]) < sortable(w[1])));
        assert!(values.iter().all(|&x| value(sortable(x)) == x));
        assert_eq!(sortable(-0.0), sortable(0.0));
    }

    fn grower<'a>(columns: &'a Array2<f32>, classes: &'a [usize]) -> Grower<'a> {
        let columns = columns.view();
        Grower {
            columns,
            classes,
            count: 3,
            tried: 1,
            min_leaf: 1,
            max_depth: usize::MAX,
            kind: Kind::Bootstrap,
        }
    }

    #[test]
    fn the_best_cut_is_that_of_the_definition() {
        // Classes in the order of the values. No cut can separate the values 4 and 4.
        let columns = array![[1.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0]];
        let classes = [0, 0, 1, 0, 1, 1, 2];
        let grower = grower(&columns, &classes);
        let inside: Vec<usize> = (0..7).collect();
        let split = grower
            .best(&inside, &[3, 3, 1], &mut [0], &mut Vec::new(), &mut Seed(0).rng())
            .unwrap();
        let gini = |part: &[usize]| {
            let n = part.len() as f64;
            let part_of = |class| part.iter().filter(|c| **c == class).count() as f64 / n;
            n * (1.0 - (0..3).map(|class| math::square(part_of(class))).sum::<f64>())
        };
        let cuts = [1, 2, 3, 5, 6];
        let best = cuts.into_iter().min_by(|&a, &b| {
            let of = |at: usize| gini(&classes[..at]) + gini(&classes[at..]);
            of(a).total_cmp(&of(b))
        });
        assert_eq!((best, split.threshold), (Some(2), 2.5));
    }

    #[test]
    fn a_random_cut_has_the_purity_of_its_threshold_and_keeps_to_the_least_leaf() {
        let columns = array![[1.0, 2.0, 3.0, 4.0, 4.0, 5.0, 6.0]];
        let classes = [0, 0, 1, 0, 1, 1, 2];
        let extreme = Grower { kind: Kind::Extreme, ..grower(&columns, &classes) };
        let inside: Vec<usize> = (0..7).collect();
        // Two of class 0 below; one of it, three of class 1 and one of class 2 above.
        let cut = |grower: &Grower, at| grower.random_cut(columns.row(0), &inside, &[3, 3, 1], at);
        assert_eq!(cut(&extreme, 2.5), Some((4.0 / 2.0 + 11.0 / 5.0, 2.5)));
        assert_eq!(cut(&Grower { min_leaf: 3, ..extreme }, 2.5), None);
        let mut rng = Seed(4).rng();
        let drawn: Vec<f32> = (0..1000).map(|_| between(1.0, 6.0, &mut rng)).collect();
        assert!(drawn.iter().all(|x| (1.0..6.0).contains(x)));
        let mean = drawn.iter().sum::<f32>() / 1000.0;
        assert!((mean - 3.5).abs() < 0.2, "{mean}");
        // Only one threshold fits between neighbouring floats.
        let next = 1.0f32.next_up();
        assert!((0..100).all(|_| between(1.0, next, &mut rng) == 1.0));
    }

    #[test]
    fn extreme_trees_use_every_clip_once() {
        let mut rng = Seed(5).rng();
        let columns = Array2::from_shape_simple_fn((4, 90), || rng.normal() as f32);
        let classes: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let tree = Grower { kind: Kind::Extreme, ..grower(&columns, &classes) }.grow(Seed(2).rng());
        assert!(tree.leaves.iter().all(|part| *part == 0.0 || *part == 1.0));
        for clip in 0..90 {
            let mut node = 0;
            while let Node { dimension: Some(dimension), threshold, child } = tree.nodes[node] {
                node = child + usize::from(columns[[dimension, clip]] > threshold);
            }
            assert_eq!(tree.leaves[tree.nodes[node].child * 3 + classes[clip]], 1.0, "clip {clip}");
        }
    }

    #[test]
    fn a_tree_grows_until_its_leaves_are_pure_or_small() {
        let mut rng = Seed(1).rng();
        let columns = Array2::from_shape_simple_fn((4, 90), || rng.normal() as f32);
        let classes: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let whole = grower(&columns, &classes).grow(Seed(2).rng());
        assert!(whole.leaves.iter().all(|part| *part == 0.0 || *part == 1.0));
        assert_eq!(
            whole.nodes.iter().filter(|n| n.dimension.is_none()).count() * 3,
            whole.leaves.len()
        );
        let flat = Grower { max_depth: 1, ..grower(&columns, &classes) }.grow(Seed(2).rng());
        assert_eq!(flat.nodes.len(), 3);
        let thick = Grower { min_leaf: 30, ..grower(&columns, &classes) }.grow(Seed(2).rng());
        assert!((2..=3).contains(&(thick.leaves.len() / 3)));
    }

    #[test]
    fn what_nothing_parts_is_a_leaf() {
        let columns = Array2::ones((4, 6));
        let tree = grower(&columns, &[0, 1, 2, 0, 1, 2]).grow(Seed(3).rng());
        assert_eq!(tree.nodes.len(), 1);
        assert!((tree.leaves.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    }
}
