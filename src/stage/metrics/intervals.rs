//! How much the areas of a section vary with the choice of test clips.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Scored, values};
use crate::diagnose::Problem;
use crate::metric::{self, Area};
use crate::seed::Seed;

/// Bootstrap intervals of every AUC and pAUC, over the test clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Intervals {
    /// How many times the test clips are resampled.
    #[schemars(range(min = FEWEST, max = MOST))]
    pub resamples: u64,
    /// The share of the resamples whose area lies in the interval, such as 0.95.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub level: f64,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95 }
    }
}

/// Fewer resamples do not show where the outer 2.5 % begin.
const FEWEST: u64 = 100;
/// More resamples add no digit and take minutes.
const MOST: u64 = 100_000;

impl Intervals {
    /// All settings out of range.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let Self { resamples, level } = self;
        if !(FEWEST..=MOST).contains(resamples) {
            let message = format!("{resamples} resamples are not between {FEWEST} and {MOST}");
            problems.push(Problem::new("resamples", message).hint("1000 is usual"));
        }
        if !(*level > 0.0 && *level < 1.0) {
            let hint = match *level > 1.0 && *level < 100.0 {
                true => format!("write {}", level / 100.0),
                false => "0.95 is usual".to_owned(),
            };
            problems.push(
                Problem::new("level", format!("a level of {level} is not between 0 and 1"))
                    .hint(hint),
            );
        }
        problems
    }

    /// The interval of an area. The draws depend only on `names`, so all detectors use the same
    /// resamples of the clips.
    pub(super) fn of(
        &self,
        normals: &[Scored],
        anomalies: &[Scored],
        area: Area,
        names: &[&str],
    ) -> Option<[f64; 2]> {
        let mut rng = Seed(0).derive(&["intervals"]).derive(names).rng();
        let resamples = usize::try_from(self.resamples).ok()?;
        let draw = |n| rng.below(n);
        let found = metric::bootstrap_interval(
            &values(normals),
            &values(anomalies),
            area,
            resamples,
            self.level,
            draw,
        )?;
        Some([found.low, found.high])
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Known, MetricsSpec, table};
    use super::*;
    use crate::artifact::{Clip, ClipSet, Domain, Label, MetricRow, Scores, Split};

    fn rows(intervals: Option<Intervals>) -> Vec<MetricRow> {
        let clip = |i: u32| Clip {
            id: format!("clip{i:03}"),
            machine: "fan".into(),
            section: "00".into(),
            domain: Some(if i.is_multiple_of(2) { Domain::Source } else { Domain::Target }),
            split: Split::Test,
            label: Some(if i < 60 { Label::Normal } else { Label::Anomaly }),
            attributes: [("vel".to_owned(), (i % 3).to_string())].into(),
        };
        let score = |i: u32| f64::from(i * 37 % 101 + if i < 60 { 0 } else { 30 });
        let clips: Vec<Clip> = (0..100).map(clip).collect();
        let scores = Scores((0..100).map(|i| (clip(i).id, score(i))).collect());
        let spec = MetricsSpec { intervals, ..MetricsSpec::default() };
        table(&ClipSet::new(clips), &scores, &Known::default(), &spec).unwrap().rows
    }

    #[test]
    fn every_area_lies_in_an_interval_of_its_own() {
        let (with, without) = (rows(Some(Intervals::default())), rows(None));
        assert!(without.iter().all(|r| (r.low, r.high) == (None, None)));
        assert_eq!(with.len(), 6);
        for (row, plain) in with.iter().zip(&without) {
            let (value, low, high) = (row.value.unwrap(), row.low.unwrap(), row.high.unwrap());
            assert!(low < value && value < high && high - low < 0.4, "{row:?}");
            assert_eq!(&MetricRow { low: None, high: None, ..row.clone() }, plain);
        }
        assert_eq!(rows(Some(Intervals::default())), with, "the same draws");
        let narrow = rows(Some(Intervals { level: 0.5, ..Intervals::default() }));
        assert!(narrow.iter().zip(&with).all(|(a, b)| b.low < a.low && a.high < b.high));
    }

    #[test]
    fn settings_out_of_range_are_problems() {
        let problems = |resamples, level| Intervals { resamples, level }.problems().len();
        assert_eq!(
            (
                problems(100, 0.5),
                problems(99, 0.5),
                problems(100_001, 1.0),
                problems(1000, f64::NAN)
            ),
            (0, 1, 2, 1)
        );
        assert_eq!(
            Intervals { resamples: 1000, level: 95.0 }.problems()[0].hint.as_deref(),
            Some("write 0.95")
        );
    }
}
