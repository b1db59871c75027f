//! The head of a run: everything that its tables need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::kind::ObjectRef;
use crate::plan::{NodeId, Plan};
use crate::spec::{Axis, Expect, Experiment, Point, Published};
use crate::stage::SectionId;
use crate::stage::metrics::Intervals;

/// Settings without effect in a section: machine, section, and setting.
pub type Idle = Vec<(String, String, String)>;

/// Everything that tables need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    pub axes: Vec<Axis>,
    /// All sections with results, sorted.
    pub sections: Vec<SectionId>,
    pub points: Vec<PointHead>,
    /// The distinct sets of settings without effect. Points refer to them by number.
    pub idle: Vec<Idle>,
    /// How intervals are made, if all points make them in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    pub expect: Vec<Expectation>,
    /// Results of others to stand beside these, with the detector of each point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<(Published, Vec<String>)>,
    /// Notes for readers of the results; they are no errors.
    pub notes: Vec<String>,
    /// Number of stages.
    pub stages: usize,
    /// Total work of all stages that have a result, in seconds.
    pub seconds: f64,
    /// Whether every stage has a result.
    pub complete: bool,
}

/// A point of the sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointHead {
    /// The label of its value on each axis; `None` if the axis does not apply to the point.
    pub values: Vec<Option<String>>,
    pub results: Vec<ResultRef>,
    /// Index into [`Head::idle`].
    pub idle: usize,
}

/// The metrics of a section: number of the section, node, and the table once it exists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRef(pub usize, pub NodeId, pub Option<ObjectRef>);

/// An expected result, and the points it applies to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    pub expect: Expect,
    pub points: Vec<usize>,
}

impl Head {
    /// The head of a plan before any stage is done. `idle` has the settings without effect of each
    /// point.
    pub fn of(experiment: &Experiment, plan: &Plan, notes: Vec<String>, idle: Vec<Idle>) -> Self {
        let mut sections: Vec<SectionId> =
            plan.results.iter().flat_map(BTreeMap::keys).cloned().collect();
        sections.sort();
        sections.dedup();
        let mut idles: Vec<Idle> = Vec::new();
        let points = experiment.points.iter().zip(&plan.results).zip(idle).map(
            |((point, results), idle)| {
                let number = idles.iter().position(|known| *known == idle).unwrap_or(idles.len());
                if number == idles.len() {
                    idles.push(idle);
                }
                let place = |id: &SectionId| sections.binary_search(id).expect("it is among them");
                PointHead {
                    values: experiment
                        .axes
                        .iter()
                        .map(|axis| point.settings.get(&axis.path).cloned())
                        .collect(),
                    results: results
                        .iter()
                        .map(|(id, node)| ResultRef(place(id), *node, None))
                        .collect(),
                    idle: number,
                }
            },
        );
        let points = points.collect();
        let spoken_of = |expect: &Expect| {
            let points =
                experiment.points.iter().enumerate().filter(|(_, point)| expect.speaks_of(point));
            Expectation {
                expect: expect.clone(),
                points: points.map(|(number, _)| number).collect(),
            }
        };
        Self {
            name: experiment.name.clone(),
            question: experiment.question.clone(),
            axes: experiment.axes.clone(),
            sections,
            points,
            idle: idles,
            intervals: same_intervals(experiment),
            expect: experiment.expect.iter().map(spoken_of).collect(),
            published: experiment.published.map(|table| {
                let name = |point: &Point| match point.data.is_scored() {
                    true => point.data.name().to_owned(),
                    false => point.detector.name().to_owned(),
                };
                (table, experiment.points.iter().map(name).collect())
            }),
            notes,
            stages: plan.len(),
            seconds: 0.0,
            complete: false,
        }
    }

    /// The digest of its content.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("runs are JSON"))
    }

    /// Whether all points refer to existing axes, sections and settings.
    pub fn is_sound(&self) -> bool {
        let point = |point: &PointHead| {
            point.values.len() == self.axes.len()
                && point.idle < self.idle.len()
                && point.results.iter().all(|ResultRef(section, node, _)| {
                    *section < self.sections.len() && node.index() < self.stages
                })
        };
        self.sections.is_sorted_by(|a, b| a < b)
            && self.points.iter().all(point)
            && self
                .expect
                .iter()
                .flat_map(|expectation| &expectation.points)
                .all(|number| *number < self.points.len())
    }

    /// The swept settings of a point by path, as labels.
    pub fn settings(&self, point: &PointHead) -> BTreeMap<String, String> {
        let values = self.axes.iter().zip(&point.values);
        values.filter_map(|(axis, value)| Some((axis.path.clone(), value.clone()?))).collect()
    }
}

/// How intervals are made, if all points make them in the same way.
fn same_intervals(experiment: &Experiment) -> Option<Intervals> {
    let mut made = experiment.points.iter().map(|point| point.metrics.intervals.as_ref());
    let first = made.next()??;
    made.all(|other| other == Some(first)).then(|| first.clone())
}
