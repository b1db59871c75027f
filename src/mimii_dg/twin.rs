//! The noise of the generated sounds. These levels are not from the paper.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::mix::Layer;

const TEXT: &str = include_str!("../../experiments/mimii_dg/twin.yaml");

type Noise = BTreeMap<String, BTreeMap<String, Vec<Layer>>>;

/// The layers of noise for a section of the twin: types, and the signal-to-noise ratios in dB to
/// which the generated sounds were calibrated. Most differ from the paper's, which are
/// [`Section::noise`](super::Section::noise).
pub fn twin_noise(machine: &str, section: &str) -> Option<&'static [Layer]> {
    static NOISE: LazyLock<Noise> = LazyLock::new(|| {
        serde_yaml::from_str(TEXT).expect("the embedded table of the twin is sound")
    });
    NOISE.get(machine)?.get(section).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::super::machines;
    use super::*;
    use crate::mix::Snr;

    /// The level of each section's last layer, in dB, as in the experiments on generated sounds.
    /// Fan 02 has a level for each clip.
    const LEVELS: [(&str, [f64; 3]); 5] = [
        ("bearing", [-9.0, -10.0, -10.0]),
        ("fan", [0.0, -3.0, f64::NAN]),
        ("gearbox", [-6.0, -6.0, -8.0]),
        ("slider", [-3.0, -3.0, -6.0]),
        ("valve", [-3.0, -5.0, -5.0]),
    ];

    #[test]
    fn the_levels_are_those_of_the_calibration() {
        for (machine, levels) in LEVELS {
            for (i, expected) in levels.into_iter().enumerate() {
                let layers = twin_noise(machine, &format!("0{i}")).unwrap();
                match &layers.last().unwrap().snr_db {
                    Snr::Db(db) => assert_eq!(*db, expected, "{machine} {i}"),
                    _ => assert!(expected.is_nan(), "{machine} {i}"),
                }
            }
        }
        let sections = |machine: &str| machines()[machine].sections.len();
        assert!(LEVELS.iter().all(|(machine, levels)| sections(machine) == levels.len()));
        assert_eq!(twin_noise("pump", "00").or(twin_noise("fan", "03")), None);
    }
}
