//! The schema in a real editor's language server: no false alarm, a mark on what is wrong,
//! completion and explanations.
//!
//! `tests/editor/setup.sh` installs the server. Without it, or without node, the test says so and
//! passes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

const SERVER: &str = "tests/editor/node_modules/.bin/yaml-language-server";

/// Specs of `tests/bad_specs` whose mistake a schema can express.
const WRONG: [&str; 24] = [
    "autoencoder_epochs",
    "autoencoder_layers_item",
    "autoencoder_preset",
    "classifier_unknown",
    "cnn_loss_ranges",
    "data_unknown",
    "dcase_root_and_a_typo",
    "detector_bare",
    "detector_list",
    "detector_two",
    "detector_unknown",
    "embedding_network_unknown",
    "ensemble_member_unknown",
    "expect_no_bound",
    "expect_percent",
    "generalization_unknown",
    "gwrp_decay",
    "kmeans_metric",
    "metrics_unknown",
    "mix_unknown_setting",
    "setting_near",
    "sweep_scalar_axis",
    "sweep_unknown_setting_in_path",
    "sweep_value_type",
];

/// A running language server. It ends when this is dropped.
struct Server {
    child: Child,
    stdin: ChildStdin,
    heard: Receiver<Value>,
    settings: Value,
    told: BTreeMap<String, Vec<String>>,
    requests: u64,
    documents: u64,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one message; none at the end.
fn message(from: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?
            }
            Some(_) => {}
            None => break,
        }
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

impl Server {
    /// Starts the server with the schema for every YAML file; none if it is not installed.
    fn start(schema: &Path) -> Option<Self> {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join(SERVER);
        let mut command = Command::new(server);
        command.arg("--stdio").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let stdin = child.stdin.take()?;
        let mut stdout = BufReader::new(child.stdout.take()?);
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            while let Some(message) = message(&mut stdout) {
                if tell.send(message).is_err() {
                    break;
                }
            }
        });
        let settings = json!({
            "schemas": { format!("file://{}", schema.display()): "*.yaml" },
            "validate": true, "hover": true, "completion": true, "schemaStore": { "enable": false },
        });
        let (told, requests, documents) = (BTreeMap::new(), 0, 0);
        let mut server = Self { child, stdin, heard, settings, told, requests, documents };
        let capabilities = json!({ "workspace": { "configuration": true } });
        // Without node the script of the server ends at once.
        server.ask(
            "initialize",
            json!({ "processId": null, "rootUri": null, "capabilities": capabilities }),
        )?;
        server.send(&json!({ "method": "initialized", "params": {} }));
        let settings = json!({ "yaml": server.settings });
        server.send(&json!({ "method": "workspace/didChangeConfiguration", "params": { "settings": settings } }));
        Some(server)
    }

    fn send(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = "2.0".into();
        let text = message.to_string();
        let _ = write!(self.stdin, "Content-Length: {}\r\n\r\n{text}", text.len());
        let _ = self.stdin.flush();
    }

    /// The next message, if there is one; what the server asks or tells is answered or noted.
    fn next(&mut self) -> Option<Value> {
        let message = self.heard.recv_timeout(Duration::from_secs(60)).ok()?;
        match (message["method"].as_str(), message.get("id")) {
            (Some("textDocument/publishDiagnostics"), _) => {
                let all = message["params"]["diagnostics"].as_array().cloned().unwrap_or_default();
                let texts = all
                    .iter()
                    .map(|d| d["message"].as_str().unwrap_or_default().to_owned())
                    .collect();
                self.told.insert(
                    message["params"]["uri"].as_str().unwrap_or_default().to_owned(),
                    texts,
                );
            }
            (Some("workspace/configuration"), Some(id)) => {
                let items = message["params"]["items"].as_array().cloned().unwrap_or_default();
                let yaml = |item: &Value| {
                    if item["section"] == "yaml" { self.settings.clone() } else { Value::Null }
                };
                let result: Vec<Value> = items.iter().map(yaml).collect();
                self.send(&json!({ "id": id, "result": result }));
            }
            (Some(_), Some(id)) => self.send(&json!({ "id": id, "result": null })),
            _ => {}
        }
        Some(message)
    }

    /// The answer to a request; none if the server has ended.
    fn ask(&mut self, method: &str, params: Value) -> Option<Value> {
        self.requests += 1;
        let id = self.requests;
        self.send(&json!({ "id": id, "method": method, "params": params }));
        loop {
            let message = self.next()?;
            if message["id"] == id && message.get("method").is_none() {
                return Some(message["result"].clone());
            }
        }
    }

    /// Opens a text as a file; gives its name and what the server says of it.
    fn open(&mut self, text: &str) -> (String, Vec<String>) {
        self.documents += 1;
        let uri = format!("file:///specs/{}.yaml", self.documents);
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        self.send(
            &json!({ "method": "textDocument/didOpen", "params": { "textDocument": document } }),
        );
        loop {
            match self.told.remove(&uri) {
                Some(texts) => return (uri, texts),
                None => self.next().expect("the server answers"),
            };
        }
    }

    /// The answer to a request about the place of `|` in a text.
    fn at(&mut self, method: &str, text: &str) -> Value {
        let (before, after) = text.split_once('|').expect("a place");
        let (uri, _) = self.open(&format!("{before}{after}"));
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().expect("a line").len();
        let position = json!({ "line": line, "character": column });
        self.ask(method, json!({ "textDocument": { "uri": uri }, "position": position }))
            .expect("the server answers")
    }

    /// What can be written at `|`.
    fn completions(&mut self, text: &str) -> BTreeSet<String> {
        let answer = self.at("textDocument/completion", text);
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|item| item["label"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The explanation of what stands at `|`.
    fn explanation(&mut self, text: &str) -> String {
        self.at("textDocument/hover", text)["contents"]["value"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[test]
fn an_editor_checks_completes_and_explains_specs() {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    std::fs::write(&schema, humshift::spec::schema().to_string()).unwrap();
    let Some(mut server) = Server::start(&schema) else {
        eprintln!(
            "not tested: there is no `{SERVER}` that runs; tests/editor/setup.sh installs it (with node and npm)"
        );
        return;
    };

    let mut specs: Vec<PathBuf> =
        std::fs::read_dir("experiments").unwrap().map(|e| e.unwrap().path()).collect();
    specs.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    assert!(specs.len() > 10);
    for path in specs {
        let (_, told) = server.open(&std::fs::read_to_string(&path).unwrap());
        assert!(told.is_empty(), "a false alarm for {}: {told:?}", path.display());
    }
    let halves = [
        "extends: base.yaml\nfeatures: { log_mel: { mels: 64 } }\n",
        "data: { dcase: {} }\nsweep: { data.dcase.root: [a, b], detector: [ { knn: }, { lof: { k: 3 } } ] }\n",
        "pool:\ndetector: { knn: }\nsweep: { seed: { range: [0, 3] }, generalization.source_values.vel: [ [6], [10] ] }\n",
        "sweep: { zip: [ { features.log_mel.frame: [64, 32], features.log_mel.hop: [32, 16] } ] }\n",
        "mix: { table: mimii_dg }\nsweep: { mix: [ ~, { table: mimii_dg } ], mix.snr_db: [ 0, { n-lv: { L1: 3 } } ] }\n",
        "metrics: [ auc, { pauc: }, { intervals: { level: 0.9 } } ]\nthreshold: ~\n",
    ];
    for text in halves {
        assert_eq!(server.open(text).1, [] as [String; 0], "a false alarm for\n{text}");
    }
    for name in WRONG {
        let text = std::fs::read_to_string(format!("tests/bad_specs/{name}.yaml")).unwrap();
        assert!(!server.open(&text).1.is_empty(), "nothing is marked in {name}");
    }

    let detectors = server.completions("detector:\n  |\n");
    assert!(detectors.contains("knn") && detectors.contains("mahalanobis"), "{detectors:?}");
    let settings = server.completions("detector:\n  knn:\n    |\n");
    assert!(["k", "metric", "reduce"].iter().all(|name| settings.contains(*name)), "{settings:?}");
    let choices = server.completions("detector:\n  knn:\n    metric: |\n");
    assert!(choices.contains("cosine"), "{choices:?}");
    let paths = server.completions("sweep:\n  d|\n");
    assert!(paths.contains("detector.knn.k") && paths.contains("data.dcase.machines"), "{paths:?}");
    let words = server.completions("|\n");
    assert!(words.contains("detector") && words.contains("expect"), "{words:?}");

    let knn = server.explanation("detector:\n  kn|n: { k: 3 }\n");
    assert!(knn.contains("distance to the nearest training vectors"), "{knn}");
    let hop = server.explanation("features:\n  log_mel:\n    ho|p: 512\n");
    assert!(hop.contains("Samples from one frame to the next"), "{hop}");
    let axis = server.explanation("sweep:\n  detector.knn|.k: [1, 2]\n");
    assert!(axis.contains("number of nearest training vectors"), "{axis}");
}
