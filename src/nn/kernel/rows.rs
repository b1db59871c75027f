//! Tensors as rows of channels: how the loops split them, and the bias added to every row.

use crate::math::vectorized;
use rayon::prelude::*;

/// Numbers per chunk of work, about. As many are summed in `f32` before the sums are added in
/// `f64`. It is 64 KiB of each tensor, which a core's second-level cache holds, so a second reading
/// costs no memory access.
pub const CHUNK: usize = 1 << 14;

/// How `rows x channels` is split. Several rows are read as one wide row, so that few channels fill
/// the vector registers as well as many do.
#[derive(Clone, Copy)]
pub struct Cut {
    pub channels: usize,
    /// Numbers in a wide row.
    pub wide: usize,
}

impl Cut {
    pub fn new(length: usize, channels: usize) -> Cut {
        assert!(
            channels > 0 && length.is_multiple_of(channels),
            "{length} numbers in {channels} channels"
        );
        let fill = if channels < 64 { 64 } else { 16 };
        Cut { channels, wide: channels * (fill / gcd(channels, fill)) }
    }

    pub fn chunk(&self) -> usize {
        CHUNK.div_ceil(self.wide) * self.wide
    }

    /// One number per channel, repeated over a wide row.
    pub fn widen(&self, per_channel: &[f32]) -> Vec<f32> {
        assert_eq!(per_channel.len(), self.channels);
        per_channel.repeat(self.wide / self.channels)
    }

    /// Adds the sums over a wide row to those of the channels.
    pub fn narrow(&self, sums: &[f32], into: &mut [f64]) {
        for row in sums.chunks_exact(self.channels) {
            into.iter_mut().zip(row).for_each(|(into, sum)| *into += f64::from(*sum));
        }
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// z += bias, channel by channel.
pub fn add_bias(z: &mut [f32], bias: &[f32]) {
    let cut = Cut::new(z.len(), bias.len());
    let bias = cut.widen(bias);
    z.par_chunks_mut(cut.chunk()).for_each(|z| add_rows(z, &bias));
}

/// The gradient of [`add_bias`] with respect to the bias: sums over rows.
pub fn bias_gradient(dz: &[f32], dbias: &mut [f32]) {
    let cut = Cut::new(dz.len(), dbias.len());
    let parts: Vec<Vec<f64>> = dz
        .par_chunks(cut.chunk())
        .map(|chunk| {
            let (mut part, mut sums) = (vec![0.0; cut.channels], vec![0.0; cut.wide]);
            sum_rows(chunk, &mut sums);
            cut.narrow(&sums, &mut part);
            part
        })
        .collect();
    for (c, dbias) in dbias.iter_mut().enumerate() {
        *dbias = parts.iter().map(|part| part[c]).sum::<f64>() as f32;
    }
}

vectorized! {
    pub fn sum_rows(z: &[f32], sums: &mut [f32]) {
        for z in z.chunks(sums.len()) {
            for (sum, z) in sums.iter_mut().zip(z) {
                *sum += z;
            }
        }
    }

    fn add_rows(z: &mut [f32], bias: &[f32]) {
        for z in z.chunks_mut(bias.len()) {
            for (z, bias) in z.iter_mut().zip(bias) {
                *z += bias;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, draws, same_bits};
    use super::*;

    #[test]
    fn bias_is_added_and_its_gradient_sums_rows() {
        let mut z = [-1.0, 0.0, 3.0, 6.0, 7.0, -0.5];
        add_bias(&mut z, &[1.0, 2.0, 3.0]);
        assert_eq!(z, [0.0, 2.0, 6.0, 7.0, 9.0, 2.5]);
        let dz = draws(9001 * 7, 0.3);
        let dbias = same_bits(|| {
            let mut dbias = vec![f32::NAN; 7];
            bias_gradient(&dz, &mut dbias);
            dbias
        });
        let want: Vec<f64> =
            (0..7).map(|c| dz.iter().skip(c).step_by(7).map(|d| f64::from(*d)).sum()).collect();
        assert_close(&dbias, &want, 1e-4);
    }
}
