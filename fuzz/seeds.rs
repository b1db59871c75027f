//! Writes the first inputs of every target to `seeds/`, by the program's own writers where it has
//! any. libFuzzer's `main` calls this before anything else: `fuzz/run seeds`.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use humshift::artifact::{
    Artifact, Audio, AudioTable, CalibrationScores, Channel, Clip, ClipSet, Decay, Domain, Echo,
    FeatureIndex, Label, Levels, Matrix, MetricRow, MetricTable, More, Part, Recipe, Scores,
    SectionId, Split, Tensors, Ways,
};
use humshift::digest::Digest;
use humshift::kind::{Kind, ObjectRef};
use humshift::nn::Network;
use humshift::plan::{self, Catalog};
use humshift::spec::{self, Experiment};
use humshift::stored::Record;
use humshift::{canon, weights};
use serde_json::json;

#[path = "../tests/it/fuzz/forms.rs"]
#[allow(dead_code, reason = "the targets call the others")]
mod forms;

libfuzzer_sys::fuzz_target!(init: all(), |_bytes: &[u8]| {});

fn all() {
    recordings();
    names_and_tables();
    evaluations();
    arrays();
    let experiments = specs();
    documents(&experiments);
    artifacts();
    words();
}

/// The dictionary of all words that a spec can have.
fn words() {
    fn names(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        for (key, value) in schema.as_object().into_iter().flatten() {
            if let ("properties", Some(map)) = (key.as_str(), value.as_object()) {
                found.extend(map.keys().cloned());
            }
            if let ("const", Some(word)) = (key.as_str(), value.as_str()) {
                found.insert(word.to_owned());
            }
            names(value, found);
        }
        for value in schema.as_array().into_iter().flatten() {
            if let Some(word) = value.as_str().filter(|word| !word.contains([' ', '\n', '/'])) {
                found.insert(word.to_owned());
            }
            names(value, found);
        }
    }
    let mut found = BTreeSet::new();
    names(&json!(spec::schema()), &mut found);
    let lines: String = found.iter().map(|word| format!("{word:?}\n")).collect();
    fs::write("dictionaries/words.dict", lines).expect("a folder");
}

/// Keeps an input under its digest.
fn keep(target: &str, parts: &[&[u8]]) {
    let bytes = parts.join(&0xff);
    let folder = Path::new("seeds").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(Digest::of(&bytes).to_string()), bytes).expect("a folder");
}

fn recordings() {
    keep("wav", &[&forms::written_wav(16_000, &[0.0, 0.5, -1.0])]);
    for (tag, bits, channels) in
        [(1u8, 8u8, 1u8), (1, 16, 2), (1, 24, 1), (1, 32, 2), (3, 32, 2), (3, 64, 2)]
    {
        let block = bits / 8 * channels;
        let head = [tag, 0, channels, 0, 0x80, 0x3e, 0, 0, 0, 0, 0, 0, block, 0, bits, 0];
        for (riff, length, data) in
            [("RIFF", 0, 4 * block), ("RIFF", 0xff, 0xff), ("RIFF", 0xff, 0), ("RF64", 0xff, 0xff)]
        {
            let mut file = [riff.as_bytes(), &[length; 4], b"WAVE"].concat();
            if riff == "RF64" {
                let long = [&[0; 8][..], &[4 * block, 0, 0, 0, 0, 0, 0, 0]].concat();
                file.extend([b"ds64\x10\0\0\0", &long[..]].concat());
            }
            file.extend([b"fmt \x10\0\0\0", &head[..], b"odd \x01\0\0\0xx"].concat());
            let data = if data == 0xff { [0xff; 4] } else { [data, 0, 0, 0] };
            file.extend([b"data", &data[..], &vec![1; usize::from(4 * block)]].concat());
            keep("wav", &[&file]);
        }
        let guid = [tag, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
        let mut extensible = head;
        extensible[..2].copy_from_slice(&[0xfe, 0xff]);
        let head = [&extensible[..], &[22, 0, bits, 0, 0, 0, 0, 0], &guid].concat();
        let file = [b"RIFF\0\0\0\0WAVEfmt \x28\0\0\0", &head[..], b"data", &[block, 0, 0, 0]];
        keep("wav", &[&[&file.concat()[..], &vec![1; usize::from(block)]].concat()]);
    }
}

const NAMES: [&str; 8] = [
    "section_00_source_train_normal_0000_vel_12_loc_A.wav",
    "section_00_target_test_anomaly_0001_m-n_W_mic_2_mic_1.wav",
    "section_00_source_test_normal_0002_noAttribute.wav",
    "section_00_target_test_normal_0003_mic_pos_A_damage1.wav",
    "section_00_0004.wav",
    "normal_id_00_00000000.wav",
    "anomaly_id_00_00000001.wav",
    "id_00_00000002.wav",
];

fn names_and_tables() {
    keep("names", &[NAMES.join("\n").as_bytes()]);
    NAMES.iter().for_each(|name| keep("names", &[name.as_bytes()]));
    let paths: String = NAMES.map(|name| format!("fan/test/{name}\n")).concat();
    let table = "file_name,d1p,d1v,d2p,d2v\nfan/test/section_00_0004.wav,vel,12,loc,A\n";
    let hidden = "source_file_name,target_file_name\n\
        section_00_source_test_anomaly_0001_id_A1_mic_2.wav,section_00_0004.wav\n";
    let dcase = json!({ "dcase": { "root": "x" } }).to_string();
    let split = json!({ "holdout": 0.5, "seed": 1 });
    let mimii = json!({ "dcase": { "root": "x", "split": split } }).to_string();
    for table in [table, hidden, ""] {
        keep("attributes", &[dcase.as_bytes(), paths.as_bytes(), table.as_bytes()]);
    }
    let raw = "6_dB_fan/fan/id_00/normal/00000000.wav\n6_dB_fan/fan/id_00/abnormal/00000000.wav\n";
    keep("attributes", &[mimii.as_bytes(), raw.as_bytes(), table.as_bytes()]);
    let pattern = "{machine}/{section}/{split}/{label}_{domain}_{*}_{attr.speed}.wav";
    let words = json!({ "label": { "ok": "normal", "bad": "anomaly" } });
    let folder = json!({ "folder": { "root": "x", "pattern": pattern, "words": words } });
    let paths = "fan/00/train/ok_source_1_5.wav\nfan/00/test/bad_target_a_b_5.wav\n";
    keep("attributes", &[folder.to_string().as_bytes(), paths.as_bytes()]);
    let pattern = "{machine}/{section}/{label}_{*}_{attr.speed}.wav";
    let folder = json!({ "folder": { "root": "x", "pattern": pattern, "split": split } });
    let paths = "fan/00/normal_1_5.wav\nfan/00/normal_2_6.wav\nfan/00/anomaly_3_5.wav\n";
    keep("attributes", &[folder.to_string().as_bytes(), paths.as_bytes()]);
    let request = json!({ "clips": 1, "split": "train", "domain": "source" });
    let folder =
        json!({ "folder": { "root": "x", "pattern": pattern, "draw": { "requests": [request] } } });
    keep("attributes", &[folder.to_string().as_bytes(), paths.as_bytes()]);
}

fn evaluations() {
    let clips = [
        ("source", "normal", "0.1"),
        ("source", "anomaly", "0.5"),
        ("target", "normal", "0.3"),
        ("target", "anomaly", "0.25"),
    ];
    let table = |value: &dyn Fn(&str, &str, &str) -> String| -> String {
        let line = |(n, (domain, label, score)): (usize, &(&str, &str, &str))| {
            let value = value(domain, label, score);
            format!("section_00_{domain}_test_{label}_000{n}_vel_{n}.wav,{value}\n")
        };
        clips.iter().enumerate().map(line).collect()
    };
    let bit = |yes: bool| String::from(if yes { "1" } else { "0" });
    let scores = table(&|_, _, score| score.to_owned());
    let decisions = table(&|_, _, score| bit(score > "0.3"));
    let data = table(&|_, label, _| bit(label == "anomaly"));
    let domains = table(&|domain, _, _| bit(domain == "target"));
    let list =
        format!("fan\n{}", table(&|_, label, _| format!("x.wav,{}", bit(label == "anomaly"))));
    let published = "fan\nsection,AUC (Source),AUC (Target),pAUC,precision\n00,1.0,0.5,0.7,0.5\n\
        arithmetic mean,1.0,0.5,0.7,0.5\nofficial score,,0.6\n";
    let scores_2020 = "normal_id_00_00000000.wav,0.1\nanomaly_id_00_00000001.wav,0.2\n";
    for protocol in 0..7u8 {
        for truth in [0, 8, 16] {
            let scores = if protocol == 0 { scores_2020 } else { &scores };
            let begin = [&[protocol | truth], scores.as_bytes()].concat();
            let truth = if truth == 8 { &list } else { &data };
            let [truth, domains] = [truth, &domains].map(|text| text.as_bytes());
            let rest = [decisions.as_bytes(), truth, domains, truth, published.as_bytes()];
            keep("evaluate", &[&begin, rest[0], rest[1], rest[2], rest[3], rest[4], b""]);
        }
    }
    let name = "team_1_anomaly_score_DCASE2023T2fan_section_00_test_seed13711_id(0_)_Eval";
    let begin = [&[3], scores.as_bytes()].concat();
    keep("evaluate", &[&begin, b"", b"", b"", b"", b"", name.as_bytes()]);
}

fn arrays() {
    for (rows, dims) in [(2, 3), (0, 4), (1, 1)] {
        let values = (0..rows * dims).map(|x| x as f32 / 7.0).collect();
        let file = Matrix::new(values, rows, dims).encode();
        keep("npy", &[&file]);
        let second = [&file[..6], &[2, 0, 118, 0, 0, 0], &file[10..]].concat();
        keep("npy", &[&second]);
    }
    let mut state = 1u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let network = Network::new(weights::autoencoder::graph(&[3, 2, 3]), &mut draw);
    let model = weights::arrays::write(&network);
    let renamed = |names: &[(&str, &str)]| {
        let name = |name: &str| names.iter().fold(name.to_owned(), |n, (a, b)| n.replace(a, b));
        Tensors(model.0.iter().map(|(n, tensor)| (name(n), tensor.clone())).collect())
    };
    let keras = renamed(&[
        ("dense.0.", "dense/"),
        ("dense.1.", "dense_1/"),
        ("norm.0.", "batch_normalization/"),
        ("/mean", "/moving_mean:0"),
        ("/variance", "/moving_variance:0"),
    ]);
    let torch = renamed(&[
        ("dense.0.kernel", "encoder.0.weight"),
        ("norm.0.gamma", "encoder.1.weight"),
        ("norm.0.beta", "encoder.1.bias"),
        ("norm.0.mean", "encoder.1.running_mean"),
        ("norm.0.variance", "encoder.1.running_var"),
        ("dense.1.kernel", "decoder.0.weight"),
        ("dense.1.bias", "decoder.0.bias"),
    ]);
    [model.clone(), keras, torch].iter().for_each(|model| keep("safetensors", &[&model.encode()]));
    pickles();
}

/// Files that PyTorch wrote for the tests, and pickles alone.
fn pickles() {
    let text = fs::read_to_string("../tests/data/torch_state.json").expect("it is there");
    let document: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    for file in document.as_object().expect("a map").values() {
        let lines = file["file"].as_array().into_iter().flatten().filter_map(|line| line.as_str());
        let digits: String = lines.collect();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
        let bytes: Vec<u8> = (0..digits.len() / 2).map(|n| byte(2 * n)).collect();
        if !bytes.is_empty() {
            keep("torch", &[&bytes]);
        }
    }
    let tensor = |kind: &[u8], shape: &[u8], strides: &[u8]| {
        let storage = [
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n",
            kind,
            b"\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQK\x01(",
        ];
        let end = b"t\x89ccollections\nOrderedDict\n)RtR";
        [&storage.concat()[..], shape, b"t(", strides, end].concat()
    };
    let name = b"X\x01\0\0\0w";
    for kind in ["FloatStorage", "DoubleStorage", "LongStorage"] {
        let tensor = tensor(kind.as_bytes(), b"K\x02K\x03", b"K\x01K\x02");
        keep("torch", &[&[b"\x80\x02}q\0", &name[..], &tensor, b"s."].concat()]);
        let inner = [b"}(", &name[..], &tensor, b"u"].concat();
        keep("torch", &[&[b"\x80\x02}\x8c\x0astate_dict", &inner[..], b"s."].concat()]);
    }
    let pickle =
        b"\x80\x04\x95\0\0\0\0\0\0\0\0}\x94(\x8c\x01a](K\x01Ne\x94\x8c\x01bh\x01u}\x8c\x01xNsb.";
    keep("torch", &[pickle]);
}

/// All specs of the repository, right and wrong ones.
fn specs() -> Vec<Experiment> {
    let mut experiments = Vec::new();
    for folder in ["../experiments", "../tests/bad_specs"] {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let Ok(text) = fs::read(&path) else { continue };
            if path.extension().is_some_and(|extension| extension == "yaml") {
                keep("spec", &[&text]);
                keep("spec", &[&text, b"seed=7", b"sweep.detector=[knn, pca]"]);
                experiments.extend(spec::load(&path, &[]));
            }
        }
    }
    for detector in humshift::detector::DetectorSpec::NAMES {
        for pool in ["", "pool: [mean, std]\n"] {
            let text = format!(
                "name: a\ndata: {{ synthetic: {{}} }}\nfeatures: {{ log_mel: {{}} }}\n{pool}detector: {detector}\n"
            );
            experiments.extend(spec::load_text("a.yaml", &text, &[]));
            keep("spec", &[text.as_bytes()]);
        }
    }
    experiments
}

/// Work orders of all different stages, documents of runs, and records.
fn documents(experiments: &[Experiment]) {
    let object = ObjectRef::of(Kind::Csv, b"");
    let id = SectionId { machine: "fan".to_owned(), section: "00".to_owned() };
    let mut seen = BTreeSet::new();
    for experiment in experiments {
        let mut catalog = Catalog::default();
        for (_, source) in experiment.points.iter().flat_map(Catalog::sources) {
            let listing = BTreeMap::from([(id.clone(), object)]);
            catalog.listings.insert(Catalog::source_key(&source), listing);
        }
        let Ok(plan) = plan::build(experiment, &catalog) else { continue };
        for node in plan.nodes().map(|id| plan.node(id)) {
            let stage = json!(node.stage);
            if seen.insert(stage.to_string()) && seen.len() < 300 {
                let inputs = json!({ "clips": object });
                let job = json!({ "key": object.digest, "label": node.label, "stage": stage,
                    "inputs": inputs, "material": {}, "threads": 2 });
                keep("job", &[job.to_string().as_bytes()]);
            }
        }
    }
    // The smallest stage of each kind, in rows of three.
    let mut stages: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    let mut seen: Vec<&String> = seen.iter().collect();
    seen.sort_by_key(|text| text.len());
    for text in seen {
        let stage: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
        let kind = stage.as_object().and_then(|map| map.keys().next().cloned());
        stages.entry(kind.unwrap_or_default()).or_insert(stage);
    }
    let stages: Vec<_> = stages.into_values().collect();
    for row in stages.windows(3).chain(stages.chunks(1)) {
        let need = |from: usize| json!([{ "role": "clips", "node": from, "output": "clips" }]);
        let node = |(number, stage): (usize, &serde_json::Value)| {
            let needs = number.checked_sub(1).map_or(json!([]), need);
            let node = json!({ "label": format!("{number}"), "stage": stage, "needs": needs });
            json!({ "node": node, "key": object.digest })
        };
        let nodes: Vec<_> = row.iter().enumerate().map(node).collect();
        let axis = json!({ "path": "seed", "labels": ["1"], "values": [1] });
        let point =
            json!({ "values": ["1"], "results": [[0, nodes.len() - 1, object]], "idle": 0 });
        let head = json!({ "name": "a", "axes": [axis], "sections": [id], "points": [point],
            "idle": [[]], "expect": [], "notes": ["a"], "stages": nodes.len(), "seconds": 1.5,
            "complete": true });
        let text = format!("{head}\n{}", json!({ "nodes": nodes, "settings": [{}] }));
        keep("run_document", &[text.as_bytes()]);
    }
    let material = json!({ "stage": "metrics", "inputs": { "scores": object.digest } });
    let key = Digest::of(canon::of_value(&material).expect("no nulls").as_bytes());
    for key in [Some(key), None] {
        let record = Record {
            schema: 1,
            key,
            material: material.clone(),
            outputs: [("scores".to_owned(), object)].into(),
            seconds: 0.25,
            label: "metrics/fan/00".to_owned(),
            version: "0".to_owned(),
        };
        keep("record", &[record.write().as_bytes()]);
    }
}

fn artifacts() {
    let exchanged = |kind: u8, bytes: Vec<u8>| keep("artifact", &[&[&[kind], &bytes[..]].concat()]);
    let echo = Echo::Decay(Decay { rt60: 0.4, direct_db: 3.0, seed: u64::MAX });
    let recorded = Audio::Wav { channel: Channel::First, sha256: Digest::of(b"x") };
    let way = |response| humshift::artifact::Path { gain_db: -12.0, delay_ms: 3.0, response };
    let part = Part {
        clip: "fan/a.wav".to_owned(),
        kind: "A".to_owned(),
        noise: "A/0.wav".to_owned(),
        audio: Audio::Synthetic(r#"{"kind":"A","seed":1}"#.to_owned()),
        place: 0.125,
        power: 1.5e-7,
        more: More::default(),
    };
    let more = More {
        snr_db: Some(0.1),
        response: Some(echo.clone()),
        noise_response: Some(Echo::File("hall,1.wav".to_owned(), recorded.clone())),
        ways: Some(Ways { far: way(Some(echo)), near: way(None) }),
    };
    exchanged(0, Recipe(vec![part.clone()]).encode());
    exchanged(0, Recipe(vec![Part { more, ..part }]).encode());
    let clip = Clip {
        id: "fan/test/a.wav".to_owned(),
        machine: "fan".to_owned(),
        section: "00".to_owned(),
        domain: Some(Domain::Target),
        split: Split::Test,
        label: Some(Label::Anomaly),
        attributes: [("m-n".to_owned(), "W, \"X\"".to_owned())].into(),
    };
    exchanged(1, ClipSet::new(vec![clip]).encode());
    exchanged(2, Levels([("a.wav".to_owned(), 2e-9)].into()).encode());
    exchanged(3, Scores([("a.wav".to_owned(), 0.3)].into()).encode());
    exchanged(4, AudioTable([("a.wav".to_owned(), recorded)].into()).encode());
    exchanged(5, FeatureIndex::consecutive([("a", 1), ("b", 2)]).encode());
    let row = MetricRow {
        machine: "fan".to_owned(),
        section: "00".to_owned(),
        domain: "source".to_owned(),
        attribute: "vel".to_owned(),
        value_of_attribute: "5".to_owned(),
        metric: "auc".to_owned(),
        value: Some(0.3),
        low: Some(0.1),
        high: None,
        missing: String::new(),
        note: "few".to_owned(),
    };
    exchanged(6, MetricTable { rows: vec![row] }.encode());
    let scores = [("a\tb".to_owned(), 0.3)].into();
    exchanged(7, CalibrationScores { scores, missing: "few".to_owned() }.encode());
}
