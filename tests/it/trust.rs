//! Nothing wrong comes out of the cache: what is put there by others, or changed behind the
//! program's back, gives the report of an empty cache or an error, never another number.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use humshift::canon;
use humshift::digest::Digest;
use serde_json::{Value, json};

use crate::cache::{self, Record};
use crate::project::{Output, Project, tree, within};
use crate::sounds::{self, SPEC};

fn project(spec: &str) -> Project {
    let project = Project::with(spec);
    project.write_all(&sounds::data_set());
    project
}

/// Two detectors whose tables differ.
fn two_detectors() -> (Project, String) {
    let project = project(&SPEC.replace(
        "detector: { knn: { k: 1 } }",
        "sweep: { detector: [ { knn: {} }, { mahalanobis: {} } ] }",
    ));
    project.run("run spec.yaml").done();
    let report = project.report();
    (project, report)
}

fn record<'a>(records: &'a [Record], label: &str) -> &'a Record {
    records.iter().find(|record| record.label == label).unwrap_or_else(|| panic!("{label} ran"))
}

/// Writes a record with the right digest in its second line.
fn forge(path: &Path, json: &Value) {
    let line = json.to_string();
    fs::write(path, format!("{line}\n\"{}\"\n", Digest::of(line.as_bytes()).hex()))
        .expect("a file");
}

const KNN: &str = "metrics/fan/00/detector=knn";
const MAHALANOBIS: &str = "metrics/fan/00/detector=mahalanobis";

#[test]
fn a_record_in_the_place_of_another_is_told_and_made_again() {
    let (project, report) = two_detectors();
    let records = cache::records(&project.cache());
    let (a, b) = (record(&records, KNN), record(&records, MAHALANOBIS));
    assert_ne!(
        fs::read(&a.outputs["metrics"]).unwrap(),
        fs::read(&b.outputs["metrics"]).unwrap(),
        "they can be told apart"
    );
    // As it is, and as older versions wrote it, without the key.
    for named in [true, false] {
        let mut json = a.json.clone();
        if !named {
            json.as_object_mut().unwrap().remove("key");
        }
        forge(&b.path, &json);
        let audit = project.run("cache verify").exits(1);
        assert!(audit.stdout.contains(&format!("damaged record: {}", b.key)), "{}", audit.stdout);
        forge(&b.path, &json);
        project.forget();
        let run = project.run("run spec.yaml").done();
        assert_eq!(run.ran(), [MAHALANOBIS.to_owned()].into());
        assert!(
            run.stderr.contains(&format!("the record of {MAHALANOBIS} is damaged")),
            "{}",
            run.stderr
        );
        assert_eq!(project.report(), report);
    }
    // A record without its key is good for the key of its document.
    let mut json = a.json.clone();
    json.as_object_mut().unwrap().remove("key");
    forge(&a.path, &json);
    project.forget();
    assert_eq!(project.ran().len(), 0);
    project.run("cache verify").done();
}

#[test]
fn a_record_with_other_outputs_than_its_stage_makes_is_none() {
    let (project, report) = two_detectors();
    let outside = project.path("victim.txt");
    let records = cache::records(&project.cache());
    let scores = record(&records, "scoring/fan/00/detector=knn").json["outputs"]["scores"].clone();
    let of = |label: &str, change: &dyn Fn(&mut Value)| {
        let mut json = record(&records, label).json.clone();
        change(&mut json["outputs"]);
        json
    };
    let forgeries = [
        (KNN, of(KNN, &|outputs| outputs["metrics"] = scores.clone())),
        (KNN, of(KNN, &|outputs| *outputs = json!({ "foo": scores }))),
        (KNN, of(KNN, &|outputs| *outputs = json!({}))),
        (KNN, of(KNN, &|outputs| outputs["more"] = scores.clone())),
        (KNN, of(KNN, &|outputs| outputs["metrics"]["kind"] = json!("x/../../../../victim.txt"))),
        (
            "features/fan/00",
            of("features/fan/00", &|outputs| {
                *outputs = json!({ "train/features": outputs["train/features"] })
            }),
        ),
        (
            "training/fan/00/detector=knn",
            of("training/fan/00/detector=knn", &|o| o["model"]["kind"] = json!("npy")),
        ),
        (
            "dataset/fan/00",
            of("dataset/fan/00", &|outputs| {
                *outputs = json!({ "train/clips": outputs["train/audio"] })
            }),
        ),
    ];
    fs::write(&outside, "precious").unwrap();
    for (label, json) in forgeries {
        let path = &record(&records, label).path;
        forge(path, &json);
        let told = project.run("plan spec.yaml").done();
        assert!(told.stdout.contains("will run"), "{json}\n{}", told.stdout);
        project.forget();
        project.run("run spec.yaml --frozen").exits(1);
        assert!(project.run("cache verify").exits(1).stdout.contains("damaged record"), "{json}");
        forge(path, &json);
        project.forget();
        let run = project.run("run spec.yaml").done();
        assert!(run.stderr.contains("is damaged"), "{json}\n{}", run.stderr);
        assert_eq!(project.report(), report, "{json}");
        project.run("run spec.yaml --frozen").done();
    }
    assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
}

#[test]
fn records_of_another_schema_are_left_alone() {
    let (project, report) = two_detectors();
    let foreign = project.cache().join("records/00").join(format!("{}.json", "0".repeat(62)));
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    forge(&foreign, &json!({ "schema": 2, "all": "else" }));
    let audit = project.run("cache verify").done();
    assert!(
        audit.stdout.contains("1 records are of another version of humshift and were left alone"),
        "{}",
        audit.stdout
    );
    assert!(foreign.exists());
    assert_eq!(project.report(), report);
}

/// What a power cut leaves: lengths without contents, and names without lengths.
#[test]
fn objects_full_of_zeros_are_made_again_though_their_length_is_right() {
    let (project, report) = two_detectors();
    for with_records in [false, true] {
        for path in tree(&project.cache().join("objects")).into_values() {
            let length = fs::metadata(&path).unwrap().len();
            fs::write(&path, vec![0; length as usize]).unwrap();
        }
        for path in tree(&project.cache().join("records")).into_values().filter(|_| with_records) {
            fs::write(path, "").unwrap();
        }
        project.forget();
        let run = project.run("run spec.yaml").done();
        // Two readers may find one object damaged, and each has it made again.
        assert!(!run.ran_in_order().is_empty());
        assert_eq!(project.report(), report, "with the records: {with_records}");
        project.run("cache verify").done();
    }
}

/// Makes something that is no regular file at a path.
#[cfg(unix)]
type Strange = (&'static str, fn(&Path));

#[cfg(unix)]
const STRANGE: &[Strange] = &[
    ("FIFO", |path| {
        let made =
            std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
        assert!(made.success());
    }),
    ("folder", |path| fs::create_dir_all(path.join("inside")).unwrap()),
    ("link to a device", |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
    ("dead link", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
];

#[cfg(unix)]
#[test]
fn what_is_no_file_is_never_waited_for() {
    let (project, report) = two_detectors();
    let sound = project.path("sound");
    cache::copy(&project.cache(), &sound);
    let records = cache::records(&project.cache());
    let knn = record(&records, KNN);
    let mut places: Vec<PathBuf> = vec![knn.path.clone(), knn.outputs["metrics"].clone()];
    places.extend(record(&records, "training/fan/00/detector=knn").outputs.values().cloned());
    places.push(project.cache().join(format!("logs/{}.log", knn.key)));
    places.push(project.cache().join(format!("locks/{}.lock", knn.key)));
    places.push(project.cache().join(format!("jobs/{}.json", knn.key)));
    places.push(project.cache().join("CACHEDIR.TAG"));
    places.extend(tree(&project.cache().join("last")).into_values());
    places.extend(tree(&project.cache().join("memo")).into_values());
    for (name, make) in STRANGE {
        for place in &places {
            cache::copy(&sound, &project.cache());
            let _ = fs::remove_file(place);
            make(place);
            // So that locks, logs and models are needed.
            fs::remove_file(&record(&records, "scoring/fan/00/detector=knn").path).unwrap();
            let _ = fs::remove_file(&knn.path);
            let what = format!("{name} at {}", place.display());
            for command in
                ["plan spec.yaml", "run spec.yaml --executor process", "cache stat", "cache ls"]
            {
                assert_eq!(project.run(command).code, 0, "{what}: {command}");
            }
            assert_eq!(project.report(), report, "{what}");
            let audit = project.run("cache verify");
            assert!(audit.code <= 1, "{what}: {}", audit.stderr);
            project.run("cache verify").done();
            project.run("cache gc --max-size 0").done();
        }
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_links_of_the_cache() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let key = &record(&cache::records(&project.cache()), "training/fan/00").key.clone();
    fs::remove_dir_all(project.cache()).unwrap();
    project.run("plan spec.yaml").done();
    let victims = ["log", "lock", "tag"].map(|name| project.path(name));
    let links = [format!("logs/{key}.log"), format!("locks/{key}.lock"), "CACHEDIR.TAG".to_owned()];
    for (victim, link) in victims.iter().zip(&links) {
        fs::write(victim, "precious").unwrap();
        let link = project.cache().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(victim, link).unwrap();
    }
    project.run("run spec.yaml").done();
    assert!(victims.iter().all(|victim| fs::read_to_string(victim).unwrap() == "precious"));
}

#[test]
fn a_job_is_done_under_its_own_key_alone() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let records = cache::records(&project.cache());
    let scoring = record(&records, "scoring/fan/00");
    let job = json!({
        "key": scoring.key, "label": scoring.label, "threads": 1, "material": scoring.json["material"],
        "stage": { "scoring": { "detector": { "knn": { "k": 2 } } } },
        "inputs": {},
    });
    let place = project.cache().join(format!("jobs/{}.json", scoring.key));
    for broken in [
        job.to_string(),
        "{".into(),
        "null".into(),
        job.to_string().replace(&scoring.key, &"0".repeat(64)),
    ] {
        fs::write(&place, broken).unwrap();
        fs::remove_file(&scoring.path).unwrap_or_default();
        let run = project
            .run(&format!("internal run-job {} --cache {}", scoring.key, project.cache().display()))
            .exits(1);
        assert!(run.stdout.contains("cannot be done"), "{}", run.stdout);
        assert!(!scoring.path.exists());
    }
}

#[test]
fn a_job_that_wants_a_million_threads_gets_those_there_are() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    let records = cache::records(&project.cache());
    let document = tree(&project.cache().join("runs")).into_values().next().expect("one run");
    let text = fs::read_to_string(document).unwrap();
    let body: Value = serde_json::from_str(text.lines().nth(2).expect("three lines")).unwrap();
    let nodes = body["nodes"].as_array().expect("a list");
    let node =
        nodes.iter().find(|node| node["node"]["label"] == "scoring/fan/00").expect("it is there");
    let mut inputs = json!({});
    for need in node["node"]["needs"].as_array().expect("a list") {
        let from =
            nodes[need["node"].as_u64().unwrap() as usize]["node"]["label"].as_str().unwrap();
        let made = &record(&records, from).json["outputs"];
        inputs[need["role"].as_str().unwrap()] = made[need["output"].as_str().unwrap()].clone();
    }
    let scoring = record(&records, "scoring/fan/00");
    let (key, place) = (&scoring.key, project.cache().join(format!("jobs/{}.json", scoring.key)));
    let job = json!({ "key": key, "label": "x", "threads": 1_000_000, "material": scoring.json["material"],
                      "stage": node["node"]["stage"], "inputs": inputs });
    fs::write(place, job.to_string()).unwrap();
    fs::remove_file(&scoring.path).unwrap();
    project.run(&format!("internal run-job {key} --cache {}", project.cache().display())).done();
    assert!(scoring.path.exists());
}

/// A training that lasts, of a matrix that is mapped.
const LONG: &str = "\
name: long
data: { synthetic: { machines: [fan], seconds: 6.0, clips: { source_train: 60, target_train: 4, normal: 5, anomaly: 5 } } }
features: { log_mel: { frame: 512, hop: 128, mels: 64 } }
detector: { autoencoder: { window: 5, layers: [64, 8, 64], epochs: 3 } }
";

/// Whether a training holds its key.
fn is_training(project: &Project) -> bool {
    let has = |label: &str| {
        cache::records(&project.cache()).iter().any(|record| record.label.starts_with(label))
    };
    let busy =
        fs::read_dir(project.cache().join("locks")).is_ok_and(|mut locks| locks.next().is_some());
    project.cache().join("records").exists() && busy && has("features")
}

#[cfg(unix)]
#[test]
fn an_input_that_changes_while_it_is_read_is_made_again() {
    use std::os::unix::fs::FileExt;
    let project = Project::with(LONG);
    let report = project.report_of_an_empty_cache();
    type Damage = (&'static str, fn(&fs::File, u64));
    let damages: [Damage; 2] = [
        ("overwritten", |file, length| {
            file.write_all_at(&vec![0x41; (length - 128) as usize], 128).unwrap()
        }),
        ("cut", |file, length| file.set_len(length / 2).unwrap()),
    ];
    for executor in ["threads", "process"] {
        for (name, damage) in damages {
            let _ = fs::remove_dir_all(project.cache());
            let mut child = project
                .command(&format!("run spec.yaml --executor {executor}"))
                .spawn()
                .expect("it starts");
            assert!(within(120, || is_training(&project)), "no training began");
            std::thread::sleep(Duration::from_millis(150));
            let matrix = tree(&project.cache().join("objects")).into_values().find(|path| {
                path.extension().is_some_and(|e| e == "npy")
                    && fs::metadata(path).unwrap().len() > 5 << 20
            });
            let file =
                fs::File::options().write(true).open(matrix.expect("a large matrix")).unwrap();
            damage(&file, file.metadata().unwrap().len());
            assert!(
                child.try_wait().unwrap().is_none(),
                "the training was over before its input was {name}"
            );
            let run = Output::new(child.wait_with_output().expect("it ends")).done();
            assert!(
                run.stderr.contains("missing or damaged"),
                "{name}, {executor}: {}",
                run.stderr
            );
            assert_eq!(project.report(), report, "{name}, {executor}");
            project.run("cache verify").done();
        }
    }
}

#[test]
fn a_key_document_in_a_record_is_canonical() {
    let project = project(SPEC);
    project.run("run spec.yaml").done();
    for record in cache::records(&project.cache()) {
        let own = Digest::of(canon::of_value(&record.json["material"]).unwrap().as_bytes()).hex();
        assert_eq!(
            (own.as_str(), record.json["key"].as_str()),
            (record.key.as_str(), Some(record.key.as_str()))
        );
    }
}

#[test]
fn stages_computed_again_give_the_cached_bytes_or_the_difference_is_told() {
    let (project, report) = two_detectors();
    let all = project.run("run spec.yaml --verify=1").done();
    let stages = cache::records(&project.cache()).len();
    let said = format!("verified: {stages} of {stages} stages gave the cached bytes again");
    assert!(all.stderr.contains(&said), "{}", all.stderr);
    let some = project.run("run spec.yaml --verify").done();
    assert!(some.stderr.contains("stages gave the cached bytes again"), "{}", some.stderr);
    assert_eq!(project.report(), report);
    project.run("run spec.yaml --verify=2").exits(2);

    // A forged record that names the scores of the other detector.
    let records = cache::records(&project.cache());
    let victim = record(&records, "scoring/fan/00/detector=knn");
    let other = record(&records, "scoring/fan/00/detector=mahalanobis");
    let mut json = victim.json.clone();
    json["outputs"] = other.json["outputs"].clone();
    forge(&victim.path, &json);
    let forged = project.run("run spec.yaml --verify=1").exits(1);
    let line = forged.stderr.lines().find(|line| line.starts_with("error: ")).expect("an error");
    assert!(
        line.starts_with("error: scoring/fan/00/detector=knn gives other bytes than the cache:"),
        "{line}"
    );
}

#[test]
fn a_lock_holds_on_another_machine_and_tells_what_differs() {
    let (project, _) = two_detectors();
    project.run("lock spec.yaml -o a.lock").done();
    let lock = std::fs::read_to_string(project.path("a.lock")).expect("a lock");
    let outputs = cache::records(&project.cache()).iter().map(|r| r.outputs.len()).sum::<usize>();
    assert_eq!(lock.lines().count(), 1 + outputs);
    project.run("run spec.yaml --cache there --jobs 1 -q").done();
    project.run("lock spec.yaml --cache there --check a.lock").done();
    // The form has one line an output.
    assert_eq!(project.run("lock spec.yaml --cache there").done().stdout, lock);

    let (first, rest) = lock.split_once("scoring/fan/00/detector=knn\t").expect("the stage");
    let (key, _) = rest.split_once('\t').expect("a key");
    let other = lock.replace(key, &Digest::of(b"key").hex());
    project.write("other.lock", other);
    let told = project.run("lock spec.yaml --check other.lock").exits(1).stderr;
    let why = "scoring/fan/00/detector=knn: other settings, code or inputs (another key)";
    assert!(told.starts_with(why), "{told}");
    project.write("cut.lock", first);
    assert!(project.run("lock spec.yaml --check cut.lock").exits(1).stderr.contains("has no"));
    project.write("no.lock", "hello");
    assert!(project.run("lock spec.yaml --check no.lock").exits(2).stderr.contains("E0743"));
    let unrun = project.run("lock spec.yaml --cache empty").exits(2).stderr;
    assert!(unrun.contains("stages have no record"), "{unrun}");
}

#[test]
fn a_number_leads_to_its_clips() {
    let (project, _) = two_detectors();
    let stage = "metrics/fan/00/detector=knn";
    let walk = |number: &str, more: &str| {
        project.run(&format!("explain spec.yaml {stage} --number {number} {more}"))
    };
    let json = walk("auc@target", "--json").done().json();
    assert_eq!(json["value"], json["again"], "the scores give the number of the table");
    let wrong = |clips: &str| -> f64 {
        let parts = json[clips].as_array().expect("clips").iter();
        parts.map(|part| part["wrong"].as_f64().expect("a number")).sum()
    };
    let count = |clips: &str| json[clips].as_array().expect("clips").len() as f64;
    assert_eq!(wrong("normals"), wrong("anomalies"), "each pair has two sides");
    let auc = 1.0 - wrong("normals") / (count("normals") * count("anomalies"));
    assert!((auc - json["value"].as_f64().expect("a number")).abs() < 1e-12, "{auc}");
    let labels: Vec<&str> = json["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| stage["label"].as_str().expect("a label"))
        .collect();
    assert_eq!((labels[0], labels[labels.len() - 1]), (stage, "dataset/fan/00"));
    let text = walk("auc@target", "").done().stdout;
    assert!(text.starts_with("auc@target of fan/00: ") && text.contains("the same"), "{text}");
    assert!(walk("auc@moon", "").exits(2).stderr.contains("has no number `auc@moon`"));
    let no = project.run("explain spec.yaml training/fan/00/detector=knn --number auc").exits(2);
    assert!(no.stderr.contains("makes no numbers"), "{}", no.stderr);
}
