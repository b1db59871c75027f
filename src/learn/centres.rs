//! Finds the nearest of a few centres for each of many vectors.
//!
//! As in `neighbours`, a matrix product in f32 only rules centres out. Centres that its rounding
//! cannot tell apart are measured in f64. So the answer is that of f64 arithmetic, whichever
//! kernel, CPU and number of threads made the product. Taking the mean off the vectors first leaves
//! little doubt to resolve.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, CowArray, Ix2};

use super::Error;
use super::product::product;
use crate::context::Context;
use crate::math;

/// Rows per product and per piece of parallel work.
const BLOCK: usize = 1024;

/// The two types that vectors come in.
pub(crate) trait Value: Copy + Into<f64> + Send + Sync {
    fn of(value: f64) -> Self;
    /// `self` - `shift`, with one rounding to f32.
    fn minus(self, shift: Self) -> f32;
}

impl Value for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }

    fn minus(self, shift: Self) -> f32 {
        self - shift
    }
}

impl Value for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn minus(self, shift: Self) -> f32 {
        (self - shift) as f32
    }
}

/// The nearest of `centres` (centres, dims) to each row of `x` (rows, dims), with the squared
/// distance to it.
pub(crate) fn nearest<T: Value>(
    centres: &Array2<f64>,
    x: ArrayView2<T>,
    cx: &Context,
) -> Result<Vec<(usize, f64)>, Error> {
    let points = Points::new(x, cx);
    let labels = points.labels(centres, cx)?;
    let measure = |row| {
        (labels[row], points.distance(row, centres.row(labels[row]).to_slice().expect("C order")))
    };
    Ok(points.map_rows(cx, measure))
}

/// Vectors as rows, with their statistics that need no centres.
pub(crate) struct Points<'a, T: Clone> {
    x: CowArray<'a, T, Ix2>,
    /// Ranges of rows, one per piece of work.
    pub(crate) blocks: Vec<Range<usize>>,
    /// The mean of the rows. Taking it off makes the rows small, and so the roundings of their
    /// products.
    shift: Vec<T>,
    /// The squared norm of each row minus the shift.
    squares: Vec<f64>,
    /// The population variance, as the mean over dimensions.
    pub(crate) variance: f64,
}

impl<'a, T: Value> Points<'a, T> {
    /// Prepares the rows of `x` (rows, dims), at least one.
    pub(crate) fn new(x: ArrayView2<'a, T>, cx: &Context) -> Self {
        let x = if x.is_standard_layout() { x.into() } else { CowArray::from(x.map(|v| *v)) };
        let (rows, dims) = x.dim();
        let blocks: Vec<_> =
            (0..rows).step_by(BLOCK).map(|first| first..rows.min(first + BLOCK)).collect();
        let mut points =
            Self { x, blocks, shift: vec![T::of(0.0); dims], squares: Vec::new(), variance: 0.0 };
        let sums = cx.map(&points.blocks, |block| {
            let mut sum = vec![0.0; dims];
            block.clone().for_each(|row| add(&mut sum, points.row(row)));
            sum
        });
        let mut mean = vec![0.0; dims];
        sums.iter().for_each(|sum| add(&mut mean, sum));
        mean.iter_mut().for_each(|m| *m /= rows as f64);
        points.shift = mean.iter().map(|mean| T::of(*mean)).collect();
        let shift: Vec<f64> = points.shift.iter().map(|s| (*s).into()).collect();
        points.squares = points.map_rows(cx, |row| points.distance(row, &shift));
        let off: f64 =
            mean.iter().zip(&shift).map(|(mean, shift)| math::square(mean - shift)).sum();
        points.variance =
            ((points.squares.iter().sum::<f64>() / rows as f64 - off) / dims as f64).max(0.0);
        points
    }

    pub(crate) fn len(&self) -> usize {
        self.x.nrows()
    }

    pub(crate) fn row(&self, row: usize) -> &[T] {
        let dims = self.shift.len();
        &self.x.as_slice().expect("C order")[row * dims..][..dims]
    }

    /// The given rows, unshifted, for use as centres.
    pub(crate) fn select(&self, rows: &[usize]) -> Array2<f64> {
        let values =
            rows.iter().flat_map(|&row| self.row(row).iter().map(|x| (*x).into())).collect();
        Array2::from_shape_vec((rows.len(), self.shift.len()), values).expect("its size")
    }

    /// The squared distance of a row to a point.
    pub(crate) fn distance(&self, row: usize, to: &[f64]) -> f64 {
        squared_distance(self.row(row), to)
    }

    /// Applies `f` to every row, in order.
    pub(crate) fn map_rows<R: Send + Clone>(
        &self,
        cx: &Context,
        f: impl Fn(usize) -> R + Sync + Send,
    ) -> Vec<R> {
        cx.map(&self.blocks, |block| block.clone().map(&f).collect::<Vec<R>>()).concat()
    }

    /// The nearest centre of every row; the first of equally near ones.
    pub(crate) fn labels(&self, centres: &Array2<f64>, cx: &Context) -> Result<Vec<usize>, Error> {
        let screen = Screen::new(centres, &self.shift);
        let labels = cx.map(&self.blocks, |block| self.block_labels(block, &screen));
        if cx.cancelled() { Err(Error::Cancelled) } else { Ok(labels.concat()) }
    }

    /// The nearest centres of a block's rows.
    pub(crate) fn block_labels(&self, block: &Range<usize>, screen: &Screen) -> Vec<usize> {
        // One row per centre, so that the loop over its values vectorizes.
        let products =
            self.products(block, screen).reversed_axes().as_standard_layout().into_owned();
        let mut best = vec![f32::INFINITY; block.len()];
        let mut second = best.clone();
        let mut labels = vec![0u32; block.len()];
        for (c, (products, &square)) in products.rows().into_iter().zip(&screen.squares).enumerate()
        {
            let products = products.to_slice().expect("C order");
            for (((&product, best), second), label) in
                products.iter().zip(&mut best).zip(&mut second).zip(&mut labels)
            {
                // The squared distance, without the term that does not depend on the centre.
                let value = square - 2.0 * product;
                let worse = if value > *best { value } else { *best };
                *second = if worse < *second { worse } else { *second };
                *label = if value < *best { c as u32 } else { *label };
                *best = if value < *best { value } else { *best };
            }
        }
        let decide = |(i, label): (usize, u32)| {
            let row = block.start + i;
            let limit = f64::from(best[i]) + screen.doubt(self.squares[row]);
            if f64::from(second[i]) > limit {
                return label as usize;
            }
            let mut nearest = (0, f64::INFINITY);
            for (c, centre) in screen.centres.rows().into_iter().enumerate() {
                // Written so that an overflow (NaN) is measured.
                if f64::from(screen.squares[c] - 2.0 * products[[c, i]]) > limit {
                    continue;
                }
                let distance = self.distance(row, centre.to_slice().expect("C order"));
                nearest = if distance < nearest.1 { (c, distance) } else { nearest };
            }
            nearest.0
        };
        labels.into_iter().enumerate().map(decide).collect()
    }

    /// The squared distances of a block's rows to each centre.
    pub(crate) fn block_distances(&self, block: &Range<usize>, screen: &Screen) -> Vec<Vec<f64>> {
        let products = self.products(block, screen);
        let to = |c: usize| {
            let centre = screen.centres.row(c).to_slice().expect("C order");
            let distance = |(row, &product): (usize, &f32)| {
                let square = self.squares[row];
                let distance = square + f64::from(screen.squares[c]) - 2.0 * f64::from(product);
                // Between nearly equal vectors little more than rounding is left.
                if distance > 1000.0 * screen.doubt(square) {
                    distance
                } else {
                    self.distance(row, centre)
                }
            };
            block.clone().zip(products.column(c)).map(distance).collect()
        };
        (0..products.ncols()).map(to).collect()
    }

    /// A screen of some centres for these rows.
    pub(crate) fn screen<'c>(&self, centres: &'c Array2<f64>) -> Screen<'c> {
        Screen::new(centres, &self.shift)
    }

    /// The products of a block's rows with the centres, (rows, centres), all minus the shift. In
    /// this order the kernel needs no rearranged copy of the block.
    fn products(&self, block: &Range<usize>, screen: &Screen) -> Array2<f32> {
        let dims = self.shift.len();
        let mut near = vec![0.0; block.len() * dims];
        for (row, near) in block.clone().zip(near.chunks_exact_mut(dims)) {
            let values = self.row(row).iter().zip(&self.shift);
            near.iter_mut().zip(values).for_each(|(near, (x, shift))| *near = x.minus(*shift));
        }
        let near = ArrayView2::from_shape((block.len(), dims), &near).expect("its size");
        let mut out = Array2::zeros((block.len(), screen.near.nrows()));
        product(near, screen.near.t(), out.view_mut());
        out
    }
}

/// Centres, prepared for f32 products.
pub(crate) struct Screen<'c> {
    centres: &'c Array2<f64>,
    /// The centres minus the shift.
    near: Array2<f32>,
    /// Their squared norms.
    squares: Vec<f32>,
    /// The largest of their norms.
    largest: f64,
    unit: f64,
}

impl<'c> Screen<'c> {
    fn new<T: Value>(centres: &'c Array2<f64>, shift: &[T]) -> Self {
        let shift: Vec<f64> = shift.iter().map(|s| (*s).into()).collect();
        let near =
            Array2::from_shape_fn(centres.dim(), |(c, i)| (centres[[c, i]] - shift[i]) as f32);
        let square =
            |c: ndarray::ArrayView1<f64>| squared_distance(c.to_slice().expect("C order"), &shift);
        let squares: Vec<f64> = centres.rows().into_iter().map(square).collect();
        let largest = squares.iter().fold(0.0, |a: f64, b| a.max(*b)).sqrt();
        let nu = 1.01 * (shift.len() as f64 + 8.0) * math::powi(2f64, -24);
        let unit = nu / (1.0 - nu).max(f64::MIN_POSITIVE);
        Self { centres, near, squares: squares.iter().map(|s| *s as f32).collect(), largest, unit }
    }

    /// The least gap in f32 at which a centre is certainly nearer than another, for a row with this
    /// squared norm.
    ///
    /// With the rounding of both vectors and of their product of n numbers, `|c|² - 2x·c` in f32 is
    /// off by less than `2γ|x||c| + γ|c|²`, γ = nu/(1 - nu), u = 2⁻²⁴ (Higham 2002, section 3.1). A
    /// comparison has two of these errors.
    fn doubt(&self, square: f64) -> f64 {
        let doubt =
            2.0 * self.unit * (2.0 * square.sqrt() * self.largest + self.largest * self.largest);
        // Above the limit products may overflow. The constant covers products that vanish.
        if square.max(self.largest * self.largest) < 1e36 { doubt + 1e-30 } else { f64::INFINITY }
    }
}

/// Adds to a sum in f64.
pub(crate) fn add<T: Value>(sum: &mut [f64], x: &[T]) {
    sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += (*x).into());
}

/// The squared distance in f64, in eight lanes with an order that does not depend on the compiler.
fn squared_distance<T: Value>(x: &[T], to: &[f64]) -> f64 {
    let ((x, x_rest), (to, to_rest)) = (x.as_chunks::<8>(), to.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (x, to) in x.iter().zip(to) {
        for i in 0..8 {
            let off = x[i].into() - to[i];
            lanes[i] += off * off;
        }
    }
    let rest: f64 = x_rest.iter().zip(to_rest).map(|(x, to)| math::square((*x).into() - to)).sum();
    lanes.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use proptest::prelude::*;

    fn check<T: Value>(centres: &Array2<f64>, x: &Array2<T>) {
        let found = nearest(centres, x.view(), &Context::plain(0)).unwrap();
        assert_eq!(found.len(), x.nrows());
        for (x, found) in x.rows().into_iter().zip(found) {
            let distances = centres
                .rows()
                .into_iter()
                .map(|c| squared_distance(x.to_slice().unwrap(), c.to_slice().unwrap()));
            let brute_force = distances
                .enumerate()
                .fold((0, f64::INFINITY), |a, b| if b.1 < a.1 { b } else { a });
            assert_eq!(found, brute_force);
        }
    }

    fn random(seed: u64, rows: usize, dims: usize, offset: f64, scale: f64) -> Array2<f64> {
        let mut rng = Seed(seed).rng();
        Array2::from_shape_simple_fn((rows, dims), || offset + scale * rng.normal())
    }

    #[test]
    fn what_the_product_rules_out_is_never_nearest() {
        // More rows than a block; dims that do not fill the lanes.
        let x = random(1, 2500, 37, -40.0, 8.0);
        check(&random(2, 20, 37, -40.0, 8.0), &x);
        check(&random(2, 20, 37, -40.0, 8.0), &x.mapv(|x| x as f32));
    }

    #[test]
    fn centres_that_f32_cannot_tell_apart_are_measured() {
        let far = random(3, 8, 50, -40.0, 1.0);
        let mut centres = ndarray::concatenate![ndarray::Axis(0), far, far, far];
        centres.slice_mut(ndarray::s![8..16, 0]).mapv_inplace(|x| x * (1.0 + 1e-9));
        check(&centres, &random(4, 300, 50, -40.0, 1.0));
        check(&centres, &centres);
    }

    #[test]
    fn values_that_overflow_or_vanish_in_f32_are_still_measured() {
        for scale in [1e25, 1e-25, 1e150, 1e-150] {
            let mut x = random(5, 40, 9, 0.0, 1.0);
            x.row_mut(7).mapv_inplace(|x| x * scale);
            check(&random(6, 5, 9, 0.0, 1.0), &x);
            check(&random(6, 5, 9, 0.0, scale), &x);
            check(&random(6, 5, 9, 0.0, scale), &random(7, 40, 9, 0.0, scale));
        }
    }

    #[test]
    fn the_variance_is_that_of_the_definition() {
        let x = random(8, 3000, 7, 500.0, 0.1);
        let variance = x.var_axis(ndarray::Axis(0), 0.0).mean().unwrap();
        let points = Points::new(x.view(), &Context::plain(0));
        assert!((points.variance / variance - 1.0).abs() < 1e-9, "{} {variance}", points.variance);
    }

    proptest! {
        #[test]
        fn ties_go_to_the_first_centre(values in prop::collection::vec(0u8..3, 60)) {
            let x = Array2::from_shape_vec((30, 2), values.iter().map(|&x| f32::from(x)).collect()).unwrap();
            let centres = x.slice(ndarray::s![..6, ..]).mapv(f64::from);
            check(&centres, &x);
        }
    }
}
