//! The calibration of the twin. Its numbers are not from the paper.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{Section, Values};
use crate::twin::{Between, Tuning, WAYS};

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
    /// How far a shift of the target acts on the sound, as a share of what the machine's model makes
    /// of it: a number (speed, voltage, weight, acceleration) by [`Calibration::acting`], a way to
    /// the microphone (its place, panels) by [`Calibration::between`].
    pub reach: f64,
}

impl Calibration {
    /// The sizes of clips of the source domain.
    pub fn source(&self) -> Tuning {
        let Self { fault, mark_db, spread_db, shift_db, jitter, calm: _, reach: _ } = *self;
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

    /// The attributes that a clip of the target sounds with. The number that shifts (only numbers
    /// have a unit) goes the share `reach` of the way from the nearest value of the source to its
    /// own.
    pub fn acting(
        &self,
        section: &Section,
        attributes: &BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut acting = attributes.clone();
        let named = acting.get_mut(&section.attribute).filter(|_| section.unit.is_some());
        if let Some(text) = named
            && self.reach != 1.0
            && let Ok(number) = text.parse::<f64>()
            && let Some(near) = section.nearest_of_source(number)
        {
            *text = (near + self.reach * (number - near)).to_string();
        }
        acting
    }

    /// The way to the microphone of a clip of the target, if it is a share `reach` of its own way and
    /// the rest that of a value of the source: the one at the same place of the table.
    pub fn between(
        &self,
        section: &Section,
        attributes: &BTreeMap<String, String>,
    ) -> Option<Between> {
        let name = &section.attribute;
        if self.reach == 1.0 || !WAYS.contains(&name.as_str()) {
            return None;
        }
        let (own, theirs) = (values(&section.target, name)?, values(&section.source, name)?);
        let place = own.iter().position(|value| Some(value) == attributes.get(name))?;
        let mut attributes = attributes.clone();
        attributes.insert(name.clone(), theirs[place % theirs.len()].clone());
        Some(Between { attributes, share: self.reach })
    }
}

/// The values of an attribute in a domain.
fn values<'a>(domain: &'a [Values], name: &str) -> Option<&'a Vec<String>> {
    let mut all = domain.iter().flat_map(|values| &values.0);
    all.find(|(known, _)| *known == name).map(|(_, values)| values)
}

impl Section {
    /// The value of the source that is nearest to a number, if its values are numbers; of two the
    /// first.
    fn nearest_of_source(&self, number: f64) -> Option<f64> {
        let values = values(&self.source, &self.attribute)?;
        let numbers: Vec<f64> = values.iter().map(|v| v.parse().ok()).collect::<Option<_>>()?;
        numbers.into_iter().min_by(|a, b| (a - number).abs().total_cmp(&(b - number).abs()))
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
            reach: 1.0,
        };
        let source =
            Tuning { fault: 2.0, mark_db: 3.0, spread_db: 4.0, shift_db: 1.0, jitter: 0.02 };
        assert_eq!(sizes.source(), source);
        let target = Tuning { spread_db: 2.0, jitter: 0.01, ..source };
        assert_eq!(sizes.target(), target);
    }

    #[test]
    fn a_shifted_number_acts_by_its_reach_and_a_word_whole() {
        let acting = |machine: &str, section: &str, reach, name: &str, value: &str| {
            let sizes = Calibration { reach, ..calibration(machine, section).unwrap() };
            let attributes = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let section = super::super::section(machine, section).unwrap();
            sizes.acting(section, &attributes)[name].clone()
        };
        let number = |text: String| (1e6 * text.parse::<f64>().unwrap()).round() / 1e6;
        // The source has 300, 500, 700, 900 and 1100 mm/s.
        assert_eq!(acting("slider", "00", 0.5, "vel", "100"), "200");
        assert_eq!(acting("slider", "00", 0.25, "vel", "1300"), "1150");
        assert_eq!(acting("slider", "00", 1.0, "vel", "100"), "100");
        assert_eq!(number(acting("slider", "01", 0.5, "ac", "0.14")), 0.125);
        // The speed of bearing 01 is no shift, and an id is no number.
        assert_eq!(acting("bearing", "01", 0.5, "vel", "4"), "4");
        assert_eq!(acting("gearbox", "02", 0.5, "id", "00"), "00");
    }

    #[test]
    fn a_way_to_the_microphone_lies_between_two() {
        let between = |machine: &str, section: &str, reach, name: &str, value: &str| {
            let sizes = Calibration { reach, ..calibration(machine, section).unwrap() };
            let attributes = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let found =
                sizes.between(super::super::section(machine, section).unwrap(), &attributes);
            found.map(|between| (between.attributes[name].clone(), between.share))
        };
        // The source has A to D and the target E to H.
        assert_eq!(between("bearing", "01", 0.4, "loc", "F"), Some(("B".into(), 0.4)));
        assert_eq!(between("valve", "01", 0.1, "panel", "s-c"), Some(("bs-c".into(), 0.1)));
        assert_eq!(between("bearing", "01", 1.0, "loc", "F"), None);
        // A speed and another gearbox are no ways.
        assert_eq!(between("slider", "00", 0.5, "vel", "100"), None);
        assert_eq!(between("gearbox", "02", 0.5, "id", "00"), None);
    }
}
