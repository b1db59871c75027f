use std::collections::BTreeMap;

use super::super::testing::{self, rms};
use super::*;
use crate::seed::Seed;

fn clip(
    text: &[(&str, &str)],
    fault: Option<(&str, f64)>,
    rate: f64,
    seconds: f64,
) -> Result<Vec<f32>, String> {
    testing::clip(render, text, fault, (rate, seconds), 8)
}

/// Amplitude of a line at a frequency, by correlation with a sine.
fn line(samples: &[f32], hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, x) in samples.iter().enumerate() {
        let (sin, cos) = math::sin_cos(TAU * hz * i as f64 / 16_000.0);
        re += f64::from(*x) * cos;
        im += f64::from(*x) * sin;
    }
    2.0 * (re * re + im * im).sqrt() / samples.len() as f64
}

/// The strongest line at 8.5 to 10.5 cycles a millimetre, in Hz, and its ratio to the others there.
fn steps(vel: f64) -> (f64, f64) {
    let samples = clip(&[("vel", &vel.to_string())], None, 16_000.0, 2.0).unwrap();
    // Short pieces, because the speed is not quite steady.
    let strength =
        |hz: f64| samples.chunks(800).step_by(2).map(|piece| line(piece, hz)).sum::<f64>();
    let mut lines: Vec<(f64, f64)> =
        (0..100).map(|i| vel * (8.5 + 0.02 * f64::from(i))).map(|hz| (strength(hz), hz)).collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    (lines[0].1, lines[0].0 / lines[50].0)
}

#[test]
fn the_motor_sings_at_its_steps_and_their_pitch_follows_the_speed() {
    let ((slow, clear), (fast, _)) = (steps(300.0), steps(600.0));
    // 200 steps a turn of 20 to 21.5 mm.
    assert!((9.2..10.1).contains(&(slow / 300.0)), "{slow} Hz at 300 mm/s");
    assert!(clear > 3.0, "{clear}");
    assert!((1.96..2.04).contains(&(fast / slow)), "{fast} against {slow} Hz");
}

#[test]
fn faster_is_louder_and_levels_are_as_agreed() {
    let level =
        |name: &str, value: &str| rms(&clip(&[(name, value)], None, 16_000.0, 10.0).unwrap());
    assert!(level("vel", "1200") > 1.4 * level("vel", "400"));
    assert!(level("ac", "0.14") > 1.4 * level("ac", "0.02"));
    assert!((0.02..0.06).contains(&level("vel", "700")), "{}", level("vel", "700"));
}

#[test]
fn a_stroke_takes_as_long_as_speed_and_acceleration_say() {
    let attributes =
        |text: &[(&str, &str)]| text.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    let duration = |attributes: &BTreeMap<String, String>| {
        let scene = Scene {
            rate: 8000.0,
            samples: 0,
            unit: Seed(0),
            clip: Seed(0),
            attributes,
            fault: None,
            tuning: Default::default(),
        };
        let plan = plan(&scene).unwrap();
        (plan.peak, plan.corners()[3])
    };
    // 0.57 m / 0.5 m/s + 0.5 m/s / 0.3 g
    let (peak, time) = duration(&attributes(&[("vel", "500"), ("ac", "0.3")]));
    assert!((peak - 0.5).abs() < 1e-9 && (time - 1.30995).abs() < 1e-4, "{peak} m/s, {time} s");
    // 93 % of sqrt(0.11 g * 0.57 m)
    let (peak, _) = duration(&attributes(&[("ac", "0.11")]));
    assert!((peak - 0.72925).abs() < 1e-4, "{peak} m/s");
}

#[test]
fn a_crack_strikes_at_each_passage_and_all_faults_keep_the_level() {
    let normal = clip(&[("vel", "500")], None, 16_000.0, 10.0).unwrap();
    let faulty =
        |fault, size| clip(&[("vel", "500")], Some((fault, size)), 16_000.0, 10.0).unwrap();
    for fault in FAULTS {
        assert_eq!(faulty(fault, 0.0), normal, "{fault} of size 0");
        let (with, without) = (rms(&faulty(fault, 1.0)), rms(&normal));
        assert!((0.97..1.1).contains(&(with / without)), "{fault}: {with} against {without}");
    }
    let cracked = faulty("rail crack", 1.0);
    // Tenths of a second with added sound, counted at their beginning. Ten seconds hold 7 or 8
    // strokes.
    let struck: Vec<bool> = cracked
        .chunks(1600)
        .zip(normal.chunks(1600))
        .map(|(x, y)| rms(&x.iter().zip(y).map(|(x, y)| x - y).collect::<Vec<_>>()) > 0.002)
        .collect();
    let passages =
        struck.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(struck[0]);
    assert!((6..=9).contains(&passages), "{passages}: {struck:?}");
}

#[test]
fn any_rate_and_length_works() {
    for (rate, seconds) in [(4000.0, 0.1), (11_025.0, 1.3), (48_000.0, 0.5)] {
        for (fault, text) in
            FAULTS.iter().zip([[("vel", "1300")], [("vel", "1")], [("ac", "0.01")]])
        {
            let samples = clip(&text, Some((fault, 1.5)), rate, seconds).unwrap();
            assert_eq!(samples.len(), (rate * seconds) as usize);
            assert!(samples.iter().all(|x| x.is_finite() && x.abs() < 0.7));
        }
    }
}

#[test]
fn what_is_no_speed_is_refused() {
    let refused = |name: &str, value: &str| clip(&[(name, value)], None, 8000.0, 0.5).unwrap_err();
    assert_eq!(refused("vel", "fast"), "`vel` is `fast`, not a number");
    assert_eq!(refused("ac", "-0.1"), "`ac` is `-0.1`, not above 0");
    assert_eq!(refused("vel", "NaN"), "`vel` is `NaN`, not above 0");
}
