//! What is sent of a run in one go: MLflow takes at most 100 parameters, 100 tags and 1000 metrics
//! at a time.

use serde_json::{Value, json};

use crate::publish::facts::{Facts, PointFacts};
use crate::publish::names::{Taken, key, shortened};

const PARAMS: usize = 100;
const METRICS: usize = 1000;
/// Of older servers; newer ones take more.
const LONGEST_PARAM: usize = 500;
const LONGEST_TAG: usize = 5000;

/// Digest of the run in humshift, by which its runs are found again.
pub const RUN: &str = "humshift.run";
/// Digest of all settings of the point; of the run over all points there is none.
pub const POINT: &str = "humshift.point";

/// Texts by name.
pub type Texts = Vec<(String, String)>;

/// A metric: its values by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub key: String,
    pub values: Vec<(i64, f64)>,
}

/// Tags of the run over all points, or of that of a point.
pub fn tags(facts: &Facts, point: Option<&PointFacts>) -> Texts {
    let mut tags = vec![
        (RUN.to_owned(), facts.run.hex()),
        ("humshift.experiment".to_owned(), shortened(&facts.name, LONGEST_TAG)),
        ("humshift.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("mlflow.source.name".to_owned(), format!("humshift {}", facts.title())),
    ];
    if let Some(question) = &facts.question {
        let question = shortened(question, LONGEST_TAG);
        tags.push(("humshift.question".to_owned(), question.clone()));
        // The page of a run shows it as its description.
        tags.push(("mlflow.note.content".to_owned(), question));
    }
    if let Some(point) = point {
        tags.push((POINT.to_owned(), point.digest.hex()));
        let complete = if point.complete { "yes" } else { "no" };
        tags.push(("humshift.complete".to_owned(), complete.to_owned()));
    }
    tags
}

/// The name of the run of a point, or of that over all points.
pub fn title(facts: &Facts, point: Option<&PointFacts>) -> String {
    let label = point.map_or("", |point| &point.label);
    shortened(&if label.is_empty() { facts.title() } else { label.to_owned() }, LONGEST_PARAM)
}

/// Settings as parameters. A text without a character is no value there.
pub fn params(settings: &[(String, String)]) -> Texts {
    let mut taken = Taken::default();
    let param = |(path, value): &(String, String)| {
        (taken.free(key([path.as_str()])), shortened(value, LONGEST_PARAM))
    };
    settings.iter().filter(|(_, value)| !value.is_empty()).map(param).collect()
}

/// Numbers at step 0 and curves by epoch from 1, without what is not finite.
pub fn series(point: &PointFacts) -> Vec<Series> {
    let numbers = point.numbers.iter().map(|(key, value)| (key, vec![(0, *value)]));
    let curves = point.curves.iter().map(|(key, values)| {
        (key, values.iter().enumerate().map(|(i, value)| (i as i64 + 1, *value)).collect())
    });
    let all = numbers.chain(curves).map(|(key, mut values): (_, Vec<(i64, f64)>)| {
        values.retain(|(_, value)| value.is_finite());
        Series { key: key.clone(), values }
    });
    all.filter(|series| !series.values.is_empty()).collect()
}

/// The bodies of `runs/log-batch`. Each series has the time, in ms since 1970, that `time` gives
/// it.
pub fn bodies(
    run: &str,
    tags: &[(String, String)],
    params: &[(String, String)],
    series: &[(Series, u64)],
) -> Vec<Value> {
    let text = |(key, value): &(String, String)| json!({ "key": key, "value": value });
    let texts = |texts: &[(String, String)]| texts.iter().map(text).collect::<Vec<_>>();
    let metrics: Vec<Value> = series
        .iter()
        .flat_map(|(series, time)| {
            series.values.iter().map(move |(step, value)| {
                json!({ "key": series.key, "value": value, "timestamp": time, "step": step })
            })
        })
        .collect();
    let mut bodies = Vec::new();
    bodies.extend(tags.chunks(PARAMS).map(|tags| json!({ "run_id": run, "tags": texts(tags) })));
    bodies.extend(
        params.chunks(PARAMS).map(|params| json!({ "run_id": run, "params": texts(params) })),
    );
    bodies.extend(
        metrics.chunks(METRICS).map(|metrics| json!({ "run_id": run, "metrics": metrics })),
    );
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_no_more_than_a_server_takes() {
        let texts: Texts = (0..250).map(|i| (format!("p{i}"), "x".to_owned())).collect();
        let values: Vec<(i64, f64)> = (1..=2001).map(|step| (step, 0.5)).collect();
        let series = [(Series { key: "training_loss/fan".into(), values }, 7)];
        let bodies = bodies("r", &texts[..1], &texts, &series);
        let sizes = |name: &str| -> Vec<usize> {
            bodies.iter().filter_map(|body| Some(body.get(name)?.as_array()?.len())).collect()
        };
        assert_eq!(sizes("tags"), [1]);
        assert_eq!(sizes("params"), [100, 100, 50]);
        assert_eq!(sizes("metrics"), [1000, 1000, 1]);
        let last = &bodies.last().expect("there are some")["metrics"][0];
        let expected =
            json!({ "key": "training_loss/fan", "value": 0.5, "timestamp": 7, "step": 2001 });
        assert_eq!(*last, expected);
        // MLflow takes up to 1 MB at a time, and a name has up to 250 characters.
        let longest = METRICS * (250 + r#"{"key":"","step":1500,"timestamp":1700000000000,"value":-1.2345678901234567e-300},"#.len());
        assert!(longest < 1_000_000, "{longest}");
    }

    #[test]
    fn texts_are_cut_and_names_are_made_fit() {
        let settings = [
            ("detector".to_owned(), "knn k=3".to_owned()),
            ("odd:näme".to_owned(), "ö".repeat(900)),
            ("empty".to_owned(), String::new()),
        ];
        let params = params(&settings);
        assert_eq!(params[0], settings[0]);
        assert!(params[1].0.starts_with("odd_n_me-") && params[1].1.chars().count() == 500);
        assert_eq!(params.len(), 2);
    }
}
