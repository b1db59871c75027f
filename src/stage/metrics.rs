//! Scores and labels become a metric table.
//!
//! The rows of a section: AUC by domain, pAUC over all its clips, then AUC by value of each
//! domain-shift attribute. A number that cannot be computed stays in the table with the reason,
//! because a table that silently lacks a row reads as if the question had not been asked. Only test
//! clips with a label count.

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

/// Attributes with more values than this (counters, times) split the clips too finely to say
/// anything.
const MOST_VALUES: usize = 64;

/// Settings of the metrics stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsSpec {
    /// Area under the ROC curve per domain and per value of each attribute.
    pub auc: bool,
    /// Partial AUC up to this false-positive rate (McClish), over all clips of a section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pauc: Option<f64>,
    /// Concerns `auc` only; the partial AUC counts ties one half, as scikit-learn does.
    pub ties: Ties,
    /// From which score on a clip is called anomalous: precision, recall and F1 per domain.
    /// `threshold` of a spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<ThresholdSpec>,
    /// Intervals of the areas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self { auc: true, pauc: Some(0.1), ties: Ties::Half, threshold: None, intervals: None }
    }
}

impl MetricsSpec {
    /// Settings out of range, all of them.
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

    /// Which training scores the threshold needs.
    pub fn needs(&self) -> Option<TrainingScores> {
        self.threshold.as_ref()?.member().scores()
    }
}

/// Raised whenever the same scores give another table.
// 2: sections without test clips or labels have the rows of their domains, not one without a
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
/// AUC of a domain: its normals against **all** anomalies of the section, both domains (eq. (1) of
/// Dohi et al. 2022). AUC of an attribute value: likewise the normals that have the value against
/// all anomalies of the section, so that the rows of a domain's values average, weighted by clips,
/// to the row of the domain; such a row names a domain if all its normals are of that domain.
/// Attributes with one value or more than 64 give no rows. A data set without domains has one AUC,
/// with an empty domain.
///
/// With a threshold, made from the scores of `training` clips: precision, recall and F1 of each
/// domain's own clips.
///
/// Errors: a test clip without a score, or with one that is NaN or infinite.
pub fn table(
    clips: &ClipSet,
    scores: &Scores,
    training: &CalibrationScores,
    spec: &MetricsSpec,
) -> Result<MetricTable, MetricsError> {
    let known: Vec<f64> = training.scores.values().copied().collect();
    let limit = spec.threshold.as_ref().map(|threshold| match training.missing.as_str() {
        "" => threshold.member().limit(&known),
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
    let tables = sections.iter().map(|(&(machine, section), (clips, any_domain))| {
        let section = Section::new(machine, section, clips, *any_domain);
        let mut rows = section.rows(spec);
        if let Some(limit) = &limit {
            rows.extend(section.decisions(limit));
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
    /// Why nothing can be computed at all; empty if something can.
    missing: &'static str,
    has_domains: bool,
}

impl<'a> Section<'a> {
    /// `any_domain`: whether any clip has a domain, be it one to train on.
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
        // Where nothing can be computed, the training clips say which numbers are missing.
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

    /// `row` with the AUC of `normals` against all anomalies of the section, or why there is none.
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

    /// `row`, the area of `normals` against all anomalies of the section, with its interval if one
    /// is asked for.
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

/// The domain all clips are of; empty if there are several, or none.
fn common_domain(clips: &[Scored]) -> String {
    let first = clips.first().and_then(|(clip, _)| clip.domain);
    let same = clips.iter().all(|(clip, _)| clip.domain == first);
    first.filter(|_| same).map(|domain| domain.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(
        id: &str,
        domain: Option<Domain>,
        label: Option<Label>,
        attribute: Option<&str>,
    ) -> Clip {
        Clip {
            id: id.into(),
            machine: "fan".into(),
            section: "00".into(),
            domain,
            split: Split::Test,
            label,
            attributes: attribute.iter().map(|v| ("vel".to_owned(), (*v).to_owned())).collect(),
        }
    }

    fn rows(clips: Vec<(Clip, f64)>) -> Vec<(String, String, Option<f64>, String)> {
        let scores = Scores(clips.iter().map(|(c, s)| (c.id.clone(), *s)).collect());
        let set = ClipSet::new(clips.into_iter().map(|(c, _)| c).collect());
        let table =
            table(&set, &scores, &CalibrationScores::default(), &MetricsSpec::default()).unwrap();
        let short = |r: MetricRow| {
            let what = [r.metric, r.attribute, r.value_of_attribute].join(" ");
            (what.trim_end().to_owned(), r.domain, r.value, r.missing)
        };
        table.rows.into_iter().map(short).collect()
    }

    const SOURCE: Option<Domain> = Some(Domain::Source);
    const TARGET: Option<Domain> = Some(Domain::Target);
    const NORMAL: Option<Label> = Some(Label::Normal);
    const ANOMALY: Option<Label> = Some(Label::Anomaly);

    #[test]
    fn anomalies_of_both_domains_count_for_each_domain() {
        let rows = rows(vec![
            (clip("a", SOURCE, NORMAL, Some("4")), 1.0),
            (clip("b", SOURCE, NORMAL, Some("8")), 3.0),
            (clip("c", TARGET, NORMAL, Some("8")), 5.0),
            (clip("d", SOURCE, ANOMALY, Some("9")), 2.0),
            (clip("e", TARGET, ANOMALY, Some("4")), 4.0),
        ]);
        let row = |what: &str, domain: &str, value| {
            (what.to_owned(), domain.to_owned(), Some(value), String::new())
        };
        assert_eq!(rows[..2], [row("auc", "source", 0.75), row("auc", "target", 0.0)]);
        assert_eq!((rows[2].0.as_str(), rows[2].1.as_str()), ("pauc", ""));
        assert_eq!(rows[3..5], [row("auc vel 4", "source", 1.0), row("auc vel 8", "", 0.25)]);
        assert_eq!(rows[5].3, "no normals with vel 9");
    }

    #[test]
    fn what_is_missing_is_said() {
        let reasons = |clips| rows(clips).into_iter().map(|r| r.3).collect::<Vec<_>>();
        let normal = || (clip("a", SOURCE, NORMAL, None), 1.0);
        let anomaly = || (clip("b", TARGET, ANOMALY, None), 2.0);
        assert_eq!(reasons(vec![normal(), anomaly()]), ["", "no target normals", ""]);
        assert_eq!(reasons(vec![normal()]), ["no anomalies"; 3]);
        assert_eq!(
            reasons(vec![anomaly()]),
            ["no source normals", "no target normals", "no normals"]
        );
        assert_eq!(reasons(vec![(clip("c", None, None, None), 1.0)]), ["no labels"; 2]);
        let train = Clip { split: Split::Train, ..normal().0 };
        // The training clips tell of which domains there is nothing to test.
        assert_eq!(reasons(vec![(train.clone(), 1.0)]), ["no test clips"; 3]);
        assert_eq!(
            reasons(vec![(train, 1.0), (clip("c", None, None, None), 1.0)]),
            ["no labels"; 3]
        );
        let plain = Clip { split: Split::Train, ..clip("a", None, NORMAL, None) };
        assert_eq!(reasons(vec![(plain, 1.0)]), ["no test clips"; 2]);
    }

    #[test]
    fn data_without_domains_has_one_area() {
        let rows =
            rows(vec![(clip("a", None, NORMAL, None), 1.0), (clip("b", None, ANOMALY, None), 2.0)]);
        assert_eq!(rows[0], ("auc".into(), String::new(), Some(1.0), String::new()));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn attributes_that_split_nothing_or_everything_give_no_rows() {
        let many = |values: usize| {
            let normals = (0..70).map(|i| {
                (clip(&format!("n{i}"), SOURCE, NORMAL, Some(&(i % values).to_string())), 1.0)
            });
            rows(normals.chain([(clip("x", SOURCE, ANOMALY, None), 2.0)]).collect()).len() - 3
        };
        assert_eq!((many(1), many(2), many(64), many(65)), (0, 2, 64, 0));
    }

    #[test]
    fn clips_without_a_usable_score_are_named() {
        let set = ClipSet::new(vec![clip("fan/x.wav", SOURCE, None, None)]);
        let error = |scores: &[(String, f64)]| {
            let scores = Scores(scores.iter().cloned().collect());
            table(&set, &scores, &CalibrationScores::default(), &MetricsSpec::default())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(&[]), "test clip `fan/x.wav` has no score");
        assert_eq!(
            error(&[("fan/x.wav".into(), f64::NAN)]),
            "the score of test clip `fan/x.wav` is NaN, which has no rank"
        );
    }

    #[test]
    fn rates_out_of_range_are_problems() {
        let spec = |pauc| MetricsSpec { pauc, ..MetricsSpec::default() };
        assert_eq!(spec(Some(1.5)).problems()[0].field, "pauc");
        assert_eq!(spec(Some(f64::NAN)).problems().len(), 1);
        assert!(spec(Some(1.0)).problems().is_empty() && spec(None).problems().is_empty());
    }
}
