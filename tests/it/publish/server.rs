//! A server on this machine that plays MLflow, as far as `publish` speaks with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::{Value, json};

/// What the server keeps.
#[derive(Default)]
pub struct Fake {
    pub experiments: Vec<String>,
    pub runs: Vec<Run>,
    /// How often something was made or changed.
    pub changes: usize,
    /// How many changes go well; all if not said.
    pub fails_after: Option<usize>,
    /// Requests with a name that MLflow does not take, or too much at a time.
    pub refused: usize,
    /// Values that were there already.
    pub twice: usize,
    /// What `Authorization` said.
    pub authorizations: BTreeSet<String>,
}

/// A run, without what depends on the time of day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub id: String,
    pub finished: bool,
    pub tags: BTreeMap<String, String>,
    pub params: BTreeMap<String, String>,
    /// Values by step.
    pub metrics: BTreeMap<String, BTreeMap<i64, f64>>,
}

type Answer = (u16, Value);

impl Fake {
    fn answer(&mut self, path: &str, name: &str, body: &Value) -> Answer {
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let missing =
            || (404, json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none" }));
        match path {
            "experiments/get-by-name" => {
                match self.experiments.iter().position(|known| known == name) {
                    Some(id) => (
                        200,
                        json!({ "experiment": { "experiment_id": id.to_string(), "lifecycle_stage": "active" } }),
                    ),
                    None => missing(),
                }
            }
            "runs/search" => {
                let digest = text("filter");
                let digest = digest.split('\'').nth(1).expect("a filter by a tag");
                let found = self
                    .runs
                    .iter()
                    .filter(|run| run.tags.get("humshift.run").is_some_and(|tag| tag == digest));
                // One run a page, so that pages are turned.
                let page: usize = text("page_token").parse().unwrap_or(0);
                let all: Vec<Value> = found.map(Run::json).collect();
                let mut answer = json!({ "runs": all.get(page).into_iter().collect::<Vec<_>>() });
                if page + 1 < all.len() {
                    answer["next_page_token"] = (page + 1).to_string().into();
                }
                (200, answer)
            }
            _ if self.fails_after == Some(self.changes) => {
                (500, json!({ "error_code": "INTERNAL_ERROR", "message": "the disk is full" }))
            }
            _ => self.change(path, body),
        }
    }

    fn change(&mut self, path: &str, body: &Value) -> Answer {
        self.changes += 1;
        let run_id = body["run_id"].as_str().unwrap_or_default();
        let run = self.runs.iter_mut().find(|run| run.id == run_id);
        match (path, run) {
            ("experiments/create", _) => {
                self.experiments.push(body["name"].as_str().expect("a name").to_owned());
                (200, json!({ "experiment_id": (self.experiments.len() - 1).to_string() }))
            }
            ("runs/create", _) => {
                let id = format!("run-{}", self.runs.len());
                self.runs.push(Run {
                    id: id.clone(),
                    tags: texts(&body["tags"]),
                    ..Run::default()
                });
                (200, json!({ "run": { "info": { "run_id": id } } }))
            }
            ("runs/log-batch", Some(run)) => {
                self.refused += usize::from(!is_fit(body));
                run.tags.extend(texts(&body["tags"]));
                run.params.extend(texts(&body["params"]));
                for metric in body["metrics"].as_array().into_iter().flatten() {
                    let key = metric["key"].as_str().expect("a name").to_owned();
                    let (step, value) =
                        (metric["step"].as_i64().expect("a step"), metric["value"].as_f64());
                    let old =
                        run.metrics.entry(key).or_default().insert(step, value.expect("a number"));
                    self.twice += usize::from(old.is_some());
                }
                (200, json!({}))
            }
            ("runs/update", Some(run)) => {
                run.finished = body["status"] == "FINISHED";
                (200, json!({ "run_info": {} }))
            }
            _ => (404, json!({ "error_code": "ENDPOINT_NOT_FOUND", "message": path })),
        }
    }
}

impl Run {
    fn json(&self) -> Value {
        let texts = |texts: &BTreeMap<String, String>| -> Vec<Value> {
            texts.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
        };
        let last = |(key, values): (&String, &BTreeMap<i64, f64>)| {
            let (step, value) = values.last_key_value().expect("it has one");
            json!({ "key": key, "step": step, "value": value, "timestamp": 0 })
        };
        let metrics: Vec<Value> = self.metrics.iter().map(last).collect();
        json!({
            "info": { "run_id": self.id, "status": if self.finished { "FINISHED" } else { "RUNNING" }, "start_time": 1 },
            "data": { "tags": texts(&self.tags), "params": texts(&self.params), "metrics": metrics },
        })
    }
}

fn texts(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = list.as_array().into_iter().flatten();
    list.map(|entry| (text(&entry["key"]), text(&entry["value"]))).collect()
}

/// Whether MLflow takes these names and so many of them.
fn is_fit(body: &Value) -> bool {
    let lists = [("tags", 100), ("params", 100), ("metrics", 1000)];
    lists.iter().all(|(name, most)| {
        let list = body[name].as_array().map_or(&[][..], Vec::as_slice);
        let fit = |c: char| c.is_ascii_alphanumeric() || "_-. /".contains(c);
        let key = |entry: &Value| {
            entry["key"].as_str().is_some_and(|key| key.len() <= 250 && key.chars().all(fit))
        };
        list.len() <= *most && list.iter().all(key)
    })
}

/// A server, which ends with the test.
pub struct Server {
    listener: Arc<TcpListener>,
    fake: Arc<Mutex<Fake>>,
}

impl Server {
    /// One that plays MLflow.
    pub fn start(fake: Fake) -> Self {
        let server = Self::silent_with(fake);
        let (listener, fake) = (server.listener.clone(), server.fake.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (path, name, header, body) = read(&stream);
                let mut fake = fake.lock().expect("no test panics with it");
                fake.authorizations.insert(header);
                let (status, answer) = fake.answer(&path, &name, &body);
                let text = answer.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    text.len()
                );
                let _ = (&stream).write_all((head + &text).as_bytes());
            }
        });
        server
    }

    /// One that says the same to everybody.
    pub fn saying(answer: &'static str) -> Self {
        let server = Self::silent();
        let listener = server.listener.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                read(&stream);
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        server
    }

    /// One that takes connections and says nothing.
    pub fn silent() -> Self {
        Self::silent_with(Fake::default())
    }

    fn silent_with(fake: Fake) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        Self { listener: Arc::new(listener), fake: Arc::new(Mutex::new(fake)) }
    }

    pub fn address(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("it is bound"))
    }

    pub fn fake(&self) -> MutexGuard<'_, Fake> {
        self.fake.lock().expect("no thread panicked with it")
    }
}

/// An address at which nobody listens.
pub fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    format!("http://{}", listener.local_addr().expect("it is bound"))
}

/// Path below the API, the name that is asked for, `Authorization`, and the document.
fn read(stream: &TcpStream) -> (String, String, String, Value) {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).map(|_| line.trim().to_owned()).unwrap_or_default()
    };
    let request = line();
    let url = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let path = path.strip_prefix("/api/2.0/mlflow/").unwrap_or_default().to_owned();
    let name = decoded(query.strip_prefix("experiment_name=").unwrap_or_default());
    (path, name, authorization, serde_json::from_slice(&body).unwrap_or_default())
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits: Vec<u8> =
            if byte == b'%' { rest.by_ref().take(2).collect() } else { Vec::new() };
        let code =
            std::str::from_utf8(&digits).ok().and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.unwrap_or(if byte == b'+' { b' ' } else { byte }));
    }
    String::from_utf8(bytes).expect("names are UTF-8")
}
