use super::*;
use crate::artifact::{Clip, Split};
use crate::math;
use crate::seed::Seed;
use ndarray::ArrayView2;
use serde_json::{Value, json};

/// Clips of 8 frames of 4 values in two sections with different levels.
fn clips(count: usize, level: f32, split: Split) -> Vec<(Clip, Array2<f32>)> {
    let one = |i: usize| {
        let mut rng = Seed(7).derive(&[&split.to_string(), &i.to_string()]).rng();
        let section = i % 2;
        let clip = Clip {
            id: format!("{split}/{i}"),
            machine: "fan".into(),
            section: format!("0{section}"),
            domain: None,
            split,
            label: None,
            attributes: BTreeMap::new(),
        };
        let base = level + 5.0 * section as f32;
        (clip, Array2::from_shape_simple_fn((8, 4), || base + rng.normal() as f32))
    };
    (0..count).map(one).collect()
}

fn examples(clips: &[(Clip, Array2<f32>)]) -> Examples<'_> {
    Examples {
        clips: clips.iter().map(|(clip, _)| clip).collect(),
        features: clips.iter().map(|(_, x)| x.view()).collect::<Vec<ArrayView2<f32>>>(),
    }
}

fn heard(clips: Examples) -> Hearing {
    Hearing { clips, spectra: Vec::new() }
}

fn spec(settings: Value) -> DetectorSpec {
    DetectorSpec::parse("embedding", &settings).unwrap()
}

fn small(backend: Value) -> DetectorSpec {
    let network =
        json!({"autoencoder": {"window": 2, "layers": [6, 3, 6], "epochs": 4, "batch": 16}});
    spec(json!({"network": network, "backend": backend}))
}

fn scores(spec: &DetectorSpec, test: &[(Clip, Array2<f32>)]) -> Vec<f64> {
    let (train, cx) = (clips(24, 0.0, Split::Train), Context::plain(3));
    let model = spec.member().fit(&examples(&train), None, &cx).unwrap();
    spec.member().score(&model, &examples(test), &cx).unwrap()
}

#[test]
fn a_section_has_a_backend_of_its_own_and_the_machine_one_network() {
    let train = clips(24, 0.0, Split::Train);
    let cx = Context::plain(3);
    let of = |backend: Value| small(backend).member().fit(&examples(&train), None, &cx).unwrap();
    let (knn, lof) = (of(json!({"knn": {}})), of(json!({"lof": {"k": 3}})));
    assert_eq!(part(&knn, "network/"), part(&lof, "network/"));
    for (model, groups) in
        [(&knn, ["backend.00/", "backend.01/"]), (&lof, ["backend.00/", "backend.01/"])]
    {
        assert!(groups.iter().all(|prefix| !part(model, prefix).0.is_empty()));
    }
    let classifier = of(json!({"classifier": {"lda": {}}}));
    assert!(
        !part(&classifier, "backend/").0.is_empty()
            && part(&classifier, "backend.00/").0.is_empty()
    );
}

#[test]
fn scores_are_those_of_the_backend_on_the_vectors() {
    let (train, test) = (clips(24, 0.0, Split::Train), clips(6, 1.0, Split::Test));
    let spec = small(json!({"knn": {"k": 2}}));
    let DetectorSpec::Embedding(embedding) = &spec else { unreachable!() };
    let cx = Context::plain(3);
    let model = spec.member().fit(&examples(&train), None, &cx).unwrap();
    let network = part(&model, "network/");
    let vectors = |clips: &[(Clip, Array2<f32>)]| {
        embedding
            .network
            .vectors(
                &network,
                &heard(examples(clips)),
                &Context { threads: 2, ..Context::plain(9) },
            )
            .unwrap()
    };
    let (train_vectors, test_vectors) = (vectors(&train), vectors(&test));
    assert_eq!(train_vectors.dim(), (24, 3));
    let nearest = |i: usize| -> f64 {
        let distance = |j: usize| {
            let d: f64 = (0..3)
                .map(|k| math::square(f64::from(test_vectors[[i, k]] - train_vectors[[j, k]])))
                .sum();
            d.sqrt()
        };
        let mut all: Vec<f64> = (0..24).filter(|j| j % 2 == i % 2).map(distance).collect();
        all.sort_by(f64::total_cmp);
        (all[0] + all[1]) / 2.0
    };
    for (i, score) in scores(&spec, &test).into_iter().enumerate() {
        assert!((score - nearest(i)).abs() < 1e-4 * (1.0 + score), "{score} {}", nearest(i));
    }
    let far = scores(&spec, &clips(6, 40.0, Split::Test));
    assert!(far.iter().all(|score| *score > scores(&spec, &test)[0]), "{far:?}");
}

#[test]
fn the_mean_over_windows_is_that_of_the_network_by_hand() {
    let one = |rows: &[f32], dim| Array2::from_shape_vec(dim, rows.to_vec()).unwrap();
    let mut model = Tensors::default();
    // 2 values of 1 frame -> 2 -> bottleneck of 1. The rectifier stands between the layers, not
    // after the last one.
    let identity = one(&[1.0, 0.0, 0.0, 1.0], (2, 2));
    let kernels = [
        one(&[1.0, 0.0, 0.0, -1.0], (2, 2)),
        one(&[1.0, -2.0], (2, 1)),
        one(&[1.0, 1.0], (1, 2)),
        identity,
    ];
    for (i, kernel) in kernels.into_iter().enumerate() {
        let units = kernel.ncols();
        model.put_f32(&format!("dense.{i}.kernel"), kernel);
        model.put_f32(&format!("dense.{i}.bias"), ndarray::Array1::zeros(units));
        if i == 3 {
            break;
        }
        for (name, value) in
            [("gamma", 2.0f32), ("beta", 0.5), ("mean", 1.0), ("variance", 4.0 - 1e-3)]
        {
            model.put_f32(&format!("norm.{i}.{name}"), ndarray::Array1::from_elem(units, value));
        }
    }
    let spec =
        EmbedderSpec::parse("autoencoder", &json!({"window": 1, "layers": [2, 1, 2]})).unwrap();
    let frames = one(&[3.0, 1.0, 1.0, -4.0], (2, 2));
    let clips = Examples { clips: Vec::new(), features: vec![frames.view()] };
    let vector = spec.vectors(&model, &heard(clips), &Context::plain(0)).unwrap();
    // Each layer is y - 1 + 0.5. (3, 1) -> (3, -1) -> (2.5, 0) -> 2.5 - 0.5; (1, -4) -> (1, 4) ->
    // (0.5, 3.5) -> -7.
    assert!((vector[[0, 0]] - (2.0 - 7.0) / 2.0).abs() < 1e-4, "{vector}");
}

#[test]
fn what_is_no_backend_is_told() {
    let told = |backend: Value| {
        let network = json!({"autoencoder": {"epochs": 0}});
        let problems = spec(json!({"network": network, "backend": backend})).member().problems();
        problems.into_iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>()
    };
    let network = "network.autoencoder.epochs: `epochs` is 0, outside 1..100000".to_owned();
    assert_eq!(told(json!({"knn": {"k": 0}}))[0], network);
    assert!(told(json!({"knn": {"k": 0}}))[1].starts_with("backend.knn.k: "));
    let frames = "backend: `autoencoder` takes frames, but a network gives one vector per clip";
    assert_eq!(told(json!({"autoencoder": {}})), [network.clone(), frames.to_owned()]);
    let nested = json!({"embedding": {"network": {"autoencoder": {}}}});
    assert!(told(nested)[1].contains("an embedding may not be the backend"));
    let default = spec(json!({"network": {"autoencoder": {}}}));
    assert_eq!(default, spec(json!({"network": {"autoencoder": {}}, "backend": {"knn": {}}})));
}

#[test]
fn an_unknown_section_is_told() {
    let spec = small(json!({"knn": {}}));
    let (mut train, test) = (clips(24, 0.0, Split::Train), clips(2, 0.0, Split::Test));
    train.retain(|(clip, _)| clip.section == "00");
    let cx = Context::plain(3);
    let model = spec.member().fit(&examples(&train), None, &cx).unwrap();
    let told = spec.member().score(&model, &examples(&test), &cx).unwrap_err().to_string();
    assert_eq!(told, "clip `test/1` is of section 01, which has no training clips");
}
