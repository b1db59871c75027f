//! MIMII DG as data: its five machines and fifteen sections (Dohi et al. 2022, Tables 1 and 2).
//!
//! One YAML a machine under `experiments/mimii_dg/`, embedded. Attribute values are those of the file names of the
//! development set, where the paper has two slips (gearbox 00 prints 2.3 V twice; valve 02 lists combinations
//! that no file has). Of the noise, the paper's types and the levels of fan 02 are given; the other levels were
//! chosen so that the synthetic twin is about as hard as the real set, and are its own.
//!
//! This room is a table. It makes no sound and draws nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::mix::Layer;

/// Where the data set is published.
pub const ZENODO: &str = "https://zenodo.org/records/6529888";

/// Numbers of clips a section: 990 source and 10 target to train on, 50 of each kind to test.
pub const CLIPS: [usize; 4] = [990, 10, 50, 50];

/// One machine of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub machine: String,
    pub anomalies: Vec<String>,
    pub sections: BTreeMap<String, Section>,
}

/// One section: its domain shift and its noise.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The shift in words.
    pub shift: String,
    /// The attribute that differs between the domains; of valve 02, where names vary, the common word.
    pub attribute: String,
    pub source: Vec<Values>,
    pub target: Vec<Values>,
    pub noise: Vec<Layer>,
}

/// Values of attributes, in the order of the names; all combinations occur.
#[derive(Clone, Debug, PartialEq)]
pub struct Values(pub Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mapping = serde_yaml::Mapping::deserialize(deserializer)?;
        let entry = |(key, values)| Ok((serde_yaml::from_value(key)?, serde_yaml::from_value::<Vec<String>>(values)?));
        let entries: Result<_, serde_yaml::Error> = mapping.into_iter().map(entry).collect();
        entries.map(Self).map_err(serde::de::Error::custom)
    }
}

impl Section {
    /// Every combination of attribute values of a domain, in the order of the table.
    pub fn combinations(domain: &[Values]) -> Vec<Vec<(String, String)>> {
        let mut all = Vec::new();
        for Values(attributes) in domain {
            let mut some = vec![Vec::new()];
            for (name, values) in attributes {
                let with = |one: &Vec<(String, String)>, value: &String| {
                    one.iter().cloned().chain([(name.clone(), value.clone())]).collect()
                };
                some = some.iter().flat_map(|one| values.iter().map(move |value| with(one, value))).collect();
            }
            all.append(&mut some);
        }
        all
    }
}

const TEXTS: [&str; 5] = [
    include_str!("../experiments/mimii_dg/bearing.yaml"),
    include_str!("../experiments/mimii_dg/fan.yaml"),
    include_str!("../experiments/mimii_dg/gearbox.yaml"),
    include_str!("../experiments/mimii_dg/slider.yaml"),
    include_str!("../experiments/mimii_dg/valve.yaml"),
];

/// The five machines, by name.
pub fn machines() -> &'static BTreeMap<String, Machine> {
    static TABLE: LazyLock<BTreeMap<String, Machine>> = LazyLock::new(|| {
        let read = |text: &&str| serde_yaml::from_str::<Machine>(text).expect("the embedded tables are sound");
        TEXTS.iter().map(read).map(|machine| (machine.machine.clone(), machine)).collect()
    });
    &TABLE
}

/// A section of the table.
pub fn section(machine: &str, section: &str) -> Option<&'static Section> {
    machines().get(machine)?.sections.get(section)
}
