//! Rows of the stages that neither fit nor score. Each has inputs of its own, so that a row moves
//! with one stage alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use humshift::artifact::{
    self, Artifact, Audio, AudioTable, Axis, CalibrationScores, Channel, Clip, ClipSet, Decay,
    Echo, FeatureIndex, Label, Levels, Matrix, More, Part, Recipe, Scores, Snapshots, Split, Ways,
};
use humshift::context::Context;
use humshift::detector::{EmbedderSpec, Hearing, Takes};
use humshift::digest::Digest;
use humshift::dsp::{CONVOLVE_VERSION, POLYPHASE_VERSION};
use humshift::mix::RESPONSE_VERSION;
use humshift::seed::Seed;
use humshift::source::{SectionId, SourceSpec};
use humshift::stage::{Dataset, Inputs, Output, StageSpec, Submission, listing};
use humshift::threshold::ThresholdSpec;
use serde_json::{Value, json};

use super::fixtures::{Set, bell, clip, inputs, wave};
use super::names::names;
use super::rows::{Now, Row};
use super::settings::settings;
use super::techniques::row;
use crate::sounds::{self, Form};

/// Recordings of one section in the layout of DCASE and by a pattern, and noise of another rate, in
/// two types.
fn write(root: &Path) {
    let put = |path: String, bytes: Vec<u8>| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder"))
            .and_then(|()| fs::write(path, bytes))
            .expect("it is written");
    };
    let forms = [Form::Int16, Form::Int24, Form::Float32];
    let wav = |seed: u64, length: usize, rate: u32| {
        let samples: Vec<f64> = wave(seed, length, [80, 3]).into_iter().map(f64::from).collect();
        sounds::wav(&samples, rate, forms[seed as usize % 3])
    };
    let mut table = "file_name,d1p,d1v\n".to_owned();
    let groups = [
        ("train", "source", "normal", 5),
        ("train", "target", "normal", 3),
        ("test", "target", "anomaly", 2),
    ];
    for (seed, (split, domain, label, number)) in (0..)
        .zip(groups.into_iter().flat_map(|(s, d, l, count)| (0..count).map(move |i| (s, d, l, i))))
    {
        let name = sounds::path("fan", split, "00", domain, label, number);
        table.push_str(&format!("{name},mic,{}\n", ["near", "far"][number % 2]));
        put(format!("dcase/{name}"), wav(seed, 2000, 8000));
        put(
            format!("folder/fan/00_{domain}_{split}_{label}_{}_{number}.wav", number % 2),
            wav(seed, 400, 8000),
        );
    }
    put("dcase/fan/attributes_00.csv".into(), table.into_bytes());
    for (seed, kind) in [(20, "A"), (21, "A"), (22, "B")] {
        put(format!("noise/{kind}/{seed}.wav"), wav(seed, 900, 16_000));
    }
    // Bearings that live as long as gives a clip of each kind; what they sound like is another row.
    for bearing in (1..=3).flat_map(|condition| (1..=7).map(move |n| format!("{condition}_{n}"))) {
        for number in 1..=100 {
            let text = format!("{bearing} {number}");
            put(format!("phm2012/Bearing{bearing}/acc_{number:05}.csv"), text.into());
        }
    }
    for number in 1..=5 {
        let row = |x: f32| format!("9,39,39,6.5e+004,{:.3},{:.3}\n", 9.0 * x, 0.5 - 7.0 * x);
        let text: String = wave(60 + number, 2560, [80, 3]).into_iter().map(row).collect();
        let text = if number > 2 { text.replace(',', ";") } else { text };
        put(format!("snapshots/{number}.csv"), text.into());
    }
}

/// The `dataset` stage of a section, with its listing.
fn dataset(source: &SourceSpec, machine: &str) -> Result<(Row, Vec<Output>), String> {
    let section = SectionId { machine: machine.into(), section: "00".into() };
    let found = source.member().list().map_err(|e| e.to_string())?;
    let files = found.sections.get(&section).ok_or("the section is not there")?;
    let root = source.member().root().unwrap_or(Path::new(""));
    let digest = |path: &String| Digest::of(&fs::read(root.join(path)).expect("a recording"));
    let digests: Vec<Digest> = files.audio.iter().chain(&files.tables).map(digest).collect();
    let given = inputs([("listing".to_owned(), listing(files, &digests))]);
    row(&StageSpec::Dataset(Dataset { source: source.clone(), section }), &given)
}

/// The settings of a source, small, with its files below `root`.
fn source(name: &str, root: &Path) -> SourceSpec {
    let mut own = settings("source", name).swap_remove(0);
    match name {
        "synthetic" => {
            own =
                json!({"clips": {"source_train": 2, "target_train": 1, "normal": 1, "anomaly": 1}})
        }
        "factory" => own = json!({"clips": 2}),
        _ => own["root"] = json!(root.join(name)),
    }
    SourceSpec::parse(name, &own).expect("settings")
}

/// The recordings of `folder`, each cut into three clips and an end.
fn cut(root: &Path) -> SourceSpec {
    let mut own = settings("source", "folder").swap_remove(0);
    own["root"] = json!(root.join("folder"));
    own["cut"] = json!({"seconds": 0.02, "hop": 0.0125});
    SourceSpec::parse("folder", &own).expect("settings")
}

fn output(outputs: &[Output], role: &str) -> Vec<u8> {
    outputs
        .iter()
        .find(|output| output.role.to_string() == role)
        .expect("it was made")
        .bytes
        .clone()
}

pub fn rows() -> Now {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    write(root);
    let mut rows = Now::new();
    for name in SourceSpec::NAMES.iter().filter(|name| **name != "scores") {
        let machine = match *name {
            "factory" => "A",
            "phm2012" => "bearing",
            _ => "fan",
        };
        rows.insert(
            format!("dataset {name}"),
            dataset(&source(name, root), machine).map(|(row, _)| row),
        );
    }
    let cut = cut(root);
    let (row_of_cut, parts) = dataset(&cut, "fan").expect("recordings");
    rows.insert("dataset folder cut".into(), Ok(row_of_cut));
    let (_, made) = dataset(&source("dcase", root), "fan").expect("recordings");
    let mut add = |name: &str, stage: Value, given: &Inputs| -> Vec<Output> {
        let stage: StageSpec = serde_json::from_value(stage).expect("a stage");
        match row(&stage, given) {
            Ok((row, outputs)) => {
                rows.insert(name.to_owned(), Ok(row));
                outputs
            }
            Err(why) => {
                rows.insert(name.to_owned(), Err(why));
                Vec::new()
            }
        }
    };
    let roles = ["train/audio", "train/clips", "test/audio", "test/clips"];
    let audio =
        || roles.iter().map(|role| ((*role).to_owned(), output(&made, role))).collect::<Vec<_>>();
    let data = json!({"root": root.join("dcase"), "source": ["dcase", 1]});
    add("levels", json!({"levels": data}), &inputs(audio()));

    let clips: Vec<Clip> = (0..8).map(|i| clip(i, Split::Train)).collect();
    let levels = Levels(clips.iter().map(|clip| (clip.id.clone(), 0.02)).collect()).encode();
    let noise = ["A", "B"].map(|kind| {
        let clips =
            (0..9).map(|i| (format!("{kind}/{i}"), Audio::Synthetic(format!("{{{kind}}}"))));
        (format!("noise/train/{kind}/00"), AudioTable(clips.collect()).encode())
    });
    let test = (8..12).map(|i| clip(i, Split::Test)).collect();
    let given = [
        ("train/clips".to_owned(), ClipSet::new(clips).encode()),
        ("test/clips".to_owned(), ClipSet::new(test).encode()),
        ("levels".to_owned(), levels),
    ];
    let given = inputs(given.into_iter().chain(noise));
    let layers = json!([{"types": ["A", "B"], "snr_db": -3}, {"types": {"source": ["A"], "target": ["B"]}, "snr_db": 6}]);
    add("mixing", json!({"mixing": {"layers": layers, "seed": 3}}), &given);

    let drawn = json!([{"types": ["A"], "snr_db": {"source": {"uniform": [-6, 6]}, "target": {"choose": [0, 3]}}}]);
    let of_clips = json!({"layers": drawn, "seed": 3, "reference": "clip"});
    let all = (0..12).map(|i| clip(i, if i < 8 { Split::Train } else { Split::Test }).id);
    let powers = Levels((1..).zip(all).map(|(i, id)| (id, 0.01 * f64::from(i))).collect());
    let mut beside: Vec<(String, Vec<u8>)> =
        given.0.iter().map(|(role, blob)| (role.clone(), blob.to_vec())).collect();
    beside.retain(|(role, _)| role != "levels");
    beside.push(("levels".to_owned(), powers.encode()));
    add("mixing drawn", json!({"mixing": of_clips}), &inputs(beside));
    let rooms = json!({"layers": layers, "seed": 3,
        "response": {"rt60": {"source": 0.2, "target": {"uniform": [0.3, 0.6]}}, "direct_db": 3, "noise": true},
        "microphones": {"far_gain_db": {"uniform": [-18, -6]}, "far_rt60": 0.3}});
    add("mixing rooms", json!({"mixing": rooms}), &given);
    let recorded = json!({"layers": layers, "seed": 3,
        "response": {"types": {"source": ["A"], "target": ["B"]}, "direct_db": 0, "noise": false}});
    let mut of_machine = recorded.clone();
    of_machine["reference"] = json!("machine");
    let more = given.0.iter().flat_map(|(role, blob)| {
        match (role.as_str(), role.strip_prefix("noise/")) {
            ("levels", _) => vec![
                ("levels/00".to_owned(), blob.to_vec()),
                ("levels/01".to_owned(), blob.to_vec()),
            ],
            (_, Some(rest)) => {
                vec![(role.clone(), blob.to_vec()), (format!("response/{rest}"), blob.to_vec())]
            }
            _ => vec![(role.clone(), blob.to_vec())],
        }
    });
    add("mixing recorded rooms, machine", json!({"mixing": of_machine}), &inputs(more));

    let feature = json!({"log_mel": {"frame": 256, "hop": 128, "mels": 16}});
    let plain = json!({"feature": feature, "root": root.join("dcase"), "source": ["dcase", 1]});
    let mut mixed = plain.clone();
    let uses = json!({ "polyphase": POLYPHASE_VERSION });
    mixed["mixed"] =
        json!({"root": root.join("noise"), "source": ["folder", 1], "uses": uses, "gain_db": 3.0});
    add("features", json!({"features": plain}), &inputs(audio()));
    let parts = roles.map(|role| (role.to_owned(), output(&parts, role)));
    let short = json!({"log_mel": {"frame": 64, "hop": 32, "mels": 8}});
    let of_parts = json!({"feature": short, "root": root.join("folder"), "source": ["folder", 1], "uses": cut.uses()});
    add("features cut", json!({"features": of_parts}), &inputs(parts));
    let axes = [("train", Axis::Horizontal), ("test", Axis::Vertical)].map(|(split, axis)| {
        let digest = |path: &str| Digest::of(&fs::read(root.join(path)).expect("a snapshot"));
        let file = |path: String| (path.clone(), digest(&path));
        let files = (1..=5).map(|number| file(format!("snapshots/{number}.csv"))).collect();
        let audio = Audio::Snapshots(Snapshots { axis, files });
        (format!("{split}/audio"), AudioTable([("a.wav".to_owned(), audio)].into()).encode())
    });
    let snapshots = json!({"feature": feature, "root": root, "source": ["phm2012", 1]});
    add("features phm2012", json!({"features": snapshots}), &inputs(axes));
    let recipes = [("train/recipe", recipe(root)), ("test/recipe", Recipe(Vec::new()))];
    let recipes = recipes.map(|(role, recipe)| (role.to_owned(), recipe.encode()));
    let given = inputs(audio().into_iter().chain(recipes));
    add("features mixed", json!({"features": mixed}), &given);
    let recipes = [("train/recipe", in_rooms(root)), ("test/recipe", Recipe(Vec::new()))];
    let recipes = recipes.map(|(role, recipe)| (role.to_owned(), recipe.encode()));
    let given = inputs(audio().into_iter().chain(recipes));
    mixed["mixed"]["channel"] = json!("second");
    mixed["mixed"]["responses"] = json!(root.join("noise"));
    let uses = [("response", RESPONSE_VERSION), ("convolve", CONVOLVE_VERSION)];
    uses.iter().for_each(|(code, version)| mixed["mixed"]["uses"][code] = json!(version));
    add("features rooms", json!({"features": mixed}), &given);
    for channel in names::<Channel>() {
        let (audio, uses) = two_channels(root, channel);
        let stage = json!({"feature": feature, "root": root.join("two"), "source": ["dcase", 1], "uses": uses});
        add(&format!("features channel {channel}"), json!({"features": stage}), &audio);
    }
    for (name, file, rate) in [
        ("flac", "tone16.flac", None),
        ("ogg", "tone.ogg", None),
        ("rate", "tone16.flac", Some(16_000)),
    ] {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let sha256 = Digest::of(&fs::read(data.join(file)).expect("a recording"));
        let audio = Audio::of_file(file, Channel::Mean, rate, sha256);
        let table = |clips| AudioTable(clips).encode();
        let train = table([(artifact::clip_id(file), audio)].into());
        let audio =
            [("train/audio".to_owned(), train), ("test/audio".to_owned(), table([].into()))];
        let mut stage = json!({"feature": feature, "root": data, "source": ["dcase", 1]});
        if rate.is_some() {
            stage["uses"] = json!({"polyphase": POLYPHASE_VERSION});
        }
        add(&format!("features {name}"), json!({"features": stage}), &inputs(audio));
    }
    let smote = json!({"ratio": 1.0, "neighbours": 2, "on": "waveforms"});
    let interpolation = json!({"features": plain, "smote": smote, "choice": {"target_clips": 2}, "seed": [5, ["fan", "00"]]});
    add("interpolation", json!({"interpolation": interpolation}), &inputs(audio()));

    vectors(&mut add);
    metrics(&mut rows);
    rows
}

/// Recordings of two channels, and further code that hears them.
fn two_channels(root: &Path, channel: &str) -> (Inputs, BTreeMap<String, u32>) {
    let folder = root.join("two");
    fs::create_dir_all(&folder).expect("a folder");
    let channel: Channel = channel.parse().expect("a word");
    let table = |split: &str| {
        let clips = (0..2).map(|i| {
            let name = format!("{split}_{i}.wav");
            let near = wave(40 + i, 1500, [80, 3]);
            let far = wave(50 + i, 1500, [190, 7]);
            let both = near.iter().zip(&far).map(|(n, f)| [f64::from(n + 0.5 * f), f64::from(*f)]);
            let bytes = sounds::stereo(&both.collect::<Vec<_>>(), 8000);
            fs::write(folder.join(&name), &bytes).expect("it is written");
            (name, Audio::Wav { channel, sha256: Digest::of(&bytes) })
        });
        (format!("{split}/audio"), AudioTable(clips.collect()).encode())
    };
    let settings = json!({"root": folder, "channel": channel});
    let source = SourceSpec::parse("dcase", &settings).expect("settings");
    (inputs([table("train"), table("test")]), source.uses())
}

/// Noise for two clips, of which one has two.
fn recipe(root: &Path) -> Recipe {
    let part = |number: usize, noise: &str, place: f64, power: f64| {
        let clip = sounds::path("fan", "train", "00", "source", "normal", number);
        let sha256 = Digest::of(&fs::read(root.join("noise").join(noise)).expect("noise"));
        let audio = Audio::Wav { channel: Channel::Mean, sha256 };
        let (kind, noise, more) = (noise[..1].to_owned(), noise.to_owned(), More::default());
        Part { clip, kind, noise, audio, place, power, more }
    };
    Recipe(vec![
        part(0, "A/20.wav", 0.3, 0.02),
        part(0, "B/22.wav", 0.0, 0.005),
        part(3, "A/21.wav", 0.9, 1.5),
    ])
}

/// The same with rooms, generated and recorded, and two microphones in one of the clips.
fn in_rooms(root: &Path) -> Recipe {
    let mut recipe = recipe(root);
    let decay = |rt60, seed| Echo::Decay(Decay { rt60, direct_db: 3.0, seed });
    let file = Echo::File(recipe.0[0].noise.clone(), recipe.0[0].audio.clone());
    let path = |gain_db, delay_ms, rt60| artifact::Path {
        gain_db,
        delay_ms,
        response: Some(decay(rt60, 4)),
    };
    let ways = Ways { far: path(-12.0, 3.0, 0.05), near: path(-6.0, 1.5, 0.02) };
    let more = More {
        response: Some(decay(0.1, 1)),
        noise_response: Some(file.clone()),
        ways: Some(ways),
        ..More::default()
    };
    let noise_response = Some(decay(0.1, 2));
    recipe.0[1].more = More { noise_response, ..more.clone() };
    recipe.0[0].more = more;
    recipe.0[2].more = More { response: Some(file), ..More::default() };
    recipe
}

/// pooling, and network -> embedding
fn vectors(add: &mut impl FnMut(&str, Value, &Inputs) -> Vec<Output>) {
    let set = Set::new(Split::Train, 24, 12, 10);
    let one: BTreeMap<String, Vec<u8>> = set.inputs(Takes::Frames).into_iter().collect();
    let section = |role: &str| (format!("train/{role}"), one[&format!("{role}/00")].clone());
    let frames = || ["clips", "features", "index"].map(section);
    let pools = json!([{"mean": {}}, {"gwrp": {"decay": 0.9}}]);
    add("pooling", json!({"pooling": {"pools": pools}}), &inputs(frames()));
    let pooling = json!({"pools": [{"max": {}}], "temporal_mean_subtraction": true});
    add("pooling temporal_mean_subtraction", json!({"pooling": pooling}), &inputs(frames()));

    let network =
        json!({"autoencoder": {"window": 2, "layers": [8, 3, 8], "epochs": 2, "batch": 16}});
    let all = inputs(set.inputs(Takes::Frames));
    add("network", json!({"network": {"network": network, "seed": [5, ["fan"]]}}), &all);
    let choice = json!({"network": network, "seed": [5, ["fan"]], "choice": {"source_clips": 4, "draw": 1},
                        "temporal_mean_subtraction": true});
    add("network choice", json!({"network": choice}), &all);
    // A model of the member itself, so that the row of `embedding` moves with no training stage.
    let spec: EmbedderSpec = serde_json::from_value(network.clone()).expect("a network");
    let heard = Hearing { clips: set.examples(Takes::Frames), spectra: Vec::new() };
    let model = spec.member().fit(&heard, &Context::plain(1)).expect("it can be trained").encode();
    let first =
        set.0.iter().filter(|(clip, _)| clip.section == "00").map(|(clip, _)| clip.id.as_str());
    let index = FeatureIndex::consecutive(first.map(|id| (id, 1)));
    let pooled = Matrix::new((0..3 * index.0.len()).map(|i| i as f32).collect(), index.0.len(), 3);
    let beside = [
        ("train/pooled".to_owned(), pooled.encode()),
        ("train/pooled_index".to_owned(), index.encode()),
    ];
    let given = inputs(frames().into_iter().chain([("model".to_owned(), model)]).chain(beside));
    add("embedding", json!({"embedding": {"network": network}}), &given);
    let more = json!({"network": network, "temporal_mean_subtraction": true, "with_pool": true});
    add("embedding with_pool", json!({"embedding": more}), &given);
}

/// Settings of the metrics stage: every area, both rules of ties, every threshold.
pub fn metric_settings() -> Vec<Value> {
    let with = |threshold: Value| json!({"auc": false, "ties": "half", "threshold": threshold});
    let mut all = vec![
        json!({"auc": true, "ties": "half"}),
        json!({"auc": true, "ties": "zero"}),
        json!({"auc": false, "ties": "half", "pauc": 0.2}),
        json!({"auc": true, "ties": "half", "pauc": 0.2, "intervals": {"resamples": 100, "level": 0.9}}),
        json!({"auc": true, "ties": "zero", "intervals": {"resamples": 100, "level": 0.9}}),
        json!({"auc": false, "ties": "half", "domain_balance": true}),
        json!({"auc": false, "ties": "half", "pseudo_anomalies": true}),
    ];
    for name in ThresholdSpec::NAMES {
        all.push(with(json!({*name: settings("threshold", name).swap_remove(0)})));
    }
    all
}

fn metrics(rows: &mut Now) {
    // Scores of few values, so that there are ties, and both labels in both domains.
    let mut rng = Seed(9).derive(&["golden", "metrics"]).rng();
    let clips: Vec<Clip> = (0..48).map(|i| clip(i, Split::Test)).collect();
    let shift = |clip: &Clip| if clip.label == Some(Label::Anomaly) { 0.25 } else { 0.0 };
    let score = |clip: &Clip, draw: f64| (8.0 * draw).floor() / 8.0 + shift(clip);
    let scores =
        Scores(clips.iter().map(|clip| (clip.id.clone(), score(clip, rng.uniform()))).collect());
    let called = |score: &f64| f64::from(u8::from(*score > 0.6));
    let called = scores.0.iter().map(|(clip, score)| (clip.clone(), called(score)));
    let decisions = Scores(called.collect());
    let training = (0..40).map(|i| (format!("{i:02}"), 0.5 + 0.1 * bell(&mut rng))).collect();
    let training = CalibrationScores { scores: training, missing: String::new() };
    let given = inputs([
        ("train/clips".to_owned(), ClipSet::new(Vec::new()).encode()),
        ("test/clips".to_owned(), ClipSet::new(clips).encode()),
        ("scores".to_owned(), scores.encode()),
        ("training".to_owned(), training.encode()),
    ]);
    let mut add = |settings: &Value, given: &Inputs| {
        let stage: StageSpec =
            serde_json::from_value(json!({"metrics": settings})).expect("a stage");
        rows.insert(format!("metrics {settings}"), row(&stage, given).map(|(row, _)| row));
    };
    let others = inputs(
        given
            .0
            .iter()
            .map(|(role, blob)| (role.clone(), blob.to_vec()))
            .chain([("decisions".to_owned(), decisions.encode())]),
    );
    let stage = StageSpec::Submission(Submission {});
    let submitted = row(&stage, &others).map(|(row, _)| row);
    let decided = json!({"metrics": {"auc": false, "ties": "half"}});
    let decided: StageSpec = serde_json::from_value(decided).expect("a stage");
    let decided = row(&decided, &others).map(|(row, _)| row);
    // Numbers of training clips alone.
    let train: Vec<Clip> = (0..48).map(|i| clip(i, Split::Train)).collect();
    let held_out = train.iter().map(|clip| (clip.id.clone(), bell(&mut rng))).collect();
    let kinds = (0..40).map(|i| {
        let name = match i {
            0..20 => i.to_string(),
            _ => format!("\tpseudo\t{}\t{i}", ["permuted", "load 2"][i % 2]),
        };
        (name, bell(&mut rng) + f64::from(u8::from(i > 20)))
    });
    let pseudo = CalibrationScores { scores: kinds.collect(), missing: String::new() };
    let held_out = CalibrationScores { scores: held_out, missing: String::new() };
    let more = inputs(given.0.iter().map(|(role, blob)| (role.clone(), blob.to_vec())).chain([
        ("train/clips".to_owned(), ClipSet::new(train).encode()),
        ("held_out".to_owned(), held_out.encode()),
        ("pseudo".to_owned(), pseudo.encode()),
    ]));
    for settings in metric_settings() {
        let of_training = ["domain_balance", "pseudo_anomalies"];
        let of_training = of_training.iter().any(|word| settings.get(word).is_some());
        add(&settings, if of_training { &more } else { &given });
    }
    rows.insert("submission".to_owned(), submitted);
    rows.insert("metrics decisions".to_owned(), decided);
}
