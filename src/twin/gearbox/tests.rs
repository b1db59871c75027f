use std::collections::BTreeMap;

use super::super::testing::{self, line, rms, strongest};
use super::*;
use crate::seed::Seed;

fn sound(
    attributes: &[(&str, &str)],
    fault: Option<(&str, f64)>,
    clip: u64,
) -> Result<Vec<f32>, String> {
    testing::clip(render, attributes, fault, (16_000.0, 4.0), clip)
}

/// Mesh frequencies of the test's unit at a crank speed, from its numbers of teeth.
fn ratios() -> ([f64; 2], [f64; 2]) {
    let kind = &mut Seed(4).rng();
    let pinions = [9 + kind.below(3), 11 + kind.below(3)].map(|n| n as f64);
    ([(56 + kind.below(7)) as f64 / pinions[0], (54 + kind.below(8)) as f64 / pinions[1]], pinions)
}

#[test]
fn both_meshes_sound_at_teeth_times_turns_and_rise_with_the_voltage() {
    let (ratios, pinions) = ratios();
    for (volt, free) in [("1.5", 3.75), ("3.0", 8.25)] {
        // Without a weight the speed is nearly even.
        let x = sound(&[("volt", volt), ("wt", "0")], None, 1).unwrap();
        let second = free * ratios[1] * pinions[1];
        let (found, height) = strongest(&x, 0.9 * second, 1.1 * second);
        assert!(height > 5.0 * line(&x, 16_000.0, 1.2 * found), "{volt} {found} {height}");
        let first = found / pinions[1] * ratios[0] * pinions[0];
        let (other, _) = strongest(&x, 0.985 * first, 1.015 * first);
        assert!((other / first - 1.0).abs() < 0.006, "{volt} {other} {first}");
    }
}

#[test]
fn a_weight_makes_the_tones_glide() {
    let (ratios, pinions) = ratios();
    let second = 3.75 * ratios[1] * pinions[1];
    let height =
        |wt| strongest(&sound(&[("wt", wt)], None, 1).unwrap(), 0.85 * second, 1.1 * second).1;
    assert!(height("0") > 1.5 * height("250"), "{} {}", height("0"), height("250"));
}

#[test]
fn a_broken_tooth_scrapes_once_a_turn_of_the_middle_shaft() {
    let (ratios, _) = ratios();
    let middle = 3.75 * ratios[1];
    let depth = |fault| {
        let x = sound(&[("wt", "0")], fault, 2).unwrap();
        let envelope: Vec<f32> = x.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).collect();
        strongest(&envelope, 0.9 * middle, 1.1 * middle).1 / rms(&envelope)
    };
    let (normal, broken) = (depth(None), depth(Some(("gear damage", 1.0))));
    assert!(broken > 1.5 * normal, "{normal} {broken}");
}

#[test]
fn overload_lowers_the_tones_and_wear_raises_the_second_harmonic() {
    let (ratios, pinions) = ratios();
    let second = 3.75 * ratios[1] * pinions[1];
    let mesh = |fault| {
        let x = sound(&[("wt", "0")], fault, 3).unwrap();
        let (hz, height) = strongest(&x, 0.85 * second, 1.1 * second);
        (hz, strongest(&x, 1.99 * hz, 2.01 * hz).1 / height)
    };
    let normal = mesh(None);
    assert!(mesh(Some(("overload", 1.0))).0 < 0.98 * normal.0);
    assert!(
        mesh(Some(("wear", 1.0))).1 > 1.2 * normal.1,
        "{:?} {normal:?}",
        mesh(Some(("wear", 1.0)))
    );
}

#[test]
fn over_voltage_turns_the_motor_faster_and_makes_its_brushes_arc() {
    let (ratios, pinions) = ratios();
    // So slow that all harmonics fit into the band at either voltage; then the box is the same.
    let second = PACE * (0.7 - IDLE) * ratios[1] * pinions[1];
    let heard = |volt, fault| {
        let x = sound(&[("wt", "0"), ("volt", volt)], fault, 3).unwrap();
        let (hz, _) = strongest(&x, 0.9 * second, 1.3 * second);
        // Six pulses a turn of the motor.
        let pulses = hz / pinions[1] * ratios[0] * 6.0;
        (hz, strongest(&x, 0.985 * pulses, 1.015 * pulses).1)
    };
    let (normal, fault) = (heard("0.7", None), heard("0.7", Some(("over voltage", 1.0))));
    // The loss in brushes and bearings stays the same.
    let expected = (1.1 * 0.7 - IDLE) / (0.7 - IDLE);
    assert!((fault.0 / normal.0 / expected - 1.0).abs() < 0.03, "{fault:?} {normal:?} {expected}");
    // A box set to the higher voltage is as fast, but its brushes do not arc.
    let set = heard("0.77", None);
    assert!((fault.0 / set.0 - 1.0).abs() < 0.01 && fault.1 > 1.3 * set.1, "{fault:?} {set:?}");
    assert!(supply(15.0) < 1.25 && supply(0.0) == 1.0);
}

#[test]
fn a_fault_of_size_0_is_none_and_of_size_1_is_no_matter_of_level() {
    let normal = sound(&[], None, 3).unwrap();
    for fault in FAULTS {
        assert_eq!(sound(&[], Some((fault, 0.0)), 3).unwrap(), normal);
        let ratio = rms(&sound(&[], Some((fault, 1.0)), 3).unwrap()) / rms(&normal);
        assert!((0.75..1.35).contains(&ratio) && (ratio - 1.0).abs() > 1e-4, "{fault} {ratio}");
    }
}

#[test]
fn clips_and_boxes_differ_and_have_the_level_of_a_clip() {
    let clips: Vec<_> = (0..4).map(|clip| sound(&[], None, clip).unwrap()).collect();
    assert_ne!(clips[0], clips[1]);
    for x in &clips {
        assert!((0.015..0.06).contains(&rms(x)), "{}", rms(x));
    }
    assert_ne!(sound(&[("id", "05")], None, 0).unwrap(), sound(&[("id", "08")], None, 0).unwrap());
}

#[test]
fn odd_rates_and_lengths_survive() {
    for (volt, wt) in [("0.4", "500"), ("4", "500"), ("4", "0")] {
        let attributes: BTreeMap<_, _> = [("volt", volt), ("wt", wt)]
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        for (rate, samples) in
            [(4000.0, 400), (11_025.0, 1103), (48_000.0, 9601), (192_000.0, 20_001)]
        {
            for fault in FAULTS {
                let fault = Some((*fault, 2.0));
                let (unit, clip) = (Seed(9), Seed(8));
                let x = render(&Scene {
                    rate,
                    samples,
                    unit,
                    clip,
                    attributes: &attributes,
                    fault,
                    tuning: Default::default(),
                })
                .unwrap();
                assert_eq!(x.len(), samples);
                assert!(
                    x.iter().all(|x| x.abs() < 2.0) && rms(&x) > 1e-4,
                    "{rate} {volt} {}",
                    rms(&x)
                );
            }
        }
    }
}

#[test]
fn what_the_box_does_not_know_is_refused_by_name() {
    assert_eq!(sound(&[("volt", "0.1")], None, 0).unwrap_err(), "`volt` is `0.1`, not in 0.4..4");
    assert!(sound(&[("wt", "-3")], None, 0).unwrap_err().contains("`wt` is `-3`"));
    assert!(sound(&[("wt", "heavy")], None, 0).unwrap_err().contains("`heavy`"));
    assert!(sound(&[("id", "NaN")], None, 0).unwrap_err().contains("`id`"));
}
