//! Rows of the members of the families.

use std::collections::BTreeMap;

use humshift::artifact::{Artifact, Audio, AudioTable, Channel, Split};
use humshift::context::Context;
use humshift::detector::{DetectorSpec, EmbedderSpec, Hearing, Takes};
use humshift::digest::Digest;
use humshift::feature::FeatureSpec;
use humshift::feature::onnx::{Onnx, OnnxAxis};
use humshift::mimii_dg::{self, Section};
use humshift::pool::PoolSpec;
use humshift::seed::Seed;
use humshift::source::SourceSpec;
use humshift::stage::StageSpec;
use humshift::threshold::ThresholdSpec;
use humshift::twin::{self, Scene};
use ndarray::{Array2, Array3, Array4};
use serde_json::{Value, json};

use super::fixtures::{Set, bell, inputs, matrix, threads, wave};
use super::rows::{Now, Row, bytes, numbers};
use super::settings::settings;
use crate::sounds::{self, Form};

/// What one family gives: a row for every name and its settings.
fn run(family: &str, names: &[&str], one: impl Fn(&str, &Value) -> Result<Row, String>) -> Now {
    let cases =
        names.iter().flat_map(|&name| settings(family, name).into_iter().map(move |s| (name, s)));
    cases
        .map(|(name, s)| {
            (if s == json!({}) { name.to_owned() } else { format!("{name} {s}") }, one(name, &s))
        })
        .collect()
}

fn values(matrix: &Array2<f32>) -> Vec<f64> {
    matrix.iter().map(|&x| f64::from(x)).collect()
}

pub fn features() -> Now {
    let rate = 16_000;
    let samples = wave(11, 8000, [160, 6]);
    run("feature", FeatureSpec::NAMES, |name, settings| {
        let spec = FeatureSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        if let FeatureSpec::Vectors(vectors) = &spec {
            let array = Array3::from_shape_fn((2, 3, 4), |(a, b, c)| (12 * a + 4 * b + c) as f32);
            let frames = vectors.frames(array.into_dyn())?;
            return Row::of(name, spec.member().version(), &values(&frames));
        }
        if let FeatureSpec::Onnx(onnx) = &spec {
            return Row::of(name, spec.member().version(), &around_a_network(onnx)?);
        }
        if spec.member().program().is_some() {
            return Row::of(name, spec.member().version(), &called(&spec, &samples, rate)?);
        }
        let extractor = spec.member().extractor(rate).map_err(|e| e.to_string())?;
        let frames = extractor.extract(&samples).map_err(|e| e.to_string())?;
        Row::of(name, spec.member().version(), &values(&frames))
    })
}

/// What a network would get of a clip, and the frames of the values that it might give.
fn around_a_network(onnx: &Onnx) -> Result<Vec<f64>, String> {
    let layout = onnx.layout(None).map_err(|misfit| misfit.why)?;
    let columns = if layout.contains(&OnnxAxis::Mel) { 2 } else { 1 };
    let clip = Array2::from_shape_fn((8, columns), |(a, b)| (2 * a + b) as f32);
    let windows = onnx.windows(8, None)?;
    let inputs = (0..windows.count)
        .flat_map(|w| onnx.input(&layout, clip.view(), w * windows.hop, windows.length));
    let layer = Array4::from_shape_fn((1, 2, 1, 4), |(_, a, _, b)| (4 * a + b) as f32);
    let frames = onnx.frames(&layout, layer.into_dyn()).map_err(|misfit| misfit.why)?;
    Ok(inputs.chain(frames).map(f64::from).collect())
}

/// What a program makes of one recording.
fn called(spec: &FeatureSpec, samples: &[f32], rate: u32) -> Result<Vec<f64>, String> {
    let root = tempfile::tempdir().map_err(|e| e.to_string())?;
    let samples: Vec<f64> = samples.iter().map(|x| f64::from(*x)).collect();
    let bytes = sounds::wav(&samples, rate, Form::Int16);
    std::fs::write(root.path().join("x.wav"), &bytes).map_err(|e| e.to_string())?;
    let audio = Audio::Wav { channel: Channel::Mean, sha256: Digest::of(&bytes) };
    let one = AudioTable([("x.wav".to_owned(), audio)].into()).encode();
    let none = AudioTable::default().encode();
    let given = inputs([("train/audio".to_owned(), one), ("test/audio".to_owned(), none)]);
    let stage = json!({"features": {"feature": spec, "root": root.path(), "source": ["dcase", 1]}});
    let stage: StageSpec = serde_json::from_value(stage).map_err(|e| e.to_string())?;
    let outputs = stage.run(&given, &Context::plain(1)).map_err(|e| e.to_string())?;
    Ok(numbers(outputs[0].kind, &outputs[0].bytes))
}

pub fn pools() -> Now {
    run("pool", PoolSpec::NAMES, |name, settings| {
        let spec = PoolSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        let vector = spec.member().pool(matrix(1, 6, 10).view());
        Row::of(
            name,
            spec.member().version(),
            &vector.into_iter().map(f64::from).collect::<Vec<_>>(),
        )
    })
}

/// The model of every detector, and its scores: with many settings on few small vectors, and with
/// the first of them on so many wide ones that products of matrices take all their ways.
pub fn detectors() -> Now {
    let few = [Set::new(Split::Train, 32, 6, 10), Set::new(Split::Test, 6, 6, 10)];
    let mut rows =
        run("detector", DetectorSpec::NAMES, |name, settings| detector(name, settings, &few));
    let many = [Set::new(Split::Train, 150, 1, 83), Set::new(Split::Test, 37, 1, 83)];
    for name in DetectorSpec::NAMES {
        let settings = settings("detector", name).swap_remove(0);
        let takes = DetectorSpec::parse(name, &settings).expect("settings").member().takes();
        if takes == Takes::Vectors {
            rows.insert(format!("{name} of many wide vectors"), detector(name, &settings, &many));
        }
    }
    rows
}

fn detector(name: &str, settings: &Value, [train, test]: &[Set; 2]) -> Result<Row, String> {
    let spec = DetectorSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
    let detector = spec.member();
    let (train, test) = (train.examples(detector.takes()), test.examples(detector.takes()));
    let (model, scores) = threads(|cx| {
        let model = detector.fit(&train, None, cx).map_err(|e| e.to_string())?;
        let scores = detector.score(&model, &test, cx).map_err(|e| e.to_string())?;
        Ok((model.encode(), scores))
    })?;
    Row::new([(name.to_owned(), detector.version())].into(), &[model, bytes(&scores)], &scores)
}

/// The model of every network, and its vectors.
pub fn embedders() -> Now {
    let set = Set::new(Split::Train, 24, 12, 10);
    let spectra: Vec<Array2<f32>> = (0..24).map(|i| matrix(300 + i, 1, 400)).collect();
    run("embedder", EmbedderSpec::NAMES, |name, settings| {
        let spec = EmbedderSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        let network = spec.member();
        let spectra = if network.hears_spectrum() {
            spectra.iter().map(|x| x.view()).collect()
        } else {
            Vec::new()
        };
        let heard = Hearing { clips: set.examples(Takes::Frames), spectra };
        let (model, vectors) = threads(|cx| {
            let model = network.fit(&heard, cx).map_err(|e| e.to_string())?;
            let vectors = network.embed(&model, &heard, cx).map_err(|e| e.to_string())?;
            Ok((model.encode(), values(&vectors)))
        })?;
        Row::new([(name.to_owned(), network.version())].into(), &[model, bytes(&vectors)], &vectors)
    })
}

pub fn thresholds() -> Now {
    let mut rng = Seed(3).derive(&["golden", "threshold"]).rng();
    let scores: Vec<f64> = (0..60).map(|_| 8.0 + bell(&mut rng)).collect();
    run("threshold", ThresholdSpec::NAMES, |name, settings| {
        let spec = ThresholdSpec::parse(name, settings).map_err(|e| format!("{e:?}"))?;
        Row::of(name, spec.member().version(), &[spec.member().limit(&scores)?.value])
    })
}

/// One healthy and one broken sound of every section of every machine of the twin, and every noise.
pub fn sounds() -> Now {
    let mut rows = Now::new();
    let mut add =
        |name: String, kind: &str, source: &str, attributes: BTreeMap<String, String>, fault| {
            let (unit, clip) = (Seed(5), Seed(6));
            let scene = Scene {
                rate: 16_000.0,
                samples: 8000,
                unit,
                clip,
                attributes: &attributes,
                fault,
                tuning: Default::default(),
            };
            let version =
                SourceSpec::parse(source, &json!({})).expect("it has defaults").member().version();
            let row = twin::render(kind, &scene).and_then(|samples| {
                let samples: Vec<f64> = samples.into_iter().map(f64::from).collect();
                Row::of(source, version, &samples)
            });
            rows.insert(name, row);
        };
    for (name, machine) in mimii_dg::machines() {
        for (section, table) in &machine.sections {
            for (domain, values) in [("source", &table.source), ("target", &table.target)] {
                let first = Section::combinations(values).swap_remove(0).into_iter().collect();
                add(format!("{name} {section} {domain}"), name, "synthetic", first, None);
            }
        }
        for fault in twin::faults(name) {
            add(format!("{name} {fault}"), name, "synthetic", BTreeMap::new(), Some((fault, 1.0)));
        }
    }
    for kind in twin::NOISES {
        add(format!("noise {kind}"), kind, "factory", BTreeMap::new(), None);
    }
    rows
}
