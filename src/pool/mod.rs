//! The family of pools: the frames of one clip become one vector.

use ndarray::ArrayView2;

use crate::diagnose::Problem;
use crate::family;

/// A way to turn frames into one vector.
pub trait Pool: Send + Sync {
    /// Raised whenever the same input gives other output; held by golden values.
    fn version(&self) -> u32;

    /// Settings out of range, all of them.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// One vector from (frames, dims); its length is a multiple of dims. There is at least one
    /// frame.
    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32>;

    /// Vectors of `dims` the result is made of, for estimates of memory.
    fn parts(&self) -> usize {
        1
    }
}

mod moments;
mod ranks;

family! {
    /// Every pool a spec can name.
    pub enum PoolSpec: Pool {
        "mean" => Mean(moments::Mean),
        "std" => Std(moments::Std),
        "max" => Max(ranks::Max),
        "gwrp" => Gwrp(ranks::Gwrp),
    }
}
