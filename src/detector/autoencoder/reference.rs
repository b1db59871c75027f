//! A log-mel spectrogram by its definition, in f64, for the frames that need no padding.
//!
//! It stands here so that the oracle of the autoencoder does not hang on the features of this crate.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// `10 log10(mel + eps)` with librosa's Slaney filters, 128 bands, frames of 1024 every 512 samples, periodic
/// Hann window. Frame `t` starts at sample `512 t + offset` (`-512` for librosa's `center=True`).
pub fn log_mel(samples: &[f32], rate: f64, frames: std::ops::Range<usize>, offset: isize) -> Vec<f32> {
    let fft = FftPlanner::<f64>::new().plan_fft_forward(1024);
    let window: Vec<f64> = (0..1024).map(|n| 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / 1024.0).cos()).collect();
    let filters = slaney(rate);
    let mut values = Vec::new();
    for t in frames {
        let start = usize::try_from(512 * t as isize + offset).expect("frames beside the edge are not for here");
        let frame = &samples[start..start + 1024];
        let mut x: Vec<Complex<f64>> =
            frame.iter().zip(&window).map(|(&x, w)| Complex::new(f64::from(x) * w, 0.0)).collect();
        fft.process(&mut x);
        let power: Vec<f64> = x[..513].iter().map(|x| x.norm_sqr()).collect();
        for filter in &filters {
            let mel: f64 = filter.iter().zip(&power).map(|(w, p)| w * p).sum();
            values.push((10.0 * (mel + f64::EPSILON).log10()) as f32);
        }
    }
    values
}

/// Slaney's scale: linear to 1 kHz, then 27 bands a factor of 6.4; triangles of equal area.
fn slaney(rate: f64) -> Vec<Vec<f64>> {
    let step = 6.4f64.ln() / 27.0;
    let to_mel = |hz: f64| if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + (hz / 1000.0).ln() / step };
    let to_hz = |mel: f64| if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * step).exp() };
    let edges: Vec<f64> = (0..130).map(|i| to_hz(to_mel(rate / 2.0) * f64::from(i) / 129.0)).collect();
    let triangle = |e: &[f64]| {
        let bin = |k: usize| {
            let hz = rate * k as f64 / 1024.0;
            let height = ((hz - e[0]) / (e[1] - e[0])).min((e[2] - hz) / (e[2] - e[1]));
            height.max(0.0) * 2.0 / (e[2] - e[0])
        };
        (0..513).map(bin).collect()
    };
    edges.windows(3).map(triangle).collect()
}
