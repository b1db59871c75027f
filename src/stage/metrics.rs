//! The metrics stage: scores and labels become a metric table.
//!
//! The rows of a section are the AUC of each domain, the pAUC over all its clips, then the AUC of
//! each value of the domain-shift attributes. A number that cannot be computed stays in the table
//! with the reason, because a missing row would look as if nobody had asked for it. Only labelled
//! test clips count.

mod choosing;
mod decisions;
mod intervals;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::{
    CalibrationScores, Clip, ClipSet, Domain, Label, MetricRow, MetricTable, Scores, Split,
};
use crate::diagnose::Problem;
use crate::metric::{self, Area};
use crate::threshold::{ThresholdSpec, TrainingScores};

pub use crate::metric::Ties;
pub use intervals::Intervals;

/// Attributes with more values than this (counters, times) give too few clips per value.
const MOST_VALUES: usize = 64;

/// Settings of the metrics stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsSpec {
    /// AUC of each domain and of each attribute value.
    pub auc: bool,
    /// Partial AUC up to this false-positive rate (McClish), over all clips of a section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pauc: Option<f64>,
    /// Used by `auc` only; the partial AUC counts ties one half, as scikit-learn does.
    pub ties: Ties,
    /// The rule for calling a clip anomalous, which gives precision, recall and F1 per domain. It
    /// is the word `threshold` of a spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ThresholdSpec>,
    /// Confidence intervals of AUC and pAUC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// The distance between the held-out scores of source and target training clips.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub domain_balance: bool,
    /// The AUC of held-out training clips against anomalies made from training clips.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pseudo_anomalies: bool,
}

/// Scores of training clips that a table is made from, beside those of the test clips.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// For the threshold.
    pub training: CalibrationScores,
    /// For `domain_balance`.
    pub held_out: CalibrationScores,
    /// For `pseudo_anomalies`.
    pub pseudo: CalibrationScores,
    /// Decisions of another program about test clips, 0 or 1; they need no threshold.
    pub decisions: Scores,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self {
            auc: true,
            pauc: Some(0.1),
            ties: Ties::Half,
            threshold: None,
            intervals: None,
            domain_balance: false,
            pseudo_anomalies: false,
        }
    }
}

impl MetricsSpec {
    /// All settings out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let wrong = self.pauc.filter(|p| !(*p > 0.0 && *p <= 1.0));
        let problem = |p: f64| {
            Problem::new(
                "pauc",
                format!("a false-positive rate of {p} is not above 0 and at most 1"),
            )
            .hint("the field uses 0.1")
        };
        let intervals = self.intervals.iter().flat_map(Intervals::problems);
        wrong.map(problem).into_iter().chain(intervals).collect()
    }

    /// The training scores that the threshold needs.
    pub fn needs(&self) -> Option<TrainingScores> {
        self.threshold.as_ref()?.member().scores()
    }
}

/// Raised whenever the same scores give a different table.
// 2: sections without test clips or labels have a row for each domain, not one row without a
// domain.
pub const fn version() -> u32 {
    2
}

/// Scores that cannot be ranked.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum MetricsError {
    #[error("test clip `{0}` has no score")]
    NoScore(String),
    #[error("the score of test clip `{clip}` is {score}, which has no rank")]
    NotFinite { clip: String, score: f64 },
}

/// The metric table of the test clips of `clips`, section by section.
///
/// The AUC of a domain compares its normals with **all** anomalies of the section, of both domains
/// (eq. (1) of Dohi et al. 2022). The AUC of an attribute value likewise compares the normals with
/// that value with all anomalies of the section. So the rows of a domain's values, averaged by
/// their numbers of clips, give the row of the domain. Such a row names a domain if all its normals
/// are of that domain. Attributes with one value or more than 64 values give no rows. A data set
/// without domains has one AUC, with an empty domain.
///
/// A threshold comes from the scores of training clips that are `known`. It adds precision, recall and F1 of the
/// clips of each domain. So do decisions of another program, where there is no threshold.
///
/// Errors: a test clip has no score, or its score is NaN or infinite.
pub fn table(
    clips: &ClipSet,
    scores: &Scores,
    known: &Known,
    spec: &MetricsSpec,
) -> Result<MetricTable, MetricsError> {
    let training: Vec<f64> = known.training.scores.values().copied().collect();
    let limit = spec.threshold.as_ref().map(|threshold| match known.training.missing.as_str() {
        "" => threshold.member().limit(&training),
        why => Err(why.to_owned()),
    });
    let mut sections: BTreeMap<(&str, &str), (Vec<Scored>, bool)> = BTreeMap::new();
    for clip in clips.clips() {
        let (section, any_domain) = sections.entry((&clip.machine, &clip.section)).or_default();
        *any_domain |= clip.domain.is_some();
        if clip.split == Split::Test {
            let score =
                *scores.0.get(&clip.id).ok_or_else(|| MetricsError::NoScore(clip.id.clone()))?;
            if !score.is_finite() {
                return Err(MetricsError::NotFinite { clip: clip.id.clone(), score });
            }
            section.push((clip, score));
        }
    }
    let tables = sections.iter().map(|(&(machine, section), (tested, any_domain))| {
        let clips_of =
            clips.clips().iter().filter(|c| (&*c.machine, &*c.section) == (machine, section));
        let section = Section::new(machine, section, tested, *any_domain);
        let mut rows = section.rows(spec);
        match &limit {
            Some(limit) => rows.extend(section.decisions(limit)),
            None if !known.decisions.0.is_empty() => rows.extend(section.decided(&known.decisions)),
            None => {}
        }
        if spec.domain_balance {
            rows.push(section.row("domain_balance", choosing::balance(clips_of, &known.held_out)));
        }
        if spec.pseudo_anomalies {
            rows.push(section.row("pseudo_anomalies", choosing::pseudo(&known.pseudo)));
        }
        rows
    });
    Ok(MetricTable { rows: tables.flatten().collect() })
}

type Scored<'a> = (&'a Clip, f64);

/// The labelled test clips of one section.
struct Section<'a> {
    machine: &'a str,
    section: &'a str,
    normals: Vec<Scored<'a>>,
    anomalies: Vec<Scored<'a>>,
    /// The reason why nothing can be computed; empty if something can.
    missing: &'static str,
    has_domains: bool,
}

impl<'a> Section<'a> {
    /// `any_domain`: whether any clip, including training clips, has a domain.
    fn new(machine: &'a str, section: &'a str, clips: &[Scored<'a>], any_domain: bool) -> Self {
        let with = |label| {
            clips.iter().copied().filter(|(clip, _)| clip.label == Some(label)).collect::<Vec<_>>()
        };
        let (normals, anomalies) = (with(Label::Normal), with(Label::Anomaly));
        let missing = match (clips.is_empty(), normals.is_empty(), anomalies.is_empty()) {
            (true, _, _) => "no test clips",
            (_, true, true) => "no labels",
            (_, _, true) => "no anomalies",
            _ => "",
        };
        // If nothing can be computed, the training clips tell whether rows per domain are missing.
        let tested = clips.iter().any(|(clip, _)| clip.domain.is_some());
        let has_domains = tested || (any_domain && !missing.is_empty());
        Self { machine, section, normals, anomalies, missing, has_domains }
    }

    fn rows(&self, spec: &MetricsSpec) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        if spec.auc && self.has_domains {
            for domain in [Domain::Source, Domain::Target] {
                let normals = self.normals_where(|clip| clip.domain == Some(domain));
                let named =
                    MetricRow { domain: domain.to_string(), ..self.row("auc", Err(String::new())) };
                rows.push(self.auc(named, &normals, spec, || format!("no {domain} normals")));
            }
        } else if spec.auc {
            rows.push(self.auc(self.row("auc", Err(String::new())), &self.normals, spec, || {
                "no normals".into()
            }));
        }
        if let Some(max_fpr) = spec.pauc {
            rows.push(self.area(
                self.row("pauc", self.pauc(max_fpr)),
                &self.normals,
                Area::Partial(max_fpr),
                spec,
            ));
        }
        if spec.auc && self.missing.is_empty() {
            rows.extend(self.attribute_rows(spec));
        }
        rows
    }

    fn attribute_rows(&self, spec: &MetricsSpec) -> Vec<MetricRow> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (clip, _) in self.normals.iter().chain(&self.anomalies) {
            for (attribute, value) in &clip.attributes {
                values.entry(attribute).or_default().insert(value);
            }
        }
        let mut rows = Vec::new();
        for (attribute, values) in
            values.iter().filter(|(_, values)| (2..=MOST_VALUES).contains(&values.len()))
        {
            for value in values {
                let normals = self.normals_where(|clip| {
                    clip.attributes.get(*attribute).is_some_and(|v| v == value)
                });
                let named = MetricRow {
                    domain: common_domain(&normals),
                    attribute: (*attribute).to_owned(),
                    value_of_attribute: (*value).to_owned(),
                    ..self.row("auc", Err(String::new()))
                };
                rows.push(
                    self.auc(named, &normals, spec, || {
                        format!("no normals with {attribute} {value}")
                    }),
                );
            }
        }
        rows
    }

    fn normals_where(&self, wanted: impl Fn(&Clip) -> bool) -> Vec<Scored<'a>> {
        self.normals.iter().copied().filter(|(clip, _)| wanted(clip)).collect()
    }

    /// `row` with the AUC of `normals` against all anomalies of the section, or with the reason why
    /// there is none.
    fn auc(
        &self,
        row: MetricRow,
        normals: &[Scored],
        spec: &MetricsSpec,
        none: impl Fn() -> String,
    ) -> MetricRow {
        let auc = match self.missing {
            "" => {
                metric::auc(&values(normals), &values(&self.anomalies), spec.ties).ok_or_else(none)
            }
            missing => Err(missing.to_owned()),
        };
        let row = MetricRow {
            value: auc.as_ref().ok().copied(),
            missing: auc.err().unwrap_or_default(),
            ..row
        };
        self.area(row, normals, Area::Whole(spec.ties), spec)
    }

    fn pauc(&self, max_fpr: f64) -> Result<f64, String> {
        if !self.missing.is_empty() {
            return Err(self.missing.to_owned());
        }
        if self.normals.is_empty() {
            return Err("no normals".to_owned());
        }
        let pauc = metric::pauc(&values(&self.normals), &values(&self.anomalies), max_fpr);
        pauc.ok_or_else(|| format!("{max_fpr} is no false-positive rate above 0 and at most 1"))
    }

    /// `row` with the area of `normals` against all anomalies of the section, and its interval if
    /// intervals are computed.
    fn area(
        &self,
        row: MetricRow,
        normals: &[Scored],
        area: Area,
        spec: &MetricsSpec,
    ) -> MetricRow {
        let Some(intervals) = spec.intervals.as_ref().filter(|_| row.value.is_some()) else {
            return row;
        };
        let names = [
            &row.machine,
            &row.section,
            &row.domain,
            &row.attribute,
            &row.value_of_attribute,
            &row.metric,
        ]
        .map(|n| &**n);
        let ends = intervals.of(normals, &self.anomalies, area, &names);
        MetricRow { low: ends.map(|e| e[0]), high: ends.map(|e| e[1]), ..row }
    }

    fn row(&self, metric: &str, value: Result<f64, String>) -> MetricRow {
        MetricRow {
            machine: self.machine.to_owned(),
            section: self.section.to_owned(),
            domain: String::new(),
            attribute: String::new(),
            value_of_attribute: String::new(),
            metric: metric.to_owned(),
            value: value.as_ref().ok().copied(),
            low: None,
            high: None,
            missing: value.err().unwrap_or_default(),
            note: String::new(),
        }
    }
}

fn values(scored: &[Scored]) -> Vec<f64> {
    scored.iter().map(|(_, score)| *score).collect()
}

/// The domain of all these clips; empty if they have several or none.
fn common_domain(clips: &[Scored]) -> String {
    let first = clips.first().and_then(|(clip, _)| clip.domain);
    let same = clips.iter().all(|(clip, _)| clip.domain == first);
    first.filter(|_| same).map(|domain| domain.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
