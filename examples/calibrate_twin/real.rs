//! The real results that the calibration aims at.

use std::collections::BTreeMap;
use std::path::Path;

use humshift::mimii_dg;

use super::section::{Auc, Failure};

/// The real AUC of a section.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    pub autoencoder: Auc,
    pub mahalanobis: Auc,
}

impl Goal {
    /// The sum of squared differences in points; beyond `far`, a difference counts linearly (Huber). The
    /// source domain counts half as much again: the target's AUC follows from it and from the shift, and the shift of
    /// some sections cannot be matched.
    pub fn loss(&self, autoencoder: Auc, mahalanobis: Auc, far: f64) -> f64 {
        [(autoencoder, self.autoencoder), (mahalanobis, self.mahalanobis)]
            .into_iter()
            .flat_map(|(ours, real)| {
                [(1.5, ours.source - real.source), (1.0, ours.target - real.target)]
            })
            .map(|(weight, d)| {
                weight * if d.abs() < far { d * d } else { far * (2.0 * d.abs() - far) }
            })
            .sum()
    }
}

/// Table 3, and the table of another system: a line with the machine alone, then lines of `section, AUC
/// source, AUC target`.
pub fn goals(path: &Path) -> Result<BTreeMap<(String, String), Goal>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let (mut goals, mut machine) = (BTreeMap::new(), "");
    for line in text.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        if let [name] = cells[..] {
            machine = name.trim();
            continue;
        }
        let Some(rows) = mimii_dg::table3().sections.get(machine) else { continue };
        let Some(row) = rows.get(cells[0]) else { continue };
        let percent = |cell: &str| -> Result<f64, Failure> { Ok(100.0 * cell.parse::<f64>()?) };
        let mahalanobis = Auc { source: percent(cells[1])?, target: percent(cells[2])? };
        let autoencoder = Auc { source: row.autoencoder.source, target: row.autoencoder.target };
        goals.insert((machine.to_owned(), cells[0].to_owned()), Goal { autoencoder, mahalanobis });
    }
    match goals.len() {
        15 => Ok(goals),
        n => Err(format!("{} has {n} of the 15 sections", path.display()).into()),
    }
}
