//! Convolution over all channels, as matrix products: `w` is `(kernel rows * kernel columns *
//! channels in) x channels out`. For a kernel of one pixel, and so for a dense layer, one matrix
//! product suffices. For any other kernel the input is unfolded first (im2col), a few output rows
//! at a time, so that the unfolded part stays in the cache.
//!
//! Each product runs on one thread. The work is split among threads in chunks whose size depends on
//! shapes alone.

use super::spread::Spread;
use super::{Window, examples};
use crate::math::{Matrix, Packed, multiply};
use rayon::prelude::*;
use std::cell::RefCell;

/// Numbers that one chunk of a product reads and writes, about: 1 MiB.
const CHUNK: usize = 1 << 18;

/// y\[n, i, j, o\] = sum over a, b, c of x\[n, i stride - pad + a, j stride - pad + b, c\] w\[a, b,
/// c, o\], with `channels` = \[in, out\].
pub fn convolve(x: &[f32], w: &[f32], window: Window, channels: [usize; 2], y: &mut [f32]) {
    check(x, w, window, channels, y);
    let [ci, co] = channels;
    if window.is_pointwise() {
        let (rows, w) = (chunk_rows(y.len() / co, ci + co), Packed::new(Matrix::plain(w, co)));
        y.par_chunks_mut(rows * co).zip(x.par_chunks(rows * ci)).for_each(|(y, x)| {
            w.multiply(Matrix::plain(x, ci), y, false);
        });
        return;
    }
    let (spread, w) = (Spread::new(window, ci), Packed::new(Matrix::plain(w, co)));
    y.par_chunks_mut(spread.block() * window.output[1] * co).enumerate().for_each(|(block, y)| {
        let count = y.len() / (window.output[1] * co);
        with_scratch(count * window.output[1] * spread.depth(), |columns| {
            spread.fill(x, block * spread.block(), columns);
            w.multiply(Matrix::plain(columns, spread.depth()), y, false);
        });
    });
}

/// The gradient of [`convolve`] with respect to `x`; added to `dx` if `accumulate`.
pub fn convolve_input(
    dy: &[f32],
    w: &[f32],
    window: Window,
    channels: [usize; 2],
    dx: &mut [f32],
    accumulate: bool,
) {
    check(dx, w, window, channels, dy);
    let [ci, co] = channels;
    if window.is_pointwise() {
        let (rows, w) =
            (chunk_rows(dy.len() / co, ci + co), Packed::new(Matrix::transposed(w, co)));
        dx.par_chunks_mut(rows * ci).zip(dy.par_chunks(rows * co)).for_each(|(dx, dy)| {
            w.multiply(Matrix::plain(dy, co), dx, accumulate);
        });
        return;
    }
    let (spread, w) = (Spread::new(window, ci), Packed::new(Matrix::transposed(w, co)));
    let (example_in, example_out) = (window.pixels_in() * ci, window.pixels_out() * co);
    dx.par_chunks_mut(example_in).zip(dy.par_chunks(example_out)).for_each(|(dx, dy)| {
        if !accumulate {
            dx.fill(0.0);
        }
        for (block, dy) in dy.chunks(spread.block() * window.output[1] * co).enumerate() {
            with_scratch(dy.len() / co * spread.depth(), |columns| {
                w.multiply(Matrix::plain(dy, co), columns, false);
                spread.gather(columns, block * spread.block(), dx);
            });
        }
    });
}

/// The gradient of [`convolve`] with respect to `w`.
pub fn convolve_kernel(
    x: &[f32],
    dy: &[f32],
    window: Window,
    channels: [usize; 2],
    dw: &mut [f32],
) {
    check(x, dw, window, channels, dy);
    let [ci, co] = channels;
    if window.is_pointwise() {
        let rows = cached_rows(ci + co);
        if dy.len() <= 2 * rows * co {
            // With few rows, each chunk takes some of the inputs over all rows.
            let (rows, dy) = (dy.len() / co, Packed::new(Matrix::plain(dy, co)));
            dw.par_chunks_mut(64 * co).enumerate().for_each(|(block, dw)| {
                let x = Matrix {
                    data: &x[block * 64..],
                    rows: dw.len() / co,
                    columns: rows,
                    steps: [1, ci],
                };
                dy.multiply(x, dw, false);
            });
            return;
        }
        let parts: Vec<Vec<f32>> = dy
            .par_chunks(rows * co)
            .zip(x.par_chunks(rows * ci))
            .map(|(dy, x)| {
                let mut part = vec![0.0; ci * co];
                multiply(Matrix::transposed(x, ci), Matrix::plain(dy, co), &mut part, false);
                part
            })
            .collect();
        return fold(&parts, dw);
    }
    let spread = Spread::new(window, ci);
    let block = spread.block() * window.output[1] * co;
    // Several blocks share a partial sum. Otherwise the partial sums would outweigh the blocks.
    let parts: Vec<Vec<f32>> = dy
        .par_chunks(8 * block)
        .enumerate()
        .map(|(chunk, dy)| {
            let mut part = vec![0.0; dw.len()];
            for (at, dy) in dy.chunks(block).enumerate() {
                with_scratch(dy.len() / co * spread.depth(), |columns| {
                    spread.fill(x, (chunk * 8 + at) * spread.block(), columns);
                    let columns = Matrix::transposed(columns, spread.depth());
                    multiply(columns, Matrix::plain(dy, co), &mut part, at > 0);
                });
            }
            part
        })
        .collect();
    fold(&parts, dw);
}

fn check(x: &[f32], w: &[f32], window: Window, [ci, co]: [usize; 2], y: &[f32]) {
    assert!(ci > 0 && co > 0);
    assert_eq!(w.len(), window.taps() * ci * co);
    let count = examples(x.len(), window.pixels_in() * ci);
    assert_eq!(y.len(), count * window.pixels_out() * co);
}

/// Rows per chunk of a product with `rows` rows, each of `each` numbers in and out. At least four
/// chunks, if each can have 64 rows. Finer chunks cost one thread more (4 % of 64 rows by 640 by
/// 128, 20 % with transposed weights) than they give many threads.
fn chunk_rows(rows: usize, each: usize) -> usize {
    (rows / 4).next_multiple_of(64).clamp(64, cached_rows(each))
}

/// Number of rows that a core's second-level cache holds.
fn cached_rows(each: usize) -> usize {
    (CHUNK / each / 64 * 64).clamp(128, 4096)
}

/// The sum of `parts`, in their order.
fn fold(parts: &[Vec<f32>], into: &mut [f32]) {
    into.fill(0.0);
    for part in parts {
        into.iter_mut().zip(part).for_each(|(into, part)| *into += part);
    }
}

/// Calls `run` with a buffer of the thread of `length` numbers with arbitrary content. Fresh memory
/// would be paged in anew for every block.
fn with_scratch<T>(length: usize, run: impl FnOnce(&mut [f32]) -> T) -> T {
    thread_local!(static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) });
    let mut scratch = SCRATCH.take();
    if scratch.len() < length {
        scratch.resize(length, 0.0);
    }
    let out = run(&mut scratch[..length]);
    SCRATCH.set(scratch);
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, dot, draws, same_bits};
    use super::*;

    fn cases() -> Vec<(usize, Window, [usize; 2])> {
        let window =
            |input, output, kernel, stride, pad| Window { input, output, kernel, stride, pad };
        vec![
            (3, window([16, 30], [8, 15], [3, 3], [2, 2], [1, 1]), [1, 16]),
            (3, window([16, 30], [8, 15], [3, 3], [2, 2], [0, 0]), [3, 7]),
            (2, window([9, 7], [9, 7], [3, 3], [1, 1], [1, 1]), [8, 5]),
            (2, window([9, 8], [5, 4], [1, 1], [2, 2], [0, 0]), [6, 8]),
            (5, window([1, 50], [1, 24], [1, 5], [1, 2], [0, 1]), [4, 3]),
            // Enough rows for several chunks of the pointwise products.
            (3, window([40, 50], [40, 50], [1, 1], [1, 1], [0, 0]), [200, 24]),
            (150, Window::dense(), [33, 300]),
        ]
    }

    /// The definition, in `f64`.
    fn slow(x: &[f32], w: &[f32], window: Window, [ci, co]: [usize; 2]) -> Vec<f64> {
        let Window { input, output, kernel, stride, pad } = window;
        let count = x.len() / (input[0] * input[1] * ci);
        let mut y = vec![0.0; count * output[0] * output[1] * co];
        for (at, y) in y.chunks_mut(co).enumerate() {
            let (n, i, j) =
                (at / output[1] / output[0], at / output[1] % output[0], at % output[1]);
            for tap in 0..kernel[0] * kernel[1] {
                let (r, s) = (i * stride[0] + tap / kernel[1], j * stride[1] + tap % kernel[1]);
                let (r, s) = (r.wrapping_sub(pad[0]), s.wrapping_sub(pad[1]));
                if r < input[0] && s < input[1] {
                    for c in 0..ci {
                        let x = f64::from(x[((n * input[0] + r) * input[1] + s) * ci + c]);
                        for (o, y) in y.iter_mut().enumerate() {
                            *y += x * f64::from(w[(tap * ci + c) * co + o]);
                        }
                    }
                }
            }
        }
        y
    }

    #[test]
    fn agrees_with_the_definition() {
        for (count, window, channels) in cases() {
            let x = draws(count * window.pixels_in() * channels[0], 0.1);
            let w = draws(window.taps() * channels[0] * channels[1], 0.2);
            let y = same_bits(|| {
                let mut y = vec![f32::NAN; count * window.pixels_out() * channels[1]];
                convolve(&x, &w, window, channels, &mut y);
                y
            });
            assert_close(&y, &slow(&x, &w, window, channels), 2e-5);
        }
    }

    #[test]
    fn gradients_are_the_adjoint() {
        for (count, window, channels) in cases() {
            let x = draws(count * window.pixels_in() * channels[0], 0.3);
            let w = draws(window.taps() * channels[0] * channels[1], 0.4);
            let dy = draws(count * window.pixels_out() * channels[1], 0.5);
            let dx = same_bits(|| {
                let mut dx = vec![1.0; x.len()];
                convolve_input(&dy, &w, window, channels, &mut dx, true);
                dx.iter_mut().for_each(|dx| *dx -= 1.0);
                dx
            });
            let mut again = vec![f32::NAN; x.len()];
            convolve_input(&dy, &w, window, channels, &mut again, false);
            let want: Vec<f64> = again.iter().map(|dx| f64::from(*dx)).collect();
            assert_close(&dx, &want, 2e-5);
            let dw = same_bits(|| {
                let mut dw = vec![f32::NAN; w.len()];
                convolve_kernel(&x, &dy, window, channels, &mut dw);
                dw
            });
            // Linear in x and in w: three ways give the same number. The seeds vary the probes.
            for seed in [0.3, 0.6, 0.7] {
                let (x2, w2) = (draws(x.len(), seed), draws(w.len(), seed + 0.1));
                let whole = |x: &[f32], w: &[f32]| -> f64 {
                    slow(x, w, window, channels)
                        .iter()
                        .zip(&dy)
                        .map(|(y, dy)| y * f64::from(*dy))
                        .sum()
                };
                assert!((dot(&again, &x2) - whole(&x2, &w)).abs() < 2e-2);
                assert!((dot(&dw, &w2) - whole(&x, &w2)).abs() < 2e-2);
            }
        }
    }
}
