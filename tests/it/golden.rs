//! Code versions are held by golden values: every member of the families runs on a tiny fixture, and values that
//! move without a raised version fail.
//!
//! `HUMSHIFT_ACCEPT_GOLDEN=1` writes rows for new members and for raised versions into `tests/data/golden.json`. It does
//! not accept moved values of the same version; to start afresh (a changed fixture), delete their rows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use humshift::artifact::{Audio, AudioTable, Clip, Context, Domain, Label, Part, Split};
use humshift::detector::{DetectorSpec, EmbedderSpec, Examples, Heard, Takes};
use humshift::dsp::resample;
use humshift::feature::FeatureSpec;
use humshift::mimii_dg::{self, Section};
use humshift::mix::{self, Layer};
use humshift::pool::PoolSpec;
use humshift::seed::Seed;
use humshift::source::SourceSpec;
use humshift::stage::{Features, Mixing, StageSpec};
use humshift::twin::{self, Scene};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Between CPU types last bits differ; anything a person would notice is larger than this.
const TOLERANCE: f64 = 1e-4;

/// The golden rows of a family, by member and settings.
type Rows = BTreeMap<String, Row>;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    version: u32,
    values: Vec<f64>,
}

/// Settings to run a member with beside its defaults, so that other branches are held too.
fn settings(name: &str) -> Vec<Value> {
    if name == "ensemble" {
        // Without detectors it is nothing.
        return vec![json!({"detectors": [{"knn": {}}, {"mahalanobis": {}}]})];
    }
    if name == "embedding" {
        let network = json!({"autoencoder": {"window": 2, "layers": [8, 3, 8], "epochs": 3, "batch": 16}});
        let with = |backend: Value| json!({"network": network, "backend": backend});
        let cnn = |settings: Value| json!({"network": {"cnn": settings}, "backend": {"knn": {}}});
        let small = |loss: Value| json!({"branches": ["spectrogram"], "channels": [4, 8], "dims": 4, "epochs": 2, "batch": 8, "loss": loss});
        return vec![
            with(json!({"knn": {}})),
            with(json!({"mahalanobis": {}})),
            cnn(small(json!({"softmax": {}}))),
            cnn(small(json!({"arcface": {}}))),
            cnn(small(json!({"sub_cluster_adacos": {"clusters": 2}}))),
        ];
    }
    if name == "mobilenet_v2" {
        let small = json!({"frames": 6, "hop": 1, "width": 0.1, "epochs": 2, "batch": 8});
        return vec![small];
    }
    let mut all = vec![json!({})];
    all.extend(match name {
        "autoencoder" => vec![
            json!({"window": 3, "layers": [8, 3, 8], "epochs": 2, "predict": "centre"}),
            json!({"window": 2, "layers": [8, 3, 8], "epochs": 2, "score": "selective_mahalanobis"}),
        ],
        "knn" => vec![json!({"k": 3, "metric": "cosine"}), json!({"k": 3, "reduce": "kth"})],
        "lof" => vec![json!({"k": 3, "metric": "cosine"})],
        "kde" => ["scott", "silverman", "median_nearest"].map(|rule| json!({"bandwidth": rule})).to_vec(),
        "isolation_forest" => vec![json!({"trees": 20, "samples": 8})],
        "kmeans" => vec![json!({"clusters": 4, "metric": "cosine"})],
        "gmm" => vec![
            json!({"covariance": "diagonal", "score": "best_component"}),
            json!({"components": 3, "covariance": "tied", "runs": 2}),
        ],
        // Vectors of 10 values have no 16 directions.
        "pca" => return vec![json!({"components": 4}), json!({"variance": 0.8})],
        "mahalanobis" => {
            vec![json!({"covariance": "empirical"}), json!({"covariance": "diagonal"}), json!({"selective": true})]
        }
        "classifier" => vec![
            json!({"random_forest": {"trees": 20, "min_leaf": 2}}),
            json!({"random_forest": {"trees": 5}, "labels": "attribute"}),
            json!({"svc": {}}),
            json!({"svc": {"kernel": "linear"}, "labels": "attribute"}),
            json!({"lda": {}}),
            json!({"nearest_neighbours": {"k": 5}}),
        ],
        "nmf" => vec![json!({"components": 4, "linear": true})],
        "one_class_svm" => vec![json!({"kernel": "linear", "nu": 0.5}), json!({"gamma": 0.001, "standardize": false})],
        "gwrp" => vec![json!({"decay": 0.5})],
        _ => Vec::new(),
    });
    all
}

/// What one family gives now: for every name and its settings, the version and the values.
fn run(names: &[&str], one: impl Fn(&str, &Value) -> Result<Row, String>) -> BTreeMap<String, Result<Row, String>> {
    let cases = names.iter().flat_map(|&name| settings(name).into_iter().map(move |s| (name, s)));
    cases
        .map(|(name, s)| (if s == json!({}) { name.to_owned() } else { format!("{name} {s}") }, one(name, &s)))
        .collect()
}

fn features() -> BTreeMap<String, Result<Row, String>> {
    let (rate, mut rng) = (16_000, Seed(11).rng());
    // Half a second of two hums and noise.
    let sample = |i: usize, noise: f64| {
        let t = i as f64 / f64::from(rate) * std::f64::consts::TAU;
        (0.2 * (t * 100.0).sin() + 0.1 * (t * 2500.0).sin() + 0.02 * noise) as f32
    };
    let samples: Vec<f32> = (0..8000).map(|i| sample(i, rng.normal())).collect();
    run(FeatureSpec::NAMES, |name, settings| {
        let spec = FeatureSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        let extractor = spec.member().extractor(rate).map_err(|e| e.to_string())?;
        let frames = extractor.extract(&samples).map_err(|e| e.to_string())?;
        Ok(Row { version: spec.member().version(), values: summary(frames.view(), 60) })
    })
}

/// The shape, the mean and up to `most` values evenly spread: enough to notice any change, little to keep.
fn summary(matrix: ArrayView2<f32>, most: usize) -> Vec<f64> {
    let all: Vec<f64> = matrix.iter().map(|&x| f64::from(x)).collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let mut values = vec![matrix.nrows() as f64, matrix.ncols() as f64, mean];
    values.extend(all.iter().step_by(all.len().div_ceil(most)));
    values
}

/// Frames of one clip, (6, 10), around a level of its own.
fn frames(seed: u64) -> Array2<f32> {
    let mut rng = Seed(seed).derive(&["golden"]).rng();
    let level = -30.0 + 3.0 * rng.normal();
    Array2::from_shape_simple_fn((6, 10), || (level + 5.0 * rng.normal()) as f32)
}

fn pools() -> BTreeMap<String, Result<Row, String>> {
    run(PoolSpec::NAMES, |name, settings| {
        let spec = PoolSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        let values = spec.member().pool(frames(1).view()).into_iter().map(f64::from).collect();
        Ok(Row { version: spec.member().version(), values })
    })
}

/// Clips of two sections, half of them target, with an attribute: what supervised detectors look at.
fn clip(i: u64, split: Split) -> Clip {
    Clip {
        id: format!("fan/{split}/{i:02}.wav"),
        machine: "fan".into(),
        section: format!("0{}", i % 2),
        domain: Some(if i % 4 < 2 { Domain::Source } else { Domain::Target }),
        split,
        label: Some(Label::Normal),
        attributes: [("load".to_owned(), (i % 3).to_string())].into(),
    }
}

fn detectors() -> BTreeMap<String, Result<Row, String>> {
    let set = |count: u64, first: u64, split| -> Vec<(Clip, Array2<f32>)> {
        (0..count).map(|i| (clip(i, split), frames(first + i))).collect()
    };
    let (train, test) = (set(24, 100, Split::Train), set(6, 200, Split::Test));
    fn examples(set: &[(Clip, Array2<f32>)], takes: Takes) -> Examples<'_> {
        let rows = match takes {
            Takes::Frames => 6,
            Takes::Vectors => 1,
        };
        let features = set.iter().map(|(_, x)| x.slice_axis(Axis(0), (0..rows).into())).collect();
        Examples { clips: set.iter().map(|(clip, _)| clip).collect(), features }
    }
    run(DetectorSpec::NAMES, |name, settings| {
        let spec = DetectorSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        let detector = spec.member();
        let (train, test) = (examples(&train, detector.takes()), examples(&test, detector.takes()));
        let cx = Context::plain(1);
        let model = detector.fit(&train, None, &cx).map_err(|e| e.to_string())?;
        let values = detector.score(&model, &test, &cx).map_err(|e| e.to_string())?;
        Ok(Row { version: detector.version(), values })
    })
}

/// The vectors of networks that hear spectra, which are no detectors of frames.
fn embedders() -> BTreeMap<String, Result<Row, String>> {
    let small = |more: Value| {
        let mut all = json!({"channels": [4, 8], "dims": 4, "epochs": 2, "batch": 8});
        all.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        all
    };
    let clips: Vec<Clip> = (0..24).map(|i| clip(i, Split::Train)).collect();
    let wide = |seed: u64, rows: usize, values: usize| {
        let mut rng = Seed(seed).derive(&["golden", "embedder"]).rng();
        Array2::from_shape_simple_fn((rows, values), || (5.0 * rng.normal() - 30.0) as f32)
    };
    let frames: Vec<Array2<f32>> = (0..24).map(|i| wide(i, 12, 10)).collect();
    let spectra: Vec<Array2<f32>> = (0..24).map(|i| wide(100 + i, 1, 400)).collect();
    let mut rows = BTreeMap::new();
    for settings in [
        small(json!({"loss": {"adacos": {}}})),
        small(
            json!({"branches": ["spectrum"], "labels": "attribute", "loss": {"softmax": {}}, "mixup": 0.0, "balance": true}),
        ),
    ] {
        let spec = EmbedderSpec::parse("cnn", &settings).expect("it is valid");
        let network = spec.member();
        let examples = Examples { clips: clips.iter().collect(), features: frames.iter().map(|x| x.view()).collect() };
        let heard = Heard { clips: examples, spectra: spectra.iter().map(|x| x.view()).collect() };
        let cx = Context::plain(1);
        let made = network.fit(&heard, &cx).and_then(|model| network.embed(&model, &heard, &cx));
        let row = made.map(|vectors| Row { version: network.version(), values: summary(vectors.view(), 60) });
        rows.insert(format!("cnn {settings}"), row.map_err(|error| error.to_string()));
    }
    rows
}

/// One healthy and one broken sound of every section of every machine of the twin, and every noise.
fn sounds() -> BTreeMap<String, Result<Row, String>> {
    let mut rows = BTreeMap::new();
    let mut add = |name: String, kind: &str, source: &SourceSpec, attributes: BTreeMap<String, String>, fault| {
        let (unit, clip) = (Seed(5), Seed(6));
        let scene = Scene { rate: 16_000.0, samples: 8000, unit, clip, attributes: &attributes, fault };
        let row = twin::render(kind, &scene).map(|samples| {
            let samples = Array2::from_shape_vec((samples.len(), 1), samples).expect("one value a sample");
            Row { version: source.member().version(), values: summary(samples.view(), 12) }
        });
        rows.insert(name, row);
    };
    let source = |name: &str| SourceSpec::parse(name, &json!({})).expect("it has defaults");
    for (name, machine) in mimii_dg::machines() {
        let synthetic = source("synthetic");
        for (section, table) in &machine.sections {
            for (domain, values) in [("source", &table.source), ("target", &table.target)] {
                let first = Section::combinations(values).swap_remove(0).into_iter().collect();
                add(format!("{name} {section} {domain}"), name, &synthetic, first, None);
            }
        }
        for fault in twin::faults(name) {
            add(format!("{name} {fault}"), name, &synthetic, BTreeMap::new(), Some((fault, 1.0)));
        }
    }
    for kind in twin::NOISES {
        add(format!("noise {kind}"), kind, &source("factory"), BTreeMap::new(), None);
    }
    rows
}

/// A recipe, and a clip that it makes of noise that is shorter and of another rate: what the cache keeps of mixing.
fn mixing() -> BTreeMap<String, Result<Row, String>> {
    let layer: Layer = serde_json::from_value(json!({"types": ["A", "B"], "snr_db": -3})).expect("a layer");
    let clips: Vec<Clip> = (0..8).map(|i| clip(i, Split::Train)).collect();
    let table = |kind: &str| {
        let rows = (0..9).map(|i| (format!("{kind}/{i}"), Audio::Synthetic(format!("{{{kind}}}"))));
        AudioTable(rows.collect())
    };
    let candidates = ["A", "B"].map(|kind| (kind.to_owned(), table(kind))).into();
    let recipe = mix::draw(&clips, std::slice::from_ref(&layer), 0.02, &candidates, 3).expect("it can be mixed");
    let number = |part: &Part| part.noise[2..].parse::<f64>().expect("a number");
    let drawn =
        recipe.0.iter().flat_map(|p| [f64::from(u8::from(p.kind == "A")), number(p), p.place, p.power]).collect();
    let mut rng = Seed(4).rng();
    let mut wave = |n: usize| -> Vec<f32> { (0..n).map(|_| 0.2 * rng.normal() as f32).collect() };
    let (mut signal, noise) = (wave(600), wave(150));
    let noise = resample(&mix::cut(&noise, 300, 0.3), 8000, 16_000);
    mix::scale_to(&mut signal, &noise, 0.05).expect("it is not silent");
    let steps = mix::quantise(&signal, 0.9).samples;
    let steps = Array2::from_shape_fn((steps.len(), 1), |(i, _)| f32::from(steps[i]));
    let version = |stage: StageSpec| -> u32 {
        let code = stage.material(&BTreeMap::new())["code"][stage.name()].as_u64();
        code.expect("a key has the version of its stage") as u32
    };
    let mixing = version(StageSpec::Mixing(Mixing { layers: vec![layer], seed: 3 }));
    let feature = FeatureSpec::parse("log_mel", &json!({})).expect("it has defaults");
    let features = Features { feature, root: None, source: ("folder".into(), 1), mixed: None };
    let features = version(StageSpec::Features(features));
    [
        ("recipe".to_owned(), Ok(Row { version: mixing, values: drawn })),
        ("mixture".to_owned(), Ok(Row { version: features, values: summary(steps.view(), 12) })),
    ]
    .into()
}

/// What is wrong with a family, one message a row; `golden` takes the rows that may be accepted.
fn compare(now: BTreeMap<String, Result<Row, String>>, golden: &mut Rows, accept: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    golden.retain(|name, _| {
        let known = now.contains_key(name);
        if !known && !accept {
            wrong.push(format!("{name}: a golden row of nobody: run with HUMSHIFT_ACCEPT_GOLDEN=1 to drop it"));
        }
        known
    });
    for (name, row) in now {
        let row = match row {
            Ok(row) if row.values.iter().all(|x| x.is_finite()) => row,
            Ok(row) => {
                wrong.push(format!("{name}: not all finite: {:?}", row.values));
                continue;
            }
            Err(why) => {
                wrong.push(format!("{name}: {why}"));
                continue;
            }
        };
        match golden.get(&name) {
            Some(old) if old.version == row.version && same(&old.values, &row.values) => {}
            Some(old) if old.version == row.version => wrong.push(format!(
                "{name}: output changed but version is still {}: raise its version or undo the change",
                row.version
            )),
            _ if accept => {
                golden.insert(name, row);
            }
            Some(old) => wrong.push(format!(
                "{name}: version is {}, its golden row has {}: run with HUMSHIFT_ACCEPT_GOLDEN=1 to accept",
                row.version, old.version
            )),
            None => wrong.push(format!("{name}: no golden row: run with HUMSHIFT_ACCEPT_GOLDEN=1 to accept")),
        }
    }
    wrong
}

fn same(old: &[f64], new: &[f64]) -> bool {
    // Relative to the size of the row, so that a value near zero is not held to digits it does not have.
    let size = old.iter().map(|x| x.abs()).sum::<f64>() / old.len().max(1) as f64;
    old.len() == new.len() && old.iter().zip(new).all(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(0.01 * size))
}

#[test]
fn outputs_change_only_with_their_versions() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let mut golden: BTreeMap<String, Rows> = serde_json::from_str(&text).expect("golden.json is valid");
    let accept = std::env::var_os("HUMSHIFT_ACCEPT_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (family, now) in [
        ("feature", features()),
        ("pool", pools()),
        ("detector", detectors()),
        ("embedder", embedders()),
        ("sound", sounds()),
        ("mixing", mixing()),
    ] {
        wrong.extend(compare(now, golden.entry(family.to_owned()).or_default(), accept));
    }
    if accept {
        std::fs::write(&path, serde_json::to_string_pretty(&golden).unwrap() + "\n").unwrap();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn moved_values_need_a_raised_version() {
    let row = |version, value| Row { version, values: vec![value, 0.0] };
    let check = |now: Row, accept| {
        let mut golden: Rows = [("knn".to_owned(), row(1, 2.0))].into();
        let wrong = compare([("knn".to_owned(), Ok(now))].into(), &mut golden, accept);
        (wrong.join("\n"), golden["knn"].version)
    };
    let moved = "knn: output changed but version is still 1: raise its version or undo the change";
    assert_eq!(check(row(1, 2.0001), false), (String::new(), 1));
    assert_eq!(check(row(1, 2.001), false), (moved.to_owned(), 1));
    assert_eq!(check(row(1, 2.001), true), (moved.to_owned(), 1));
    assert_eq!(check(row(2, 2.001), true), (String::new(), 2));
    assert!(check(row(2, 2.0), false).0.contains("its golden row has 1"));
    let mut none = Rows::new();
    assert!(compare([("new".to_owned(), Ok(row(1, 1.0)))].into(), &mut none, false)[0].contains("no golden row"));
    assert!(none.is_empty());
}

/// Keys are made of settings: what has no canonical form, such as a null, could not be cached.
#[test]
fn every_member_has_a_key() {
    let mut settings = Vec::new();
    macro_rules! all {
        ($($family:ty),+) => { $(
            for name in <$family>::NAMES {
                if let Ok(spec) = <$family>::parse(name, &json!({})) {
                    settings.push(json!(spec));
                }
            }
        )+ };
    }
    all!(DetectorSpec, FeatureSpec, PoolSpec, SourceSpec, humshift::threshold::ThresholdSpec);
    assert!(settings.len() > 20);
    for settings in settings {
        humshift::canon::of_value(&settings).unwrap_or_else(|e| panic!("{settings}: {e}"));
    }
}
