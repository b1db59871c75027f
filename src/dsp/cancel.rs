//! Takes from the near microphone what the far one hears as well, by least squares in each bin.

use super::fft::{Fft, Point};
use super::{Framing, LANES, Padding, hann};

/// Raised when the bytes change.
pub const CANCEL_VERSION: u32 = 1;

const FRAME: usize = 1024;
const HOP: usize = FRAME / 2;
const BINS: usize = FRAME / 2 + 1;

/// Keeps the division defined where the far microphone is silent.
const EPSILON: f64 = 1e-12;

/// What is left of `near`. Both have the same length, and so has the result.
///
/// With the spectra C of the near and F of the far microphone (periodic Hann window of 1024 samples,
/// hop 512, centred, reflected at the ends), each bin f has one factor for the whole clip: `H[f] =
/// sum C conj(F) / (sum |F|^2 + 1e-12)`. The result is the inverse transform of `C - H F`. This is
/// method W1 of kasahart (2026, `asd-experiments`), with two changes. Scaling the clip so that its
/// peak is 0.9 would destroy levels, so it is left out. And if the length is no multiple of the
/// hop, the inverse has one more frame at the end (H has not). So each sample is in two frames,
/// and the division by the sum of their windows never amplifies the edge of one.
pub fn cancel(near: &[f32], far: &[f32]) -> Vec<f32> {
    assert_eq!(near.len(), far.len(), "two microphones of one recording");
    if near.is_empty() {
        return Vec::new();
    }
    let mut plan = Plan::new(near.len());
    let factors = plan.factors(near, far);
    plan.rest(near, far, &factors)
}

/// Windows and transforms of one clip.
struct Plan {
    framing: Framing,
    window: Vec<f32>,
    fft: Fft,
    /// The frames that are changed and put together again.
    frames: usize,
    frame: Vec<f32>,
    near: Vec<Point>,
    far: Vec<Point>,
}

impl Plan {
    fn new(samples: usize) -> Self {
        let padding = Padding::Reflect;
        Self {
            framing: Framing { frame: FRAME, hop: HOP, center: true, padding },
            window: hann(FRAME),
            fft: Fft::new(FRAME),
            frames: samples.div_ceil(HOP) + 1,
            frame: vec![0.0; FRAME],
            near: vec![Point::default(); FRAME],
            far: vec![Point::default(); FRAME],
        }
    }

    /// The spectra of the frames from `first` on, in `near` and `far`. Returns the number of frames,
    /// at most one a lane.
    fn spectra(&mut self, near: &[f32], far: &[f32], first: usize) -> usize {
        let count = LANES.min(self.frames - first);
        for (samples, points) in [(near, &mut self.near), (far, &mut self.far)] {
            points.fill(Point::default());
            for lane in 0..count {
                self.framing.write(samples, first + lane, &mut self.frame);
                let windowed = self.frame.iter().zip(&self.window).map(|(x, w)| x * w);
                for (place, x) in self.fft.places().iter().zip(windowed) {
                    points[*place as usize].re.0[lane] = x;
                }
            }
            self.fft.transform(points);
        }
        count
    }

    /// H of each bin, real and imaginary.
    fn factors(&mut self, near: &[f32], far: &[f32]) -> Vec<[f64; 2]> {
        let mut sums = vec![[0.0f64; 3]; BINS];
        let frames = self.framing.count(near.len());
        for first in (0..frames).step_by(LANES) {
            let count = self.spectra(near, far, first).min(frames - first);
            for (sum, (c, f)) in sums.iter_mut().zip(self.near.iter().zip(&self.far)) {
                for lane in 0..count {
                    let ([a, b], [x, y]) = (at(c, lane), at(f, lane));
                    sum[0] += a * x + b * y;
                    sum[1] += b * x - a * y;
                    sum[2] += x * x + y * y;
                }
            }
        }
        let factor = |[re, im, power]: [f64; 3]| [re, im].map(|part| part / (power + EPSILON));
        sums.into_iter().map(factor).collect()
    }

    /// The inverse transform of C - H F: frames are windowed again, added up, and divided by the sum
    /// of their squared windows.
    fn rest(&mut self, near: &[f32], far: &[f32], factors: &[[f64; 2]]) -> Vec<f32> {
        let squares = |i: usize| self.window[i] * self.window[i];
        let shares: Vec<f32> = (0..FRAME)
            .map(|i| self.window[i] / (squares(i) + squares((i + HOP) % FRAME)))
            .collect();
        let mut out = vec![0.0; near.len()];
        for first in (0..self.frames).step_by(LANES) {
            let count = self.spectra(near, far, first);
            let mut points = vec![Point::default(); FRAME];
            let places = self.fft.places();
            for (k, [h, i]) in factors.iter().enumerate() {
                for lane in 0..count {
                    let ([a, b], [x, y]) = (at(&self.near[k], lane), at(&self.far[k], lane));
                    let (re, im) = (a - (h * x - i * y), b - (h * y + i * x));
                    // The forward transform of (im, re) is the inverse one of (re, im), with its
                    // parts exchanged. The upper half is the mirror of the lower.
                    let mut put = |k: usize, re: f64, im: f64| {
                        let point = &mut points[places[k] as usize];
                        (point.re.0[lane], point.im.0[lane]) = (im as f32, re as f32);
                    };
                    put(k, re, im);
                    if k > 0 && k < FRAME / 2 {
                        put(FRAME - k, re, -im);
                    }
                }
            }
            self.fft.transform(&mut points);
            for lane in 0..count {
                let start = (first + lane) * HOP;
                for (i, (point, share)) in points.iter().zip(&shares).enumerate() {
                    let sample = (start + i).checked_sub(HOP).and_then(|n| out.get_mut(n));
                    if let Some(sample) = sample {
                        *sample += point.im.0[lane] / FRAME as f32 * share;
                    }
                }
            }
        }
        out
    }
}

/// The number of one frame.
fn at(point: &Point, lane: usize) -> [f64; 2] {
    [f64::from(point.re.0[lane]), f64::from(point.im.0[lane])]
}

#[cfg(test)]
mod tests {
    use super::super::testing::noise;
    use super::*;
    use crate::math::{self, at_every_level};

    /// By the sum of the definition.
    fn filtered(samples: &[f32], taps: &[(usize, f32)]) -> Vec<f32> {
        let one =
            |i: usize, (d, tap): &(usize, f32)| if i >= *d { tap * samples[i - d] } else { 0.0 };
        (0..samples.len()).map(|i| taps.iter().map(|tap| one(i, tap)).sum()).collect()
    }

    fn decibels(samples: &[f32], of: &[f32]) -> f64 {
        let power = |x: &[f32]| x.iter().map(|x| f64::from(x * x)).sum::<f64>();
        10.0 * math::log10(power(samples) / power(of))
    }

    #[test]
    fn what_both_hear_vanishes_and_what_only_the_near_one_hears_stays() {
        // Of these lengths one is a multiple of the hop, and one is a sample more.
        for length in [65_536, 65_537, 80_000] {
            let far = noise(1, length);
            let leak = filtered(&far, &[(0, 0.7), (1, -0.3), (3, 0.2)]);
            assert!(decibels(&cancel(&leak, &far), &leak) < -40.0, "{length}");
            let machine: Vec<f32> =
                (0..length).map(|i| 0.05 * math::sin(0.31 * i as f64) as f32).collect();
            let near: Vec<f32> = machine.iter().zip(&leak).map(|(m, l)| m + l).collect();
            let left = cancel(&near, &far);
            let off: Vec<f32> = left.iter().zip(&machine).map(|(x, m)| x - m).collect();
            // Before, the leak is 4 dB louder than the machine. One factor a bin learns a little of the
            // machine's tone, too.
            assert!(decibels(&leak, &machine) > 4.0, "{length}");
            assert!(decibels(&off, &machine) < -12.0, "{length}: {}", decibels(&off, &machine));
        }
    }

    #[test]
    fn a_silent_far_microphone_changes_nothing() {
        for length in [1, 2, 700, 5000] {
            let near = noise(2, length);
            let left = cancel(&near, &vec![0.0; length]);
            let off = left.iter().zip(&near).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(left.len() == length && off < 1e-7, "{length}: {off:e}");
        }
        assert!(cancel(&[], &[]).is_empty());
        assert_eq!(cancel(&[0.0; 3000], &[0.0; 3000]), [0.0; 3000]);
    }

    #[test]
    fn the_rest_is_the_same_bits_at_every_level() {
        let (near, far) = (noise(2, 9000), noise(1, 9000));
        let bits = || cancel(&near, &far).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let runs = at_every_level(bits);
        assert!(runs.iter().all(|(_, bits)| *bits == runs[0].1));
    }
}
