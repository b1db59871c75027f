//! From metric tables to the tables of the field, and from feature matrices to figures. All
//! functions are pure: values in, documents and images out.

mod aggregate;
mod answer;
mod axis;
mod baseline;
mod colour;
mod compare;
mod curves;
mod diff;
mod driven;
mod effects;
pub mod html;
mod idle;
mod image;
mod listing;
mod map;
mod narrow;
mod number;
mod overview;
mod pivot;
mod published;
#[cfg(feature = "png-figures")]
mod raster;
mod scale;
mod select;
mod spectrogram;
mod splice;
mod svg;
mod systems;
mod tidy;

pub use aggregate::{By, Group, Line, Stat};
pub use answer::{BEST, answer, is_long};
pub use axis::Axis;
pub use baseline::{Baseline, Change, changes};
pub use compare::{Comparison, compare};
pub use curves::{TrainingCurve, training_csv, training_curve};
pub use diff::{Changed, Clips, Diff, Pair, Side, diff};
pub use driven::{Driven, driven};
pub use idle::{Idle, idle_settings};
pub use image::{Scale, png};
pub use listing::{Listed, points as points_table, runs as runs_table, sort};
pub use map::{ClipMap, MapPoint, clip_map, clip_map_csv};
pub use narrow::NoTable;
pub use overview::{Part, attributes, overview, tables};
pub use pivot::{best_of, pivot, value};
pub use published::Published;
#[cfg(feature = "png-figures")]
pub use raster::Drawer;
pub use select::{Protocol, Selection, select};
pub use spectrogram::{Panel, Row, spectrograms};
pub use splice::{Marker, Template};
pub use systems::{Incomparable, System, Systems};
pub use tidy::{csv, json};

use std::collections::BTreeMap;

use crate::artifact::MetricRow;

/// All results of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub name: String,
    pub question: Option<String>,
    /// Paths of the swept settings, in file order.
    pub axes: Vec<String>,
    pub points: Vec<PointResults>,
    /// How the intervals were computed, if all points use the same method.
    pub intervals: Option<IntervalMethod>,
    /// Results of others, to stand beside these.
    pub published: Option<Published>,
}

/// How the intervals of areas were computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IntervalMethod {
    pub level: f64,
    pub resamples: u64,
}

/// The results of one point of the sweep.
#[derive(Clone, Debug, Default)]
pub struct PointResults {
    /// Its number among all points of the run; the results may have only some of them.
    pub number: usize,
    /// Swept settings by path, as labels.
    pub settings: BTreeMap<String, String>,
    /// Rows of all sections, ordered by machine and section.
    pub rows: Vec<MetricRow>,
    /// Sections without a metric table, with the reason: `failed`, `not run`.
    pub absent: Vec<(String, String, String)>,
    /// Settings without effect in a section: machine, section, and setting.
    pub idle: Vec<(String, String, String)>,
}

impl PointResults {
    /// Whether a section is among its results, with numbers or without.
    pub fn has(&self, machine: &str, section: &str) -> bool {
        let is = |m: &str, s: &str| (m, s) == (machine, section);
        self.rows.iter().any(|row| is(&row.machine, &row.section))
            || self.absent.iter().any(|(machine, section, _)| is(machine, section))
    }
}

/// The paths whose values are repetitions, not settings: the seed of training, and the draw of
/// training clips. Results are averaged over them.
pub const REPETITIONS: [&str; 2] = ["seed", "generalization.draw"];

/// Whether results are averaged over the values of an axis.
pub fn is_repetition(path: &str) -> bool {
    REPETITIONS.contains(&path)
}

impl Results {
    /// The name of the repetitions that results are averaged over.
    pub fn repetitions(&self) -> &'static str {
        if self.axes.iter().any(|axis| axis == REPETITIONS[1]) { "seeds or draws" } else { "seeds" }
    }
}
