//! A run sent to a server of MLflow by its REST API 2.0.
//!
//! ```text
//! experiment  <- the experiment, by its name
//! run         <- a run of a sweep: settings that all points share
//!   run       <- a point: all settings, numbers, curves; alone if nothing is swept
//! ```
//!
//! Runs are found again by their tags. Of what the server has, nothing is sent a second time: a
//! series is there if its last value is. So a second call adds nothing, and one after a failure
//! goes on where that stopped.

mod address;
mod batch;
mod known;
mod server;

pub use address::{Address, Credentials};
pub use server::MlflowError;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::facts::{Facts, PointFacts};
use batch::{Series, Texts, bodies, params, series, tags, title};
use known::Known;
use server::{Answer, Server};

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Runs of points that are new on the server.
    pub new: usize,
    /// Those of which something was missing there.
    pub added: usize,
    /// Those that had been there.
    pub there: usize,
}

/// A server of MLflow that is sent runs.
pub struct Mlflow {
    server: Server,
    /// The time of day, in ms since 1970.
    now: u64,
}

/// A run as it should be on the server.
struct Wanted<'a> {
    title: String,
    tags: Texts,
    params: Texts,
    series: Vec<Series>,
    parent: Option<&'a str>,
}

/// What was done about a run.
#[derive(PartialEq)]
enum Deed {
    Made,
    Added,
    Nothing,
}

impl Mlflow {
    /// A server. `patience` is how long an answer may take, `now` the time of day in ms since 1970.
    pub fn new(address: Address, credentials: Credentials, patience: Duration, now: u64) -> Self {
        Self { server: Server::new(address, credentials, patience), now }
    }

    /// Sends a run, or what the server does not have of it.
    ///
    /// Errors: the server cannot be reached, is none of MLflow, or refuses. What was sent before
    /// stays there.
    pub fn send(&self, facts: &Facts) -> Result<Sent, MlflowError> {
        let experiment = self.experiment(&facts.name)?;
        let known = known::all(&self.server, &experiment, &facts.run.hex())?;
        let of_point = |point: &str| {
            known.iter().find(|run| run.tags.get(batch::POINT).map_or("", |p| p) == point)
        };
        let parent = match facts.points.len() {
            0 | 1 => None,
            _ => Some(self.bring(&experiment, of_point(""), &over_all(facts))?.0),
        };
        let mut sent = Sent::default();
        for point in &facts.points {
            let wanted = of(facts, point, parent.as_deref());
            let (_, deed) = self.bring(&experiment, of_point(&point.digest.hex()), &wanted)?;
            match deed {
                Deed::Made => sent.new += 1,
                Deed::Added => sent.added += 1,
                Deed::Nothing => sent.there += 1,
            }
        }
        Ok(sent)
    }

    /// The id of the experiment of a name, which is made if there is none.
    fn experiment(&self, name: &str) -> Result<String, MlflowError> {
        let get = || self.server.get("experiments/get-by-name", ("experiment_name", name));
        let found = match get()? {
            Answer::Of(found) => found,
            Answer::Nothing | Answer::Known => {
                match self.server.post("experiments/create", &json!({ "name": name }))? {
                    Answer::Of(made) => return self.id(&made, "/experiment_id"),
                    // Somebody else made it meanwhile.
                    Answer::Nothing | Answer::Known => match get()? {
                        Answer::Of(found) => found,
                        _ => return Err(self.server.says("the experiment cannot be made")),
                    },
                }
            }
        };
        if found.pointer("/experiment/lifecycle_stage") == Some(&"deleted".into()) {
            return Err(self
                .server
                .says(&format!("its experiment `{name}` was deleted; restore it there")));
        }
        self.id(&found, "/experiment/experiment_id")
    }

    fn id(&self, value: &Value, pointer: &str) -> Result<String, MlflowError> {
        let id = value.pointer(pointer).and_then(Value::as_str);
        let none = || self.server.another(&format!("an answer has no `{pointer}`"));
        id.map(str::to_owned).ok_or_else(none)
    }

    /// Makes a run what it should be; gives its id.
    fn bring(
        &self,
        experiment: &str,
        known: Option<&Known>,
        wanted: &Wanted,
    ) -> Result<(String, Deed), MlflowError> {
        let made;
        let (run, deed) = match known {
            Some(known) => (known, Deed::Added),
            None => {
                made = self.make(experiment, wanted)?;
                (&made, Deed::Made)
            }
        };
        let lacks = |known: &BTreeMap<String, String>, (key, value): &&(String, String)| {
            known.get(key) != Some(value)
        };
        let tags: Texts = wanted.tags.iter().filter(|tag| lacks(&run.tags, tag)).cloned().collect();
        // A parameter cannot be changed.
        let params: Texts = wanted
            .params
            .iter()
            .filter(|(key, _)| !run.params.contains_key(key))
            .cloned()
            .collect();
        let missing = wanted
            .series
            .iter()
            .filter_map(|series| Some((series.clone(), run.time_of(series, self.now)?)));
        let bodies = bodies(&run.id, &tags, &params, &missing.collect::<Vec<_>>());
        if bodies.is_empty() && run.finished {
            return Ok((run.id.clone(), Deed::Nothing));
        }
        for body in bodies {
            self.server.made("runs/log-batch", &body)?;
        }
        // A run that a failure cut off is still a running one there.
        let end = json!({ "run_id": run.id, "status": "FINISHED", "end_time": self.now });
        self.server.made("runs/update", &end)?;
        Ok((run.id.clone(), deed))
    }

    fn make(&self, experiment: &str, wanted: &Wanted) -> Result<Known, MlflowError> {
        let mut tags = wanted.tags.clone();
        tags.push(("mlflow.runName".to_owned(), wanted.title.clone()));
        tags.extend(wanted.parent.map(|id| ("mlflow.parentRunId".to_owned(), id.to_owned())));
        let list: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let body = json!({
            "experiment_id": experiment, "run_name": wanted.title, "start_time": self.now, "tags": list,
        });
        let made = self.server.made("runs/create", &body)?;
        Ok(Known {
            id: self.id(&made, "/run/info/run_id")?,
            begun: self.now,
            tags: tags.into_iter().collect(),
            ..Known::default()
        })
    }
}

fn of<'a>(facts: &Facts, point: &PointFacts, parent: Option<&'a str>) -> Wanted<'a> {
    Wanted {
        title: title(facts, Some(point)),
        tags: tags(facts, Some(point)),
        params: params(&point.settings),
        series: series(point),
        parent,
    }
}

/// The run over all points: what they have in common.
fn over_all(facts: &Facts) -> Wanted<'static> {
    let (first, others) = facts.points.split_first().expect("there are several points");
    let shared =
        |setting: &&(String, String)| others.iter().all(|point| point.settings.contains(setting));
    let settings: Vec<_> = first.settings.iter().filter(shared).cloned().collect();
    Wanted {
        title: title(facts, None),
        tags: tags(facts, None),
        params: params(&settings),
        series: Vec::new(),
        parent: None,
    }
}
