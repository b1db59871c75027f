//! Table 3 of the paper: the results of its two baselines.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

const TEXT: &str = include_str!("../../experiments/mimii_dg/table3.yaml");

/// AUC of the two baselines for each section, and the averages that the paper prints.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table3 {
    /// By machine, then section.
    pub sections: BTreeMap<String, BTreeMap<String, Baselines>>,
    pub average: Baselines,
}

/// One row of Table 3.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    pub autoencoder: Auc,
    pub mobilenet_v2: Auc,
}

/// AUC of the two domains in %.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auc {
    pub source: f64,
    pub target: f64,
}

/// Table 3 of Dohi et al. 2022, as printed.
pub fn table3() -> &'static Table3 {
    static TABLE: LazyLock<Table3> =
        LazyLock::new(|| serde_yaml::from_str(TEXT).expect("the embedded Table 3 is sound"));
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::super::machines;
    use super::*;

    #[test]
    fn its_averages_are_the_means_of_its_columns() {
        let Table3 { sections, average } = table3();
        let rows: Vec<&Baselines> = sections.values().flat_map(BTreeMap::values).collect();
        assert_eq!(rows.len(), 15);
        let columns: [fn(&Baselines) -> f64; 4] = [
            |row| row.autoencoder.source,
            |row| row.autoencoder.target,
            |row| row.mobilenet_v2.source,
            |row| row.mobilenet_v2.target,
        ];
        for column in columns {
            let mean = rows.iter().map(|row| column(row)).sum::<f64>() / rows.len() as f64;
            assert_eq!(format!("{mean:.2}"), format!("{:.2}", column(average)));
        }
    }

    #[test]
    fn it_has_the_sections_of_table_1() {
        let names = |(machine, sections): (&String, Vec<&String>)| {
            (machine.clone(), format!("{sections:?}"))
        };
        let ours = table3().sections.iter().map(|(name, s)| names((name, s.keys().collect())));
        let first = machines().iter().map(|(name, m)| names((name, m.sections.keys().collect())));
        assert!(ours.eq(first));
    }
}
