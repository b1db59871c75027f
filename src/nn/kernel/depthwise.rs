//! Depthwise convolution: every channel has its own kernel, and `w` is `kernel rows x kernel
//! columns x channels`.
//!
//! It contains no matrix product, so the loops are ours. The forward pass and the gradient with
//! respect to the input are the same loop in two directions: a destination pixel is a weighted sum
//! of source pixels. Neighbouring destinations (every stride-th one, on the way back) have the same
//! weights and evenly spaced sources. The loop holds eight such neighbours in vector registers. So
//! it loads a weight once for eight products, and the additions of one sum never wait for each
//! other. The gradient with respect to the weights runs along the same lines and holds the weights'
//! sums in registers instead.

use super::correlate::Correlate;
use super::gather::Gather;
use super::sight::Sight;
use super::{Window, examples};
use crate::math::Level;
use rayon::prelude::*;

/// y\[n, i, j, c\] = sum over a, b of x\[n, i stride - pad + a, j stride - pad + b, c\] w\[a, b,
/// c\].
pub fn depthwise(x: &[f32], w: &[f32], window: Window, channels: usize, y: &mut [f32]) {
    check(x, w, window, channels, y);
    let sight = Sight::new(window, channels, false);
    gather(&sight, x, w, y, false);
}

/// The gradient of [`depthwise`] with respect to `x`; added to `dx` if `accumulate`.
pub fn depthwise_input(
    dy: &[f32],
    w: &[f32],
    window: Window,
    channels: usize,
    dx: &mut [f32],
    accumulate: bool,
) {
    check(dx, w, window, channels, dy);
    let sight = Sight::new(window, channels, true);
    gather(&sight, dy, w, dx, accumulate);
}

/// The gradient of [`depthwise`] with respect to `w`. Sums over an example are in `f32`, the sum
/// over examples is in `f64`.
pub fn depthwise_kernel(x: &[f32], dy: &[f32], window: Window, channels: usize, dw: &mut [f32]) {
    check(x, dw, window, channels, dy);
    let sight = Sight::new(window, channels, false);
    let parts: Vec<Vec<f32>> = dy
        .par_chunks(window.pixels_out() * channels)
        .zip(x.par_chunks(window.pixels_in() * channels))
        .map(|(dy, x)| {
            let mut part = vec![0.0; dw.len()];
            Level::current().run(Correlate { sight: &sight, x, dy, dw: &mut part });
            part
        })
        .collect();
    for (i, dw) in dw.iter_mut().enumerate() {
        *dw = parts.iter().map(|part| f64::from(part[i])).sum::<f64>() as f32;
    }
}

fn check(x: &[f32], w: &[f32], window: Window, channels: usize, y: &[f32]) {
    assert!(channels > 0);
    assert_eq!(w.len(), window.taps() * channels);
    let count = examples(x.len(), window.pixels_in() * channels);
    assert_eq!(y.len(), count * window.pixels_out() * channels);
}

/// Numbers of the destination per piece of work, at least.
const BAND: usize = 1 << 15;

fn gather(sight: &Sight, from: &[f32], w: &[f32], to: &mut [f32], accumulate: bool) {
    let example = sight.row * sight.lines.len();
    let source = (from.len() / (to.len() / example).max(1)).max(1);
    let rows = BAND.div_ceil(sight.row);
    to.par_chunks_mut(example).zip(from.par_chunks(source)).for_each(|(to, from)| {
        to.par_chunks_mut(rows * sight.row).zip(sight.lines.par_chunks(rows)).for_each(
            |(to, lines)| {
                Level::current().run(Gather { sight, lines, from, w, to, accumulate });
            },
        );
    });
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, dot, draws, same_bits};
    use super::*;

    fn windows() -> Vec<(Window, usize)> {
        let window =
            |input, output, kernel, stride, pad| Window { input, output, kernel, stride, pad };
        vec![
            (window([9, 21], [9, 21], [3, 3], [1, 1], [1, 1]), 16),
            (window([8, 22], [4, 11], [3, 3], [2, 2], [1, 1]), 48),
            // Keras's padding for "same": nothing before, one after.
            (window([8, 22], [4, 11], [3, 3], [2, 2], [0, 0]), 8),
            (window([7, 13], [4, 7], [5, 3], [2, 2], [2, 1]), 19),
            (window([1, 40], [1, 14], [1, 4], [1, 3], [0, 2]), 33),
            // With a stride wider than the kernel, no output uses some of the pixels.
            (window([5, 6], [2, 2], [1, 2], [3, 4], [0, 0]), 3),
            (window([2, 4], [2, 4], [3, 3], [1, 1], [1, 1]), 5),
        ]
    }

    /// The definition, in `f64`.
    fn slow(x: &[f32], w: &[f32], window: Window, channels: usize) -> Vec<f64> {
        let Window { input, output, kernel, stride, pad } = window;
        let mut y = Vec::new();
        for x in x.chunks(input[0] * input[1] * channels) {
            for (i, j, c) in itertools(output, channels) {
                let mut sum = 0.0;
                for (a, b, _) in itertools(kernel, 1) {
                    let (r, s) = (
                        (i * stride[0] + a).wrapping_sub(pad[0]),
                        (j * stride[1] + b).wrapping_sub(pad[1]),
                    );
                    if r < input[0] && s < input[1] {
                        let at = x[(r * input[1] + s) * channels + c];
                        sum += f64::from(at) * f64::from(w[(a * kernel[1] + b) * channels + c]);
                    }
                }
                y.push(sum);
            }
        }
        y
    }

    fn itertools(size: [usize; 2], channels: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..size[0]).flat_map(move |i| {
            (0..size[1]).flat_map(move |j| (0..channels).map(move |c| (i, j, c)))
        })
    }

    #[test]
    fn agrees_with_the_definition() {
        for (window, channels) in windows() {
            let x = draws(3 * window.pixels_in() * channels, 0.1);
            let w = draws(window.taps() * channels, 0.2);
            let y = same_bits(|| {
                let mut y = vec![f32::NAN; 3 * window.pixels_out() * channels];
                depthwise(&x, &w, window, channels, &mut y);
                y
            });
            assert_close(&y, &slow(&x, &w, window, channels), 1e-5);
        }
    }

    #[test]
    fn gradients_are_the_adjoint() {
        for (window, channels) in windows() {
            let x = draws(3 * window.pixels_in() * channels, 0.3);
            let w = draws(window.taps() * channels, 0.4);
            let dy = draws(3 * window.pixels_out() * channels, 0.5);
            let dx = same_bits(|| {
                let mut dx = vec![f32::NAN; x.len()];
                depthwise_input(&dy, &w, window, channels, &mut dx, false);
                dx
            });
            let dw = same_bits(|| {
                let mut dw = vec![f32::NAN; w.len()];
                depthwise_kernel(&x, &dy, window, channels, &mut dw);
                dw
            });
            // The map is linear in x and in w, so unit vectors read one value of the adjoint at a
            // time.
            let probe = |x: &[f32], w: &[f32]| -> f64 {
                slow(x, w, window, channels).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
            };
            for at in (0..x.len()).step_by(x.len() / 40 + 1) {
                let mut unit = vec![0.0; x.len()];
                unit[at] = 1.0;
                assert_close(&dx[at..=at], &[probe(&unit, &w)], 1e-5);
            }
            for at in (0..w.len()).step_by(w.len() / 40 + 1) {
                let mut unit = vec![0.0; w.len()];
                unit[at] = 1.0;
                assert_close(&dw[at..=at], &[probe(&x, &unit)], 1e-5);
            }
            let whole = probe(&x, &w);
            assert!((dot(&dx, &x) - whole).abs() < 1e-3 && (dot(&dw, &w) - whole).abs() < 1e-3);
        }
    }

    #[test]
    fn accumulates_on_request() {
        let (window, channels) = windows()[1];
        let (w, dy) = (draws(9 * channels, 0.1), draws(window.pixels_out() * channels, 0.2));
        let mut plain = vec![0.0; window.pixels_in() * channels];
        depthwise_input(&dy, &w, window, channels, &mut plain, false);
        let mut added = vec![2.0; plain.len()];
        depthwise_input(&dy, &w, window, channels, &mut added, true);
        let want: Vec<f64> = plain.iter().map(|dx| f64::from(*dx) + 2.0).collect();
        assert_close(&added, &want, 1e-6);
    }
}
