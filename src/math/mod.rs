//! Arithmetic that gives the same bits on every processor.
//!
//! Results must not depend on the width of the processor's vectors, the number of threads or the C
//! library (decision 12 of the design). So all code that produces stored bytes takes its elementary
//! functions and matrix products from here, and from nowhere else.
//!
//! This room knows numbers and slices. It imports none of our rooms and does not know what the
//! numbers mean.

mod elementary;
mod fused;
mod lanes;
mod level;
mod product;
mod tile;
mod transpose;

pub use elementary::{
    Real, acos, cos, exp, exp2, hypot, ln, ln_1p, log10, powf, powi, sin, sin_cos, square,
};
pub use lanes::{Element, Lanes, Vector};
#[cfg(test)]
pub use level::testing::at_every_level;
pub(crate) use level::vectorized;
pub use level::{ENVIRONMENT, Kernel, Level};
pub use product::{Matrix, Packed, multiply, multiply_rows};
pub use transpose::transpose;
