//! Activation functions, by themselves and inside the loops of the normalisation.

use super::rows::CHUNK;
use crate::math::vectorized;
use rayon::prelude::*;

/// The activation after a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Identity,
    Relu,
    /// min(max(a, 0), 6), as in MobileNetV2.
    Relu6,
}

impl Activation {
    /// All three are clamps. The gradient passes strictly between the bounds.
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Activation::Identity => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
        }
    }
}

/// `a` held between the bounds. NaN stays NaN, so that a diverging training shows.
#[inline(always)]
pub fn clamp(a: f32, low: f32, high: f32) -> f32 {
    let a = if a < low { low } else { a };
    if a > high { high } else { a }
}

/// `d` where `a` is strictly between the bounds, else 0.
#[inline(always)]
pub fn masked(d: f32, a: f32, low: f32, high: f32) -> f32 {
    if (a > low) & (a < high) { d } else { 0.0 }
}

/// y = activation(z), for a layer without normalisation.
pub fn activate(z: &[f32], activation: Activation, y: &mut [f32]) {
    assert_eq!(z.len(), y.len());
    let (low, high) = activation.bounds();
    y.par_chunks_mut(CHUNK).zip(z.par_chunks(CHUNK)).for_each(|(y, z)| clamp_all(z, low, high, y));
}

/// The gradient through [`activate`], in place.
pub fn activate_backward(dy_to_dz: &mut [f32], z: &[f32], activation: Activation) {
    assert_eq!(z.len(), dy_to_dz.len());
    let (low, high) = activation.bounds();
    dy_to_dz
        .par_chunks_mut(CHUNK)
        .zip(z.par_chunks(CHUNK))
        .for_each(|(d, z)| mask_all(d, z, low, high));
}

vectorized! {
    fn clamp_all(z: &[f32], low: f32, high: f32, y: &mut [f32]) {
        for (y, z) in y.iter_mut().zip(z) {
            *y = clamp(*z, low, high);
        }
    }

    fn mask_all(d: &mut [f32], z: &[f32], low: f32, high: f32) {
        for (d, z) in d.iter_mut().zip(z) {
            *d = masked(*d, *z, low, high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_and_masks() {
        let z = [-1.0, 0.0, 3.0, 6.0, 7.0, -0.5];
        let mut y = [0.0; 6];
        activate(&z, Activation::Relu6, &mut y);
        assert_eq!(y, [0.0, 0.0, 3.0, 6.0, 6.0, 0.0]);
        let mut d = [2.0; 6];
        activate_backward(&mut d, &z, Activation::Relu6);
        assert_eq!(d, [0.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
        let mut d = [2.0; 6];
        activate_backward(&mut d, &z, Activation::Identity);
        assert_eq!(d, [2.0; 6]);
    }
}
