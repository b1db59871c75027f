//! The official numbers for score files, as computed by the evaluators of DCASE task 2 from 2020 to
//! 2026.
//!
//! It replaces those scripts and avoids their traps. They sort the rows of scores and of truth and
//! pair them by position, so a missing clip shifts all later ones. Here clips are paired by name,
//! and every missing, extra or doubled clip is named. They skip unknown systems and sections; here
//! that is an error or a warning.
//!
//! ```text
//! folder --submission--> score and decision files --pair--> clips with truth --section--> numbers --> means, official score
//!                             truth: ground-truth folder, list, or the clips' own names
//! ```
//!
//! This room knows files and protocols; the metrics themselves are `metric`'s.

mod compare;
mod fact;
mod mean;
mod namesake;
mod pair;
mod protocol;
mod render;
mod scored;
mod section;
mod sheet;
mod submission;
mod table;
mod truth;
mod truth_file;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::diagnose::Diagnostic;

pub use crate::artifact::Protocol;
pub use compare::{Difference, TableComparison};
pub use fact::Fact;
pub use mean::{Means, means};
pub use namesake::namesakes;
pub use pair::{Clip as ScoredClip, Section as ScoredSection};
pub use protocol::Metric;
pub use render::{csv, document, json};
pub use scored::{Scored, System, system};
pub use table::{counted, table};

/// The numbers of one section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SectionResult {
    #[serde(skip)]
    pub machine: String,
    pub section: String,
    pub normal_clips: usize,
    pub anomalous_clips: usize,
    /// The metrics that can be computed: precision, recall and F1 need decisions.
    #[serde(rename = "metrics")]
    pub values: BTreeMap<Metric, f64>,
}

/// The evaluation of one system.
#[derive(Debug)]
pub struct Evaluation {
    /// The system's folder.
    pub name: String,
    /// The prefix of its files' names, before `anomaly_score_`.
    pub system: String,
    pub protocol: Protocol,
    pub max_fpr: f64,
    pub official_score: f64,
    /// Ordered by machine and section.
    pub sections: Vec<SectionResult>,
    /// Problems that do not stop the evaluation.
    pub warnings: Vec<String>,
    /// Set by [`compare`].
    pub comparison: Option<TableComparison>,
}

/// The options of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub protocol: Protocol,
    /// Ground truth in the form of the official evaluators. Without it the clips' names must
    /// contain the truth.
    pub truth: Option<&'a Path>,
    /// The upper false-positive rate of the pAUC: 0.1 in all years.
    pub max_fpr: f64,
    /// Whether to evaluate only the present sections if the truth has more.
    pub partial: bool,
}

/// Evaluates every system in `folder` or in folders below it.
///
/// # Errors All problems of the files at once.
pub fn evaluate(folder: &Path, options: &Options) -> Result<Vec<Evaluation>, Vec<Diagnostic>> {
    if !(options.max_fpr > 0.0 && options.max_fpr <= 1.0) {
        let message =
            format!("the false-positive rate {} is not above 0 and at most 1", options.max_fpr);
        return Err(vec![Diagnostic::new("E0800", message).hint("the challenge uses 0.1")]);
    }
    let submissions = submission::read(folder, options.protocol)?;
    let truth = options.truth.map(|path| truth::read(path, options.protocol)).transpose()?;
    let (mut evaluations, mut problems) = (Vec::new(), Vec::new());
    for submission in &submissions {
        match one(submission, truth.as_ref(), options) {
            Ok(evaluation) => evaluations.push(evaluation),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(evaluations) } else { Err(problems) }
}

fn one(
    submission: &submission::Submission,
    truth: Option<&fact::Truth>,
    options: &Options,
) -> Result<Evaluation, Vec<Diagnostic>> {
    let mut warnings = truth.map_or(Vec::new(), |truth| truth.warnings.clone());
    warnings.extend(submission.warnings.iter().cloned());
    let sections = pair::sections(submission, truth, options, &mut warnings)?;
    let system = submission.system.clone();
    Ok(Evaluation { system, warnings, ..numbers(&submission.name, &sections, options)? })
}

/// The numbers of clips whose truth is known.
///
/// # Errors The official score cannot be computed, for example without anomalies.
pub fn numbers(
    name: &str,
    sections: &[ScoredSection],
    options: &Options,
) -> Result<Evaluation, Vec<Diagnostic>> {
    let results: Vec<SectionResult> =
        sections.iter().map(|s| section::numbers(s, options)).collect();
    let problems: Vec<Diagnostic> =
        sections.iter().zip(&results).filter_map(|(s, r)| section::lacks(s, r, options)).collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    let none = || vec![Diagnostic::new("E0807", format!("`{name}` has no official score"))];
    let official_score = options.protocol.official_score(&results).ok_or_else(none)?;
    Ok(Evaluation {
        name: name.to_owned(),
        system: String::new(),
        protocol: options.protocol,
        max_fpr: options.max_fpr,
        official_score,
        sections: results,
        warnings: Vec::new(),
        comparison: None,
    })
}

/// The sections that [`numbers`] can be computed of, and why the others are not among them.
pub fn computable(
    mut sections: Vec<ScoredSection>,
    options: &Options,
) -> (Vec<ScoredSection>, Vec<Diagnostic>) {
    let mut reasons = Vec::new();
    sections.retain(|own| {
        let lacks = section::lacks(own, &section::numbers(own, options), options);
        let is_sound = lacks.is_none();
        reasons.extend(lacks);
        is_sound
    });
    (sections, reasons)
}

/// Compares a published table with its evaluation: the only one, or the one whose files begin like
/// the table's.
///
/// # Errors The table cannot be read, or it fits none or several of the evaluations.
pub fn compare(evaluations: &mut [Evaluation], table: &Path) -> Result<(), Vec<Diagnostic>> {
    compare::add(evaluations, table).map_err(|problem| vec![problem])
}

impl Evaluation {
    /// The sections of each machine.
    pub fn machines(&self) -> impl Iterator<Item = &[SectionResult]> {
        self.sections.chunk_by(|a, b| a.machine == b.machine)
    }

    /// The evaluation of some of its sections; `None` if there are none.
    pub fn of(&self, wanted: impl Fn(&SectionResult) -> bool) -> Option<Self> {
        let sections: Vec<SectionResult> =
            self.sections.iter().filter(|own| wanted(own)).cloned().collect();
        Some(Self {
            name: self.name.clone(),
            system: self.system.clone(),
            protocol: self.protocol,
            max_fpr: self.max_fpr,
            official_score: self.protocol.official_score(&sections)?,
            sections,
            warnings: Vec::new(),
            comparison: None,
        })
    }
}

/// The first three of many, and the number of the others.
pub(crate) fn listed(all: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = all[..all.len().min(SHOWN)].join("; ");
    if all.len() > SHOWN { format!("{shown}; and {} more", all.len() - SHOWN) } else { shown }
}
