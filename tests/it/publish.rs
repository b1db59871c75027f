//! `publish`: runs sent to a server that plays MLflow, and event files for TensorBoard.
//!
//! `benches/peers/mlflow_read_back.py` and `tensorboard_read_back.py` do the same with the real
//! programs.

mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use crate::project::{Output, Project, tree};
use server::{Fake, Server, closed};

/// Two detectors, one of which is trained in epochs, and two sections.
const SPEC: &str = "\
name: tiny
question: Which of two?
data:
  synthetic:
    machines: [fan, valve]
    seconds: 0.25
    rate: 8000
    clips: { source_train: 6, target_train: 2, normal: 3, anomaly: 3 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: { k: 1 } }, { autoencoder: { epochs: 3 } } ]
detector: { knn: {} }
";

fn project() -> Project {
    let project = Project::with(SPEC);
    project.run("run spec.yaml --quiet").done();
    project
}

/// Runs the program with these variables of the environment, and without MLflow's own otherwise.
fn run(project: &Project, arguments: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = project.command(arguments);
    for name in ["TRACKING_URI", "TRACKING_TOKEN", "TRACKING_USERNAME", "TRACKING_PASSWORD"] {
        command.env_remove(format!("MLFLOW_{name}"));
    }
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    Output::new(command.output().expect("the program starts"))
}

fn publish(project: &Project, server: &Server) -> Output {
    run(project, &format!("publish tiny --mlflow {}", server.address()), &[])
}

/// The numbers of `report --format json` as they should be published: by point and name.
fn reported(project: &Project) -> Vec<BTreeMap<String, f64>> {
    let report = project.run("report tiny --format json").done().json();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let point = |point: &Value| {
        let row = |row: &Value| {
            let domain = match text(row, "domain") {
                none if none.is_empty() => none,
                domain => format!("_{domain}"),
            };
            let place = format!("{}/{}", text(row, "machine"), text(row, "section"));
            Some((format!("{}{domain}/{place}", text(row, "metric")), row["value"].as_f64()?))
        };
        let rows = point["rows"].as_array().expect("a list").iter();
        let mut found: BTreeMap<String, f64> =
            rows.filter(|row| row.get("attribute").is_none()).filter_map(row).collect();
        found.insert("official".into(), point["official"].as_f64().expect("a number"));
        found
    };
    report["points"].as_array().expect("a list").iter().map(point).collect()
}

#[test]
fn a_run_is_sent_once_with_all_its_numbers() {
    let project = project();
    let server = Server::start(Fake::default());
    let told = publish(&project, &server).done();
    let address = server.address();
    assert!(
        told.stdout.contains("2 points of `tiny@")
            && told
                .stdout
                .contains(&format!("` at {address}: 2 new, 0 completed, 0 there already")),
        "{}",
        told.stdout
    );
    let runs = server.fake().runs.clone();
    assert_eq!((server.fake().experiments.clone(), runs.len()), (vec!["tiny".to_owned()], 3));
    let (over, points) = runs.split_first().expect("there are three");
    assert!(over.tags["mlflow.runName"].starts_with("tiny@") && over.metrics.is_empty());
    assert_eq!(over.params["data.synthetic.rate"], "8000");
    assert!(!over.params.contains_key("detector"), "{:?}", over.params);
    for (point, expected) in points.iter().zip(reported(&project)) {
        assert_eq!(point.tags["mlflow.parentRunId"], over.id);
        assert_eq!(point.tags["humshift.run"], over.tags["humshift.run"]);
        assert_eq!(point.tags["humshift.question"], "Which of two?");
        assert!(point.finished);
        let headline: BTreeMap<String, f64> = point
            .metrics
            .iter()
            .filter_map(|(key, values)| Some((key.clone(), *values.get(&0)?)))
            .collect();
        for (name, value) in &expected {
            assert_eq!(headline.get(name), Some(value), "{name}");
        }
        let means = headline.keys().filter(|name| name.starts_with("mean/")).count();
        assert_eq!(headline.len(), expected.len() + means);
    }
    let digests: BTreeSet<&String> =
        points.iter().map(|point| &point.tags["humshift.point"]).collect();
    assert_eq!(digests.len(), 2);
    assert_eq!(
        (points[0].params["detector"].as_str(), points[0].params["detector.knn.k"].as_str()),
        ("knn", "1")
    );
    // Curves have a value an epoch, under names without settings.
    let epochs = |name: &str| points[1].metrics[name].keys().copied().collect::<Vec<i64>>();
    assert_eq!(epochs("training_loss/fan/00"), [1, 2, 3]);
    assert!(points[0].metrics.values().all(|values| values.contains_key(&0)));

    // A second time nothing is sent.
    let before = server.fake().changes;
    let told = publish(&project, &server).done();
    assert!(told.stdout.contains("0 new, 0 completed, 2 there already"), "{}", told.stdout);
    let fake = server.fake();
    assert_eq!((fake.changes, &fake.runs), (before, &runs));
}

#[test]
fn a_run_that_was_cut_off_is_completed() {
    let project = project();
    let server = Server::start(Fake { fails_after: Some(6), ..Fake::default() });
    let told = publish(&project, &server).exits(1);
    assert!(
        told.stderr.contains("E0731") && told.stderr.contains("INTERNAL_ERROR: the disk is full"),
        "{}",
        told.stderr
    );
    assert!(told.stderr.contains("the same command sends the rest"), "{}", told.stderr);
    let half = server.fake().runs.clone();
    assert!(half.iter().any(|run| !run.finished), "{half:?}");
    server.fake().fails_after = None;
    publish(&project, &server).done();
    let whole = server.fake().runs.clone();
    assert!(whole.len() == 3 && whole.iter().all(|run| run.finished), "{whole:?}");
    let other = Server::start(Fake::default());
    publish(&project, &other).done();
    assert_eq!(other.fake().runs, whole, "as if nothing had happened");
    assert_eq!(server.fake().twice, 0, "no value was sent twice");
}

#[test]
fn points_that_were_not_run_follow_later() {
    let project = Project::with(SPEC);
    project.run("run spec.yaml --quiet --only */detector=knn").done();
    let server = Server::start(Fake::default());
    let told = publish(&project, &server).done();
    assert!(
        told.stderr.contains("note: 1 point has no results yet and is left out"),
        "{}",
        told.stderr
    );
    project.run("run spec.yaml --quiet").done();
    let told = publish(&project, &server).done();
    assert!(told.stdout.contains("1 new, 0 completed, 1 there already"), "{}", told.stdout);
}

#[test]
fn what_is_wrong_with_a_server_is_told() {
    let project = project();
    let to = |address: &str| {
        run(&project, &format!("publish tiny --mlflow {address}"), &[]).exits(1).stderr
    };
    let told = |answer: &'static str, words: &str| {
        let server = Server::saying(answer);
        let stderr = to(&server.address());
        assert!(stderr.contains("E0731") && stderr.contains(words), "{words}:\n{stderr}");
    };
    told(
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        "is no MLflow server: its answer is 200 OK",
    );
    told(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        "is no MLflow server: its answer is 404",
    );
    told("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "has no `/experiment/experiment_id`");
    told("SSH-2.0-OpenSSH_9.6\r\n\r\n", "is no MLflow server");
    told(
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nWho's it?",
        "let this request in: 401 Unauthorized: Who's it?",
    );
    told(
        "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
        "sends everybody on to `/login`",
    );
    told("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nwait", "refuses: 503");
    // Nothing in the words of a server is obeyed.
    told(
        "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{\"error_code\":\"BAD\",\"message\":\"\\u001b[31mred\\u0007\",\"x\":\"1\"}\n",
        "refuses: BAD: <U+001B>[31mred<U+0007>",
    );
    assert!(to(&closed()).contains("cannot be reached"));
    let silent = Server::silent();
    let arguments = format!("publish tiny --mlflow {}", silent.address());
    let late = run(&project, &arguments, &[("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")]).exits(1).stderr;
    assert!(late.contains("gave no answer in time"), "{late}");
}

#[test]
fn mistakes_are_told_before_anything_is_sent() {
    let project = project();
    let told = [
        "publish tiny",
        "publish tiny --mlflow",
        "publish tiny --mlflow mlruns",
        "publish tiny --mlflow sqlite:///mlruns.db",
        "publish tiny --mlflow http://me:secret@127.0.0.1:1",
        "publish tinny --mlflow http://127.0.0.1:1",
    ];
    let told = told
        .map(|arguments| format!("{arguments}\n{}", run(&project, arguments, &[]).exits(2).stderr));
    assert!(!told.concat().replace("me:secret@127.0.0.1:1\n", "").contains("secret"));
    insta::assert_snapshot!("publish_mistakes", told.join("\n"));
}

#[test]
fn who_asks_is_told_to_the_server_and_to_nobody_else() {
    let project = project();
    let asks = |variables: &[(&str, &str)]| {
        let server = Server::start(Fake::default());
        let address = server.address();
        let variables = [&[("MLFLOW_TRACKING_URI", address.as_str())], variables].concat();
        let told = run(&project, "publish tiny", &variables);
        assert!(!format!("{told:?}").contains("s3cret"), "{told:?}");
        (told.code, server.fake().authorizations.clone())
    };
    let token = ("MLFLOW_TRACKING_TOKEN", "s3cret");
    let header = |text: &str| (0, [text.to_owned()].into());
    assert_eq!(asks(&[token]), header("Bearer s3cret"));
    let user = [("MLFLOW_TRACKING_USERNAME", "me"), ("MLFLOW_TRACKING_PASSWORD", "s3cret")];
    assert_eq!(asks(&[user[0], user[1], token]), header("Basic bWU6czNjcmV0"));
    assert_eq!(asks(&[]), header(""));
    assert_eq!(asks(&[("MLFLOW_TRACKING_TOKEN", "s3cret\nX: y")]), (2, BTreeSet::new()));
}

#[test]
fn event_files_have_the_same_bytes_each_time() {
    let project = project();
    let write = |folder: &str| {
        let told = run(&project, &format!("publish tiny --tensorboard {folder}"), &[]).done();
        let files = tree(&project.path(folder)).into_iter();
        let files: BTreeMap<String, Vec<u8>> =
            files.map(|(name, path)| (name, fs::read(path).expect("a file"))).collect();
        assert!(
            told.stdout.contains(&format!("{} files below {folder}", files.len())),
            "{}",
            told.stdout
        );
        files
    };
    let files = write("a");
    assert_eq!((&files, &files), (&write("a"), &write("b")));
    let stages: Vec<&str> = files
        .keys()
        .map(|name| name.split_once('/').expect("a folder of the run").1)
        .map(|name| name.strip_suffix("/events.out.tfevents.0.humshift").expect("its name"))
        .collect();
    assert_eq!(
        stages,
        [
            "points/0-detector=knn",
            "points/1-detector=autoencoder",
            "training/fan/detector=autoencoder",
            "training/valve/detector=autoencoder"
        ]
    );
    // The variable alone sends nothing where another target is named.
    let silent = [("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")];
    run(&project, "publish tiny --tensorboard c", &silent).done();
    let both = run(&project, "publish tiny --tensorboard c --mlflow", &silent).exits(1);
    assert!(both.stderr.contains("cannot be reached"), "{}", both.stderr);
}

#[test]
fn hostile_names_stay_where_they_belong() {
    let project = Project::with(
        &SPEC
            .replace("name: tiny", "name: \"tiny / or not\"")
            .replace(" / ", " ö ")
            .replace("[fan, valve]", "[fan]"),
    );
    project.run("run spec.yaml --quiet --only */detector=knn").done();
    let server = Server::start(Fake::default());
    let arguments = format!("publish spec.yaml --tensorboard a --mlflow {}", server.address());
    run(&project, &arguments, &[]).done();
    assert_eq!(server.fake().experiments, ["tiny ö or not"]);
    for name in tree(&project.path("a")).keys() {
        assert!(name.is_ascii() && name.starts_with("tiny___or_not-"), "{name}");
    }
    // The fake refuses names as MLflow does; it saw them all.
    assert_eq!(server.fake().refused, 0);
    assert_eq!(json!(server.fake().runs.len()), 1);
}
