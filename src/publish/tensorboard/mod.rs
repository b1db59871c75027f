//! Event files of TensorBoard: a folder a point with its numbers, a folder a trained stage with its
//! curves.
//!
//! Messages are those of tensorflow/core/util/event.proto and framework/summary.proto. Numbers are
//! f32 there. The bytes depend on the facts alone: where TensorBoard wants a time of day, the
//! number of the step stands in its place, in seconds since 1970.

mod record;

use std::collections::BTreeMap;

use super::facts::{Facts, PointFacts};
use super::names::folder;
use crate::protobuf::Message;

/// TensorBoard reads files with `tfevents` in their names; behind that would stand time and host.
const FILE: &str = "events.out.tfevents.0.humshift";
const VERSION: &str = "brain.Event:2";

// Fields of Event, Summary and Summary.Value.
const WALL_TIME: u32 = 1;
const STEP: u32 = 2;
const FILE_VERSION: u32 = 3;
const SUMMARY: u32 = 5;
const VALUE: u32 = 1;
const TAG: u32 = 1;
const SIMPLE_VALUE: u32 = 2;

/// All files by their paths, with `/` between folders: `NAME-DIGEST/points/0-detector=knn/…` and
/// `NAME-DIGEST/training/fan/…`.
pub fn files(facts: &Facts) -> Vec<(String, Vec<u8>)> {
    let root = folder(&facts.title().replace('@', "-"));
    let digits = facts.points.iter().map(|point| point.number).max().unwrap_or(0).to_string().len();
    let points = facts.points.iter().map(|point| {
        let numbers = point.numbers.iter().map(|(name, value)| (name.as_str(), 0, *value));
        (format!("points/{}", point_folder(point, digits)), events(numbers))
    });
    let stages = facts.stages.iter().map(|stage| {
        let values = stage.curves.iter().flat_map(|(name, values)| {
            values.iter().enumerate().map(|(i, value)| (name.as_str(), i as i64 + 1, *value))
        });
        (stage.folder.clone(), events(values))
    });
    points.chain(stages).map(|(path, bytes)| (format!("{root}/{path}/{FILE}"), bytes)).collect()
}

/// The number keeps the order of the sweep and tells apart what is cut.
fn point_folder(point: &PointFacts, digits: usize) -> String {
    let number = format!("{:0digits$}", point.number);
    let label = point.label.replace(", ", ",").replace(' ', "_");
    if label.is_empty() { number } else { format!("{number}-{}", folder(&label)) }
}

/// The bytes of a file with these values by tag and step, an event a step. What is not finite is
/// left out.
fn events<'a>(values: impl Iterator<Item = (&'a str, i64, f64)>) -> Vec<u8> {
    let mut steps: BTreeMap<i64, Vec<Message>> = BTreeMap::new();
    for (tag, step, value) in values.filter(|(.., value)| value.is_finite()) {
        let value = Message::default().text(TAG, tag).float(SIMPLE_VALUE, value as f32);
        steps.entry(step).or_default().push(value);
    }
    let version = Message::default().double(WALL_TIME, 0.0).text(FILE_VERSION, VERSION);
    let mut bytes = record::framed(&version.finish());
    for (step, values) in steps {
        let summary = Message::default().messages(VALUE, &values);
        let event = Message::default().double(WALL_TIME, step as f64).integer(STEP, step);
        bytes.extend(record::framed(&event.message(SUMMARY, &summary).finish()));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::publish::facts::StageFacts;

    fn facts() -> Facts {
        let point = PointFacts {
            label: "detector=knn k=3, seed=0".into(),
            number: 11,
            digest: Digest::of(b"settings"),
            settings: Vec::new(),
            numbers: vec![("official".into(), 0.5), ("auc/fan/00".into(), f64::NAN)],
            curves: Vec::new(),
            complete: true,
        };
        let stage = StageFacts {
            folder: "training/fan".into(),
            curves: vec![
                ("loss".into(), vec![2.0, f64::INFINITY, 0.5]),
                ("rate".into(), vec![1.0]),
            ],
        };
        Facts {
            name: "ho..st/ile".into(),
            question: None,
            run: Digest::of(b"run"),
            points: vec![point.clone(), PointFacts { label: String::new(), number: 2, ..point }],
            stages: vec![stage],
        }
    }

    #[test]
    fn files_lie_in_folders_by_point_and_stage() {
        let files = files(&facts());
        let paths: Vec<&str> =
            files.iter().map(|(path, _)| path.split_once('/').expect("a folder").1).collect();
        let expected = ["points/11-detector=knn_k=3,seed=0", "points/02", "training/fan"];
        assert_eq!(paths, expected.map(|path| format!("{path}/{FILE}")));
        assert!(files.iter().all(|(path, _)| path.starts_with("ho..st_ile-")), "{files:?}");
    }

    #[test]
    fn an_event_has_all_values_of_its_step() {
        let (_, bytes) = &files(&facts())[2];
        let event = |step: i64, values: &[(&str, f32)]| {
            let values = values
                .iter()
                .map(|(tag, value)| Message::default().text(1, tag).float(2, *value))
                .collect::<Vec<_>>();
            let event = Message::default().double(1, step as f64).integer(2, step);
            event.message(5, &Message::default().messages(1, &values)).finish()
        };
        let version = Message::default().double(1, 0.0).text(3, "brain.Event:2").finish();
        let all = [version, event(1, &[("loss", 2.0), ("rate", 1.0)]), event(3, &[("loss", 0.5)])];
        assert_eq!(*bytes, all.map(|event| record::framed(&event)).concat());
    }
}
