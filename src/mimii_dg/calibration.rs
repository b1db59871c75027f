//! The calibration of the twin. Its numbers are not from the paper.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::twin::Tuning;

const TEXT: &str = include_str!("../../experiments/mimii_dg/calibration.yaml");

/// What `examples/calibrate_twin` found for the generated sounds of a section: sizes with which
/// detectors are about as good in noise of the paper's levels as on the data set itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub fault: f64,
    pub mark_db: f64,
    pub spread_db: f64,
    pub shift_db: f64,
    pub jitter: f64,
    /// What differs between clips of the target domain, as a share of what differs between those of
    /// the source: a factor of `spread_db` and `jitter`. Recordings of one day differ less than
    /// those of many.
    pub calm: f64,
}

impl Calibration {
    /// The sizes of clips of the source domain.
    pub fn source(&self) -> Tuning {
        let Self { fault, mark_db, spread_db, shift_db, jitter, calm: _ } = *self;
        Tuning { fault, mark_db, spread_db, shift_db, jitter }
    }

    /// The sizes of clips of the target domain.
    pub fn target(&self) -> Tuning {
        let source = self.source();
        Tuning {
            spread_db: self.calm * source.spread_db,
            jitter: self.calm * source.jitter,
            ..source
        }
    }
}

/// The calibration of a section.
pub fn calibration(machine: &str, section: &str) -> Option<Calibration> {
    static TABLE: LazyLock<BTreeMap<String, BTreeMap<String, Calibration>>> =
        LazyLock::new(|| serde_yaml::from_str(TEXT).expect("the embedded calibration is sound"));
    TABLE.get(machine)?.get(section).copied()
}

#[cfg(test)]
mod tests {
    use super::super::machines;
    use super::*;

    #[test]
    fn each_section_is_calibrated() {
        for (name, machine) in machines() {
            for section in machine.sections.keys() {
                assert!(calibration(name, section).is_some(), "{name} {section}");
            }
        }
        assert_eq!(calibration("fan", "03").or(calibration("pump", "00")), None);
    }

    #[test]
    fn clips_of_the_target_differ_less() {
        let sizes = Calibration {
            fault: 2.0,
            mark_db: 3.0,
            spread_db: 4.0,
            shift_db: 1.0,
            jitter: 0.02,
            calm: 0.5,
        };
        let source =
            Tuning { fault: 2.0, mark_db: 3.0, spread_db: 4.0, shift_db: 1.0, jitter: 0.02 };
        assert_eq!(sizes.source(), source);
        let target = Tuning { spread_db: 2.0, jitter: 0.01, ..source };
        assert_eq!(sizes.target(), target);
    }
}
