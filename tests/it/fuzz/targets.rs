//! What each target holds, as plain functions that panic if a law is broken. The programs in
//! `fuzz/fuzz_targets` call them with new inputs, `tests/it/fuzz.rs` with all inputs of the corpus.
//!
//! An input with several parts has the byte 0xff between them. No text in UTF-8 has that byte.

#![allow(dead_code, reason = "each program calls one of them")]

mod forms;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;

use humshift::artifact::{
    Artifact, AudioTable, Blob, CalibrationScores, Channel, Clip, ClipSet, FeatureIndex, Levels,
    Matrix, MetricTable, Recipe, Scores, SectionId, Split, Tensors,
};
use humshift::digest::Digest;
use humshift::evaluate::{self, Options, Protocol};
use humshift::source::{ListedFile, SourceSpec, names, untrusted, wav, written};
use humshift::stage::StageSpec;
use humshift::stored::{Found, Job, Made, Record, Run};
use humshift::{canon, spec, weights};

use forms::{Shifted, is_message, parts, same, sealed, size, survives, text, written_wav, zip};
use serde_json::{Value, json};

/// A target: it panics if a law is broken.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const ALL: [(&str, Target); 12] = [
    ("artifact", artifact),
    ("attributes", attributes),
    ("evaluate", evaluate),
    ("job", job),
    ("names", names),
    ("npy", npy),
    ("record", record),
    ("run_document", run_document),
    ("safetensors", safetensors),
    ("spec", spec),
    ("torch", torch),
    ("wav", wav),
];

/// The text of a spec, and arguments of `--set`. All messages can be shown. The settings of a point
/// have a key and reach a worker unchanged.
pub fn spec(data: &[u8]) {
    let mut parts = parts(data).map(text);
    let yaml = parts.next().unwrap_or_default();
    let sets: Vec<String> = parts.take(4).collect();
    let experiment = match spec::load_text("fuzz.yaml", &yaml, &sets) {
        Ok(experiment) => experiment,
        Err(wrong) => {
            assert!(!wrong.is_empty() && wrong.len() <= 100);
            for diagnostic in wrong.iter().take(3) {
                assert!(!diagnostic.render(false).is_empty());
                assert!(diagnostic.position().is_none_or(|(_, line, column)| line * column > 0));
            }
            return;
        }
    };
    assert!((1..=10_000).contains(&experiment.points.len()));
    for point in experiment.points.iter().take(4) {
        canon::to_string(&point.detector).expect("settings have a key");
        canon::of_value(&point.data.member().keyed()).expect("a source has a key");
        survives(&point.data);
        survives(&point.features);
        survives(&point.pool);
        survives(&point.detector);
        survives(&point.metrics);
        survives(&point.mix);
    }
    survives(&experiment.axes);
    survives(&experiment.expect);
}

/// A recording. There are no more samples than bytes, and all are finite. What is written is read.
pub fn wav(data: &[u8]) {
    let Ok(wav) = wav::parse(data) else { return };
    let header = wav.header;
    let block = header.channels * header.encoding.bytes();
    assert!(header.rate > 0 && header.frames > 0 && header.frames * block <= data.len());
    use Channel::{Cancel, Difference, First, Mean, Second};
    for channel in [Mean, First, Second, Difference, Cancel] {
        let Ok(samples) = wav.mono(channel) else { continue };
        assert!(samples.len() == header.frames && samples.iter().all(|x| x.is_finite()));
        assert!(header.channels > 1 || [Mean, First].contains(&channel));
        if channel == First {
            let again = written_wav(header.rate, &samples);
            let again = wav::parse(&again).expect("it was written here");
            assert_eq!(again.mono(First).expect("it was written here"), samples);
        }
    }
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), data).expect("a temporary file");
    if let Some(head) = wav::head(file.path()) {
        assert_eq!(
            (head.rate, head.channels, head.encoding),
            (header.rate, header.channels, header.encoding)
        );
    }
}

/// A source as JSON, paths of recordings, attribute tables. A clip stands for each file, and its
/// facts are those that its name and its table give.
pub fn attributes(data: &[u8]) {
    let mut parts = parts(data);
    let source = parts.next().unwrap_or_default();
    let paths = text(parts.next().unwrap_or_default());
    let tables: Vec<Vec<u8>> = parts.take(3).map(<[u8]>::to_vec).collect();
    let Ok(source) = serde_json::from_slice::<SourceSpec>(source) else { return };
    let lists = matches!(source, SourceSpec::Dcase(_) | SourceSpec::Folder(_));
    if !lists || !source.member().problems().is_empty() {
        return;
    }
    survives(&source);
    let paths: BTreeSet<&str> = paths.lines().take(64).collect();
    let sha256 = Digest::of(b"");
    let files: Vec<ListedFile> =
        paths.iter().map(|path| ListedFile { path: (*path).to_owned(), sha256 }).collect();
    let id = SectionId { machine: "fan".to_owned(), section: "00".to_owned() };
    let Ok(found) = untrusted::clips(source.member(), &id, &files, &tables) else { return };
    assert!(found.iter().all(|recording| paths.contains(recording.clip.id.as_str())));
    let drawn = matches!(&source, SourceSpec::Folder(folder) if folder.draw.is_some());
    assert!(drawn || found.len() == files.len());
    let set = ClipSet::new(found.into_iter().map(|recording| recording.clip).collect());
    let again = ClipSet::decode(Blob::new(set.encode())).expect("it was written here");
    assert_eq!(again, set);
}

/// Names of recordings. A data set that is written from their facts is read with the same facts.
pub fn names(data: &[u8]) {
    let data = text(data);
    let machine = || "fan".to_owned();
    let mut clips: Vec<Clip> = Vec::new();
    for file in data.lines().take(64) {
        let Ok(name) = names::parse(file) else { continue };
        if file.contains(['/', '\\']) {
            continue;
        }
        let digits = name.section.strip_prefix("id_").unwrap_or(&name.section);
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        let split = name.split.unwrap_or(Split::Test);
        let (domain, label, attributes) = (name.domain, name.label, name.attributes);
        let (machine, section, id) = (machine(), "00".to_owned(), format!("fan/{split}/{file}"));
        clips.push(Clip { id, machine, section, domain, split, label, attributes });
    }
    // A table does not keep white space at the ends of a field.
    let plain = |text: &String| text.trim() == text;
    clips.retain(|clip| clip.attributes.iter().all(|(key, value)| plain(key) && plain(value)));
    clips.sort_by(|a, b| a.id.cmp(&b.id));
    clips.dedup_by(|a, b| a.id == b.id);
    let paths = written::paths(&clips, "00");
    assert!(paths.iter().collect::<BTreeSet<_>>().len() == clips.len(), "{paths:?}");
    for (path, clip) in paths.iter().zip(&clips) {
        let name = names::parse(path.rsplit('/').next().expect("a path has parts"));
        let name = name.unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(name.attributes.is_empty() || name.attributes == clip.attributes, "{path}");
        assert!(clip.label.is_none_or(|label| name.label == Some(label)), "{path}");
        assert!(clip.label.is_none() || name.domain == clip.domain, "{path}");
    }
    let Some(table) = written::attributes(&clips, &paths) else { return };
    let source = SourceSpec::parse("dcase", &json!({ "root": "x" })).expect("a source");
    let sha256 = Digest::of(b"");
    let files: Vec<ListedFile> =
        paths.into_iter().map(|path| ListedFile { path, sha256 }).collect();
    let id = SectionId { machine: machine(), section: "00".to_owned() };
    let read = source.member().clips(&id, &files, std::slice::from_ref(&table));
    let read = read.unwrap_or_else(|why| panic!("{why}\n{}", text(&table)));
    for (clip, read) in clips.iter().zip(read) {
        assert_eq!(clip.attributes, read.clip.attributes);
    }
}

/// Scores, decisions, the truth and a published table, and the name of the file of scores. All
/// numbers are shares, and no clip counts twice.
pub fn evaluate(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let protocol = Protocol::ALL[usize::from(choice & 7).min(6)];
    let parts: Vec<&[u8]> = parts(data).collect();
    let part = |number: usize| parts.get(number).copied().unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("it is below")).expect("a temporary folder");
        if fs::write(path, bytes).is_err() {
            assert!(!bytes.is_empty(), "the name of a file is odd");
        }
    };
    let usual = match protocol {
        Protocol::Dcase2020 => "fan_id_00",
        Protocol::Dcase2021 => "fan_section_00_source_test",
        _ => "fan_section_00_test",
    };
    let own = text(part(6)).replace(['/', '\0'], "");
    let named = !own.is_empty() && own.len() < 200;
    let score = if named { format!("{own}.csv") } else { format!("anomaly_score_{usual}.csv") };
    write(&format!("s/{score}"), part(0));
    if !part(1).is_empty() {
        write(&format!("s/decision_result_{usual}.csv"), part(1));
    }
    let truth = folder.path().join("t");
    if choice & 8 != 0 {
        write("t/eval_data_list.csv", part(2));
    } else if choice & 16 != 0 {
        let file = format!("ground_truth_{usual}.csv");
        for (kind, bytes) in [("data", part(2)), ("domain", part(3)), ("attributes", part(4))] {
            write(&format!("t/ground_truth_{kind}/{file}"), bytes);
        }
    }
    let truth = (choice & 24 != 0).then_some(truth.as_path());
    let options = Options { protocol, truth, max_fpr: 0.1, partial: choice & 32 != 0 };
    let mut found = match evaluate::evaluate(&folder.path().join("s"), &options) {
        Ok(found) => found,
        Err(wrong) => {
            assert!(wrong.iter().all(|wrong| !wrong.render(false).is_empty()));
            return;
        }
    };
    let rows = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for evaluation in &found {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        assert!(share(evaluation.official_score) && !evaluation.sections.is_empty());
        for section in &evaluation.sections {
            assert!(section.values.values().all(|value| share(*value)), "{section:?}");
            assert!(section.normal_clips + section.anomalous_clips <= rows, "{section:?}");
        }
    }
    write("result.csv", part(5));
    if evaluate::compare(&mut found, &folder.path().join("result.csv")).is_ok() {
        let compared = found.iter().filter_map(|evaluation| evaluation.comparison.as_ref());
        assert!(compared.into_iter().all(|c| c.identical + c.differences.len() <= c.compared));
    }
    let _ = (evaluate::csv(&found), evaluate::json(&found), evaluate::document(&found));
    let _ = found.first().and_then(evaluate::table);
}

/// A matrix, or any array of NumPy. It has no more numbers than bytes, and the same ones wherever the
/// bytes lie.
pub fn npy(data: &[u8]) {
    if let Ok(array) = weights::read_numpy(data, None) {
        // A compressed `.npz` has at most a thousand times as much as its bytes.
        let most = if data.starts_with(b"PK") { 1100 * data.len() } else { data.len() };
        assert!(array.len() * 2 <= most);
    }
    let Ok(matrix) = Matrix::decode(Blob::new(data.to_vec())) else { return };
    let bits = |matrix: &Matrix| -> Vec<u32> {
        matrix.release(0..matrix.rows());
        matrix.view().iter().map(|x| x.to_bits()).collect()
    };
    assert!(bits(&matrix).len() * 4 <= data.len());
    let shifted = Blob::new(Shifted([&[0], data].concat()));
    for again in [shifted, Blob::new(matrix.encode())] {
        let again = Matrix::decode(again).expect("it was read before");
        assert_eq!((again.rows(), again.dims()), (matrix.rows(), matrix.dims()));
        assert_eq!(bits(&again), bits(&matrix));
    }
}

/// Arrays survive as our own file. Those of an autoencoder make a network, and it makes a file of
/// ONNX.
fn model(tensors: &Tensors) {
    let again = Tensors::decode(Blob::new(tensors.encode())).expect("it was written here");
    same(&again, tensors);
    if let Ok(network) = weights::autoencoder::read(tensors) {
        let own = weights::arrays::write(&network);
        assert!(size(&own) <= 2 * size(tensors) && weights::autoencoder::read(&own).is_ok());
        let file = weights::onnx(&network, "fuzz");
        assert!(file.len() > size(&own) / 2 && is_message(&file));
    }
}

/// A model as safetensors. It has no more numbers than bytes.
pub fn safetensors(data: &[u8]) {
    let Ok(tensors) = Tensors::decode(Blob::new(data.to_vec())) else { return };
    assert!(size(&tensors) <= data.len());
    model(&tensors);
}

/// A state_dict of PyTorch, or its pickle alone, which is put into a zip file here. The arrays are
/// at most four times as large as the file.
pub fn torch(data: &[u8]) {
    let zipped;
    let file = if data.starts_with(b"PK") {
        data
    } else {
        let numbers: Vec<u8> = (0..32).flat_map(|n| (n as f32).to_le_bytes()).collect();
        zipped = zip(&[("a/data.pkl", data), ("a/data/0", &numbers), ("a/data/1", &numbers[..8])]);
        &zipped
    };
    let Ok(tensors) = weights::read_torch(file) else { return };
    assert!(!tensors.0.is_empty() && size(&tensors) <= 4 * file.len());
    model(&tensors);
}

/// A record, as its whole file or as its line alone. A sound one is sound under its key alone, is
/// the same when written again, and is nothing else when a byte of it changes.
pub fn record(data: &[u8]) {
    let elsewhere = Digest::of(b"elsewhere");
    assert!(Record::read(data.to_vec(), &elsewhere).sound().is_none());
    let line = data.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else { return };
    let Ok(material) = canon::of_value(&value["material"]) else { return };
    let key = Digest::of(material.as_bytes());
    if value.get("key").is_some_and(Value::is_string) {
        value["key"] = json!(key);
    }
    let whole = sealed(value.to_string().as_bytes());
    let Found::Sound(found) = Record::read(whole.clone(), &key) else { return };
    let shown = text(&whole).to_lowercase();
    assert!(found.outputs.values().all(|object| shown.contains(&object.digest.hex())));
    let made = Made::read(whole.clone(), &key);
    assert_eq!(made, Found::Sound(Made::from(found.clone())));
    assert_eq!(Record::read(found.write().into_bytes(), &key), Found::Sound(found.clone()));
    assert!(Record::read(whole.clone(), &elsewhere).sound().is_none());
    assert!(found.key.is_none() || Made::read(whole.clone(), &elsewhere).sound().is_none());
    for at in (0..whole.len()).step_by(whole.len() / 8 + 1) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(Record::read(changed.clone(), &key).sound().is_none_or(|other| other == found));
        assert!(
            Made::read(changed, &key).sound().is_none_or(|other| other == found.clone().into())
        );
    }
}

/// The document of a run, as its whole file or as its head and body. It is the same when written
/// again, its stages are in order, and each has a key.
pub fn run_document(data: &[u8]) {
    let _ = (Run::read(data), Run::read_head(data));
    let mut lines = data.split(|byte| *byte == b'\n');
    let (head, body) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let of = |line: &[u8]| json!({ "digest": Digest::of(line), "bytes": line.len() });
    let title = json!({ "schema": 1, "head": of(head), "body": of(body) }).to_string();
    let whole = [title.as_bytes(), head, body, b""].join(&b'\n');
    let head = Run::read_head(&whole[..]);
    let Ok(run) = Run::read(&whole[..]) else { return };
    assert!(head.is_ok_and(|head| head == run.head));
    let again = Run::read(run.write().as_bytes()).expect("it was written here");
    same(&again, &run);
    assert_eq!(again.digest(), run.digest());
    let Ok(plan) = run.plan() else { return };
    for id in plan.nodes() {
        assert!(plan.needs(id).iter().all(|need| need.node < id));
        has_key(&plan.node(id).stage, &BTreeMap::new());
    }
    let _ = plan.dot(|id| format!("label={:?}", plan.node(id).label));
}

fn has_key(stage: &StageSpec, inputs: &BTreeMap<String, Digest>) -> (Value, Digest) {
    let material = stage.material(inputs);
    let text = canon::of_value(&material).expect("a stage has a key");
    (material, Digest::of(text.as_bytes()))
}

/// A work order. One that is written for its stage and inputs is read, under its key alone.
pub fn job(data: &[u8]) {
    assert!(Job::read(data, &Digest::of(b"elsewhere")).is_err());
    let Ok(mut job) = serde_json::from_slice::<Job>(data) else { return };
    let inputs = job.inputs.iter().map(|(role, object)| (role.clone(), object.digest)).collect();
    (job.material, job.key) = has_key(&job.stage, &inputs);
    job.threads = 1;
    let bytes = serde_json::to_vec(&job).expect("jobs are JSON");
    same(&Job::read(&bytes, &job.key).expect("it was written here"), &job);
    let other = Digest::of(job.key.bytes());
    assert!(Job::read(&bytes, &other).is_err());
    job.material["stage"] = json!("another");
    let bytes = serde_json::to_vec(&job).expect("jobs are JSON");
    assert!(Job::read(&bytes, &job.key).is_err());
}

/// What stages exchange: the first byte chooses the kind. All are the same when written again.
pub fn artifact(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 8 {
        0 => exchanged::<Recipe>(data),
        1 => exchanged::<ClipSet>(data),
        2 => exchanged::<Levels>(data),
        3 => exchanged::<Scores>(data),
        4 => exchanged::<AudioTable>(data),
        5 => exchanged::<FeatureIndex>(data),
        6 => exchanged::<MetricTable>(data),
        _ => exchanged::<CalibrationScores>(data),
    }
}

fn exchanged<T: Artifact + PartialEq + Debug>(data: &[u8]) {
    let Ok(value) = T::decode(Blob::new(data.to_vec())) else { return };
    let bytes = value.encode();
    let again = T::decode(Blob::new(bytes.clone())).expect("it was written here");
    same(&again, &value);
    assert_eq!(again.encode(), bytes);
}
