//! Numbers in tables.

use super::Stat;
use crate::document::Cell;

/// Stands for a number that cannot be computed.
pub const DASH: &str = "–";

/// A share in per cent, two decimals.
pub fn percent(x: f64) -> String {
    format!("{:.2}", 100.0 * x)
}

/// A share as a cell, in per cent.
pub fn share(x: f64) -> Cell {
    Cell::number(Some(x), percent(x))
}

/// The mean in per cent, with the deviation if there are several seeds.
pub fn show(stat: Option<Stat>) -> String {
    match stat {
        None => DASH.into(),
        Some(Stat { mean, deviation: Some(d) }) if d > 0.0 => {
            format!("{} ± {}", percent(mean), percent(d))
        }
        Some(Stat { mean, .. }) => percent(mean),
    }
}

/// The same text as a cell.
pub fn stat(stat: Option<Stat>) -> Cell {
    Cell::number(stat.map(|stat| stat.mean), show(stat))
}
