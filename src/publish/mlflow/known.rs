//! Runs that a server has already.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::batch::{RUN, Series};
use super::server::{MlflowError, Server};

/// Runs a page.
const PAGE: usize = 200;
/// No server has more pages of one run.
const PAGES: usize = 10_000;

/// A run as the server has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    pub id: String,
    /// When it began, in ms since 1970.
    pub begun: u64,
    pub finished: bool,
    pub tags: BTreeMap<String, String>,
    pub params: BTreeMap<String, String>,
    /// The newest value of each metric, with its step.
    pub metrics: BTreeMap<String, (i64, f64)>,
}

/// All runs of an experiment that were made from the run of a digest.
///
/// Errors: the server cannot be asked, or its answer has no runs.
pub fn all(server: &Server, experiment: &str, digest: &str) -> Result<Vec<Known>, MlflowError> {
    let mut found = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES {
        let mut body = json!({
            "experiment_ids": [experiment], "filter": format!("tags.`{RUN}` = '{digest}'"),
            "max_results": PAGE, "run_view_type": "ACTIVE_ONLY",
        });
        if !token.is_empty() {
            body["page_token"] = token.into();
        }
        let answer = server.made("runs/search", &body)?;
        let runs = answer.get("runs").and_then(Value::as_array);
        let none = || server.another("it lists a run without an id");
        for run in runs.into_iter().flatten() {
            found.push(Known::read(run).ok_or_else(none)?);
        }
        token = answer.get("next_page_token").and_then(Value::as_str).unwrap_or_default().into();
        if token.is_empty() {
            return Ok(found);
        }
    }
    Err(server.another("its list of runs has no end"))
}

impl Known {
    /// A run of an answer; `None` if it has no id.
    fn read(run: &Value) -> Option<Self> {
        let (info, data) = (run.get("info")?, run.get("data").unwrap_or(&Value::Null));
        let list = |name: &str| data.get(name).and_then(Value::as_array).into_iter().flatten();
        let texts = |name: &str| -> BTreeMap<String, String> {
            let text = |entry: &Value, key: &str| Some(entry.get(key)?.as_str()?.to_owned());
            list(name)
                .filter_map(|entry| Some((text(entry, "key")?, text(entry, "value")?)))
                .collect()
        };
        let metric = |entry: &Value| {
            let key = entry.get("key")?.as_str()?.to_owned();
            let step = entry.get("step").and_then(integer).unwrap_or(0);
            Some((key, (step, entry.get("value")?.as_f64()?)))
        };
        Some(Self {
            id: info.get("run_id")?.as_str()?.to_owned(),
            begun: info.get("start_time").and_then(integer).unwrap_or(0).max(0) as u64,
            finished: info.get("status").and_then(Value::as_str) == Some("FINISHED"),
            tags: texts("tags"),
            params: texts("params"),
            metrics: list("metrics").filter_map(metric).collect(),
        })
    }

    /// The time, in ms since 1970, that a series is to have; `None` if the server has it. It is that
    /// of the run, so that a value that is sent twice is one; of values at one step the latest
    /// counts, so that another value has a later one, `now`.
    pub fn time_of(&self, series: &Series, now: u64) -> Option<u64> {
        let last = series.values.last()?;
        match self.metrics.get(&series.key) {
            Some(known) if known == last => None,
            Some((step, _)) if *step >= last.0 => Some(now),
            _ => Some(self.begun),
        }
    }
}

/// Whole numbers are numbers to some servers and texts to others.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_known_by_its_last_value() {
        let run = Known::read(&json!({
            "info": { "run_id": "r", "start_time": "5", "status": "FINISHED" },
            "data": {
                "metrics": [
                    { "key": "auc", "value": 0.1, "step": "0" }, { "key": "loss", "value": 2.0, "step": 3 },
                    { "key": "odd", "value": "NaN" },
                ],
                "tags": [{ "key": "a", "value": "b" }],
            },
        }))
        .expect("it has an id");
        assert_eq!((run.begun, run.finished, run.params.len()), (5, true, 0));
        let time = |key: &str, values: &[(i64, f64)]| {
            run.time_of(&Series { key: key.into(), values: values.to_vec() }, 9)
        };
        assert_eq!(time("auc", &[(0, 0.1)]), None);
        assert_eq!(time("auc", &[(0, 0.2)]), Some(9), "another value is a later one");
        assert_eq!(time("loss", &[(2, 1.0), (3, 2.0)]), None);
        assert_eq!(time("loss", &[(3, 2.0), (4, 1.0)]), Some(5), "the rest of a curve");
        assert_eq!(time("new", &[(0, 0.0)]), Some(5));
        assert_eq!(Known::read(&json!({ "info": {} })), None);
    }
}
