//! The family of pools: the frames of one clip become one vector.

use ndarray::ArrayView2;

use crate::diagnose::Problem;
use crate::family;

/// A way to turn frames into one vector.
pub trait Pool: Send + Sync {
    /// Raised whenever the same input gives other output. Golden values in tests guard it.
    fn version(&self) -> u32;

    /// All settings that are out of range.
    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }

    /// Why frames of `dims` values do not fit the settings, if so.
    fn misfit(&self, _dims: usize) -> Option<String> {
        None
    }

    /// One vector from (frames, dims), which fit. Its length is a multiple of dims. There is at least one
    /// frame.
    fn pool(&self, frames: ArrayView2<f32>) -> Vec<f32>;

    /// The length of the result in multiples of `dims`, for estimates of memory.
    fn parts(&self) -> usize {
        1
    }
}

mod deviation;
mod moments;
mod ranks;

family! {
    /// Every pool a spec can name.
    pub enum PoolSpec: Pool {
        "mean" => Mean(moments::Mean),
        "std" => Std(moments::Std),
        "max" => Max(ranks::Max),
        "gwrp" => Gwrp(ranks::Gwrp),
        "rdp" => Rdp(deviation::Rdp),
        "gem" => Gem(deviation::Gem),
        "rdp_gem" => RdpGem(deviation::RdpGem),
    }
}
