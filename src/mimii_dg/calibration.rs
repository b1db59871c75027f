//! The calibration of the twin. Its numbers are not from the paper.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::twin::Tuning;

const TEXT: &str = include_str!("../../experiments/mimii_dg/calibration.yaml");

/// What `examples/calibrate_twin` found for the generated sounds of a section: sizes with which
/// detectors are about as good in noise of the paper's levels as on the data set itself.
pub fn tuning(machine: &str, section: &str) -> Option<Tuning> {
    static TABLE: LazyLock<BTreeMap<String, BTreeMap<String, Tuning>>> =
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
                assert!(tuning(name, section).is_some(), "{name} {section}");
            }
        }
        assert_eq!(tuning("fan", "03").or(tuning("pump", "00")), None);
    }
}
