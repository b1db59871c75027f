//! From metric tables to the tables of the field, from feature matrices to figures. Pure: values in, text and
//! images out.

mod aggregate;
mod axis;
mod colour;
mod image;
mod markdown;
mod spectrogram;
mod tidy;

pub use aggregate::{Group, Line, Stat};
pub use axis::Axis;
pub use image::{Scale, png};
pub use markdown::{attributes, markdown};
pub use spectrogram::{Panel, Row, spectrograms};
pub use tidy::{csv, json};

use std::collections::BTreeMap;

use crate::artifact::MetricRow;

/// All results of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Results {
    pub name: String,
    pub question: Option<String>,
    /// Paths of the swept settings, in the order of the file.
    pub axes: Vec<String>,
    pub points: Vec<PointResults>,
}

/// The results of one point of the sweep.
#[derive(Clone, Debug, Default)]
pub struct PointResults {
    /// Swept settings by path, as labels.
    pub settings: BTreeMap<String, String>,
    /// Rows of all sections, in order of machine and section.
    pub rows: Vec<MetricRow>,
    /// Sections without a metric table, and why: `failed`, `not run`.
    pub absent: Vec<(String, String, String)>,
}

/// The path whose values are repetitions, not settings: results are averaged over it.
pub const SEED: &str = "seed";
