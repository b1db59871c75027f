//! Pooling: the maximum within a window, and the mean or maximum over a whole image.

use super::{Window, examples};
use crate::math::vectorized;
use rayon::prelude::*;

/// y\[n, i, j, c\] is the maximum under the window; places outside the image do not count. `which`
/// holds its position in `x`, the first of several. A NaN under the window is the result.
pub fn max_pool(x: &[f32], window: Window, channels: usize, y: &mut [f32], which: &mut [u32]) {
    let count = examples(x.len(), window.pixels_in() * channels);
    assert_eq!(y.len(), count * window.pixels_out() * channels);
    assert_eq!(which.len(), y.len());
    assert!(
        u32::try_from(x.len()).is_ok(),
        "{} numbers are too many for places of 32 bits",
        x.len()
    );
    let columns: Vec<_> = (0..window.output[1]).map(|at| window.seen_by(1, at)).collect();
    let rows: Vec<_> = (0..window.output[0]).map(|at| window.seen_by(0, at)).collect();
    assert!(
        rows.iter().chain(&columns).all(|seen| !seen.is_empty()),
        "a window lies outside the image"
    );
    let row_length = window.output[1] * channels;
    y.par_chunks_mut(row_length).zip(which.par_chunks_mut(row_length)).enumerate().for_each(
        |(at, (y, which))| {
            let (example, row) = (at / window.output[0], at % window.output[0]);
            let pixels = y.chunks_mut(channels).zip(which.chunks_mut(channels));
            for ((y, which), columns) in pixels.zip(&columns) {
                let mut fresh = true;
                for (_, r) in &rows[row] {
                    for (_, s) in columns {
                        let place =
                            ((example * window.input[0] + r) * window.input[1] + s) * channels;
                        let x = &x[place..place + channels];
                        if fresh {
                            y.copy_from_slice(x);
                            which
                                .iter_mut()
                                .zip(place as u32..)
                                .for_each(|(which, place)| *which = place);
                            fresh = false;
                        } else {
                            keep_larger(x, place as u32, y, which);
                        }
                    }
                }
            }
        },
    );
}

/// The gradient of [`max_pool`] with respect to `x`: every gradient goes to the position of the
/// maximum. Runs on one thread, because windows overlap; it is a small part of any network.
pub fn max_pool_backward(dy: &[f32], which: &[u32], dx: &mut [f32]) {
    assert_eq!(dy.len(), which.len());
    dx.fill(0.0);
    dy.iter().zip(which).for_each(|(dy, which)| dx[*which as usize] += dy);
}

/// y\[n, c\] = mean of x\[n, pixel, c\], summed in `f64`; the number of examples follows from `y`.
pub fn global_mean(x: &[f32], channels: usize, y: &mut [f32]) {
    let image = image(x.len(), channels, y.len());
    y.par_chunks_mut(channels).zip(x.par_chunks(image)).for_each(|(y, x)| {
        let mut sums = vec![0.0; channels];
        add_up(x, &mut sums);
        let pixels = (image / channels) as f64;
        y.iter_mut().zip(sums).for_each(|(y, sum)| *y = (sum / pixels) as f32);
    });
}

/// The gradient of [`global_mean`] with respect to `x`.
pub fn global_mean_backward(dy: &[f32], channels: usize, dx: &mut [f32]) {
    let image = image(dx.len(), channels, dy.len());
    let share = channels as f32 / image as f32;
    dx.par_chunks_mut(image).zip(dy.par_chunks(channels)).for_each(|(dx, dy)| {
        for dx in dx.chunks_mut(channels) {
            dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy * share);
        }
    });
}

/// y\[n, c\] = the maximum of x\[n, pixel, c\], and its position in `x`, the first of several.
pub fn global_max(x: &[f32], channels: usize, y: &mut [f32], which: &mut [u32]) {
    let pixels = image(x.len(), channels, y.len()) / channels;
    let window = Window {
        input: [pixels, 1],
        output: [1; 2],
        kernel: [pixels, 1],
        stride: [1; 2],
        pad: [0; 2],
    };
    max_pool(x, window, channels, y, which);
}

/// Numbers per image of an input of `length` numbers with `pooled` outputs.
fn image(length: usize, channels: usize, pooled: usize) -> usize {
    let count = examples(pooled, channels);
    assert!(
        count > 0 && length.is_multiple_of(count * channels),
        "{length} numbers in {count} images"
    );
    length / count
}

vectorized! {
    fn keep_larger(x: &[f32], place: u32, y: &mut [f32], which: &mut [u32]) {
        for (c, ((x, y), which)) in x.iter().zip(y).zip(which).enumerate() {
            let larger = (*x > *y) | (x.is_nan() & !y.is_nan());
            *y = if larger { *x } else { *y };
            *which = if larger { place + c as u32 } else { *which };
        }
    }

    fn add_up(x: &[f32], sums: &mut [f64]) {
        for x in x.chunks(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum += f64::from(*x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_close, dot, draws, same_bits};
    use super::*;

    #[test]
    fn the_largest_of_a_window_and_its_gradient() {
        let window =
            Window { input: [7, 9], output: [4, 5], kernel: [3; 2], stride: [2; 2], pad: [1; 2] };
        let x = draws(3 * window.pixels_in() * 5, 0.1);
        let size = 3 * window.pixels_out() * 5;
        let y = same_bits(|| {
            let (mut y, mut which) = (vec![0.0; size], vec![0; size]);
            max_pool(&x, window, 5, &mut y, &mut which);
            y.extend(which.iter().map(|which| x[*which as usize]));
            y
        });
        assert_eq!(y[..size], y[size..]);
        for (at, y) in y[..size].iter().enumerate() {
            let (c, j, i, n) = (at % 5, at / 5 % 5, at / 25 % 4, at / 100);
            let mut largest = f32::NEG_INFINITY;
            for r in (2 * i).saturating_sub(1)..(2 * i + 2).min(7) {
                for s in (2 * j).saturating_sub(1)..(2 * j + 2).min(9) {
                    largest = largest.max(x[((n * 7 + r) * 9 + s) * 5 + c]);
                }
            }
            assert_eq!(*y, largest);
        }
        let (mut y, mut which) = (vec![0.0; size], vec![0; size]);
        max_pool(&x, window, 5, &mut y, &mut which);
        let (dy, mut dx) = (draws(size, 0.2), vec![f32::NAN; x.len()]);
        max_pool_backward(&dy, &which, &mut dx);
        assert!((dot(&dx, &x) - dot(&dy, &y)).abs() < 1e-4);
    }

    #[test]
    fn the_first_of_several_and_what_is_not_a_number() {
        let (mut y, mut which) = (vec![0.0; 2], vec![0; 2]);
        global_max(&[1.0, 5.0, 3.0, 5.0, 3.0, 2.0], 2, &mut y, &mut which);
        assert_eq!((y, which), (vec![3.0, 5.0], vec![2, 1]));
        let (mut y, mut which) = (vec![0.0], vec![0]);
        global_max(&[1.0, f32::NAN, 3.0], 1, &mut y, &mut which);
        assert!(y[0].is_nan() && which == [1]);
    }

    #[test]
    fn the_mean_of_an_image_and_its_gradient() {
        let x = draws(4 * 6 * 3, 0.3);
        let y = same_bits(|| {
            let mut y = vec![0.0; 12];
            global_mean(&x, 3, &mut y);
            y
        });
        let want: Vec<f64> = (0..12)
            .map(|at| {
                (0..6).map(|pixel| f64::from(x[(at / 3 * 6 + pixel) * 3 + at % 3])).sum::<f64>()
                    / 6.0
            })
            .collect();
        assert_close(&y, &want, 1e-6);
        let (dy, mut dx) = (draws(12, 0.4), vec![f32::NAN; x.len()]);
        global_mean_backward(&dy, 3, &mut dx);
        assert!((dot(&dx, &x) - dot(&dy, &y)).abs() < 1e-5);
    }
}
