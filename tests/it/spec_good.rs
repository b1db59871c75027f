//! What good specs mean: every word of the language, the points of a sweep, base files, `--set`.

use std::path::Path;
use std::time::{Duration, Instant};

use humshift::spec::{Experiment, load, load_text};
use humshift::stage::metrics::Ties;
use proptest::prelude::*;

const SOUND: &str = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n";

fn resolved(text: &str, sets: &[&str]) -> Experiment {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    load_text("specs/load-shift.yaml", text, &sets).unwrap_or_else(|diagnostics| {
        panic!("{}", diagnostics.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n"))
    })
}

fn with(more: &str) -> Experiment {
    resolved(&format!("{SOUND}{more}"), &[])
}

/// The labels of each point, in the order of the axes.
fn labels(experiment: &Experiment) -> Vec<Vec<&str>> {
    let of = |point: &'_ humshift::spec::Point| -> Vec<String> {
        experiment.axes.iter().filter_map(|a| point.settings.get(&a.path).cloned()).collect()
    };
    let known: Vec<Vec<String>> = experiment.points.iter().map(of).collect();
    known.into_iter().map(|labels| labels.into_iter().map(|l| &*l.leak()).collect()).collect()
}

#[test]
fn every_word_is_accepted() {
    let text = "# yaml-language-server: $schema=./schema.json\nname: shift\nquestion: Größe?\ndata: { synthetic: }\nfeatures:\n  \
        log_mel: { frame: 2048, hop: 1024, mels: 64 }\npool: [ { mean: {} }, { mean: {} } ]\ndetector: { knn: { k: 3 } }\n\
        sweep:\n  detector: [ { knn: {} }, { knn: { k: 5 } } ]\n  \
        zip: [ { features.log_mel.frame: [512, 1024], features.log_mel.hop: [256, 512] } ]\n  \
        seed: { range: [0, 6, 2] }\n  exclude: [ { detector: knn k=5, seed: 2 }, { frame: 512, seed: 4 } ]\n\
        metrics: [ { auc: { ties: zero } }, { pauc: { max_fpr: 0.2 } } ]\nseed: 9\nexpect:\n  \
        - { metric: official, where: { detector: knn, seed: 0 }, at_least: 0.5, at_most: 0.9 }\n  - { metric: auc_source, at_least: 0 }\n";
    let experiment = resolved(text, &[]);
    assert_eq!(
        (experiment.name.as_str(), experiment.question.as_deref()),
        ("shift", Some("Größe?"))
    );
    let paths: Vec<&str> = experiment.axes.iter().map(|a| a.path.as_str()).collect();
    assert_eq!(paths, ["detector", "features.log_mel.frame", "features.log_mel.hop", "seed"]);
    assert_eq!(experiment.axes[0].labels, ["knn k=1", "knn k=5"]);
    // 2 detectors x 2 sizes x 3 seeds, less 2 (k=5, seed 2), less 2 (512, seed 4).
    assert_eq!(experiment.points.len(), 8);
    assert_eq!(labels(&experiment)[0], ["knn k=1", "512", "256", "0"]);
    let point = &experiment.points[0];
    assert_eq!(
        (point.seed, point.pool.len(), point.metrics.ties, point.metrics.pauc),
        (0, 2, Ties::Zero, Some(0.2))
    );
    assert_eq!(experiment.expect.len(), 2);
    let spoken = experiment.points.iter().filter(|p| experiment.expect[0].speaks_of(p)).count();
    assert_eq!(spoken, experiment.points.iter().filter(|p| p.seed == 0).count());
}

#[test]
fn mix_and_generalization_are_maps_that_sweep_by_path() {
    let mix = "mix: { table: mimii_dg, noise: { folder: { root: noise, pattern: \"{machine}/{*}.wav\", \
               defaults: { split: train } } } }\n";
    let sweep = "sweep:\n  mix.snr_db: [-6, 0.5, { n-lv: { L1: 3 } }]\n  mix.types: [ [A], [A, B], { attribute: f-n } ]\n  \
                 generalization.source_values: [1, { vel: [6, 10] }]\n";
    let experiment = with(&format!("{mix}generalization: {{ target_clips: 3 }}\n{sweep}"));
    assert_eq!(experiment.points.len(), 18);
    assert_eq!(labels(&experiment)[0], ["-6", "A", "1"]);
    let point = &experiment.points[17];
    let mix = point.mix.as_ref().expect("it mixes");
    let written = serde_json::json!({
        "table": "mimii_dg", "snr_db": { "n-lv": { "L1": 3.0 } }, "snr_offset_db": 0.0, "types": { "attribute": "f-n" },
        "gain_db": 0.0, "seed": 0,
    });
    let mut told = serde_json::to_value(mix).unwrap();
    let noise = told.as_object_mut().unwrap().remove("noise").expect("a source");
    assert_eq!((told, &noise["folder"]["root"]), (written, &"specs/noise".into()));
    let chosen = serde_json::json!({ "target_clips": 3, "source_values": { "vel": ["6", "10"] }, "draw": 0 });
    assert_eq!(serde_json::to_value(&point.generalization).unwrap(), chosen);
    // What the file does not say, a sweep or `--set` may say alone; and data that are mixed stay as
    // they are.
    assert_eq!(with("sweep: { generalization.target_clips: [0, 3] }\n").points.len(), 2);
    let set = resolved(SOUND, &["mix.table=mimii_dg", "generalization.target_clips=2"]);
    assert_eq!(
        (set.points[0].mix.is_some(), set.points[0].generalization.target_clips),
        (true, Some(2))
    );
    // Noise is a variant: another one takes its place.
    let noise = |sets: &[&str]| {
        let text = format!("{SOUND}mix: {{ snr_db: 0, noise: {{ factory: {{ clips: 5 }} }} }}\n");
        let point = resolved(&text, sets).points.swap_remove(0);
        serde_json::to_value(point.mix.expect("it mixes").noise).unwrap()
    };
    assert_eq!(noise(&["mix.noise.factory.seed=3"])["factory"]["clips"], 5);
    let folder = noise(&[
        "mix.noise.folder.root=there",
        "mix.noise.folder.pattern='{machine}_{split}_{*}.wav'",
    ]);
    assert!(folder.get("factory").is_none() && folder["folder"]["root"] == "there", "{folder}");
    let with_and_without =
        "sweep: { mix: [ ~, { table: mimii_dg } ], generalization.draw: [0, 1] }\n";
    let both = with(&format!("generalization: {{ target_clips: 1 }}\n{with_and_without}"));
    assert_eq!(both.points.iter().filter(|p| p.mix.is_none()).count(), 2);
    let mix = "mix: { table: mimii_dg }\n";
    let real =
        "data: { dcase: { root: there } }\nfeatures: { log_mel: {} }\ndetector: { autoencoder: {} }\n".to_owned();
    let (plain, louder) =
        (resolved(&(real.clone() + mix), &[]), resolved(&(real + mix), &["mix.snr_db=[0, 6]"]));
    assert!(plain.points[0].mix.is_none() && plain.notes.len() == 1, "{:?}", plain.notes);
    assert!(louder.points.iter().all(|p| p.mix.is_some()) && louder.notes.is_empty());
}

#[test]
fn the_file_names_what_has_no_name_and_null_is_absent() {
    let experiment = with("sweep:\nexpect:\nquestion:\nmetrics:\n");
    assert_eq!(experiment.name, "load-shift");
    assert_eq!((experiment.points.len(), experiment.points[0].seed), (1, 0));
    assert!(experiment.points[0].settings.is_empty() && experiment.expect.is_empty());
    assert_eq!(experiment.points[0].metrics, Default::default());
}

#[test]
fn the_first_axis_varies_slowest() {
    let experiment = with("sweep: { seed: [5, 6], detector.knn.k: [1, 2, 3] }\n");
    let expected = [["5", "1"], ["5", "2"], ["5", "3"], ["6", "1"], ["6", "2"], ["6", "3"]];
    assert_eq!(labels(&experiment), expected);
}

#[test]
fn a_range_leaves_out_its_end() {
    let seeds = |range: &str| -> Vec<u64> {
        with(&format!("sweep: {{ seed: {{ range: {range} }} }}\n"))
            .points
            .iter()
            .map(|p| p.seed)
            .collect()
    };
    assert_eq!(seeds("[0, 3]"), [0, 1, 2]);
    assert_eq!(seeds("[1, 8, 3]"), [1, 4, 7]);
    // 0.1 + 0.1 + 0.1 is a little more than 0.3: still three steps, and short labels.
    let metrics = "sweep: { seed: { range: [0, 3, 1.0] } }\n";
    assert_eq!(labels(&with(metrics)), [["0"], ["1"], ["2"]]);
}

#[test]
fn aliases_and_merges_are_followed() {
    let text = "data: { synthetic: {} }\nfeatures:\n  log_mel: { <<: &small { mels: 32, hop: 256 }, hop: 128 }\npool: { mean: {} }\n\
        detector: { knn: &k { k: 4 } }\nsweep:\n  detector: [ { knn: *k } ]\n";
    let experiment = resolved(text, &[]);
    let features = serde_json::to_value(&experiment.points[0].features).unwrap();
    assert_eq!(
        (&features["log_mel"]["mels"], &features["log_mel"]["hop"]),
        (&32.into(), &128.into())
    );
    assert_eq!(labels(&experiment), [["knn"]]);
}

#[test]
fn an_axis_into_a_variant_concerns_its_points_alone() {
    let text = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\npool: { mean: {} }\nsweep:\n  \
        detector.knn.k: [1, 5]\n  seed: [0, 1]\n  detector: [ { mahalanobis: {} }, { knn: {} } ]\n";
    let experiment = resolved(text, &[]);
    let points: Vec<String> = experiment
        .points
        .iter()
        .map(|p| p.settings.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "detector=mahalanobis seed=0",
        "detector=knn detector.knn.k=1 seed=0",
        "detector=mahalanobis seed=1",
        "detector=knn detector.knn.k=1 seed=1",
        "detector=knn detector.knn.k=5 seed=0",
        "detector=knn detector.knn.k=5 seed=1",
    ];
    assert_eq!(points, expected);
    let pools = "data: { synthetic: {} }\nfeatures: { log_mel: {} }\ndetector: { knn: {} }\nsweep:\n  \
        pool: [ { mean: {} }, [ { mean: {} }, { gwrp: {} } ] ]\n  pool.gwrp.decay: [0.5, 0.9]\n";
    assert_eq!(
        labels(&resolved(pools, &[])),
        [vec!["mean"], vec!["mean+gwrp", "0.5"], vec!["mean+gwrp", "0.9"]]
    );
}

#[test]
fn a_detector_of_frames_needs_no_pool() {
    let text =
        "data: { synthetic: {} }\nfeatures: { log_mel: {} }\ndetector: { autoencoder: {} }\n";
    assert!(resolved(text, &[]).points[0].pool.is_empty());
}

#[test]
fn paths_start_from_the_file_that_names_them() {
    let rest = "features: { log_mel: {} }\npool: { mean: {} }\n";
    let root =
        |p: &humshift::spec::Point| p.data.member().root().expect("files").display().to_string();
    let roots = |more: &str, sets: &[&str]| -> Vec<String> {
        resolved(&format!("{rest}{more}"), sets).points.iter().map(root).collect()
    };
    let data = "detector: { knn: {} }\ndata: { dcase: { root: ../clips } }\n";
    assert_eq!(roots(data, &[]), ["specs/../clips"]);
    assert_eq!(roots(data, &["data.dcase.root=here"]), ["here"]);
    assert_eq!(
        roots(&format!("{data}sweep: {{ data.dcase.root: [a, /b] }}\n"), &[]),
        ["specs/a", "/b"]
    );
    let folders = "detector: { knn: {} }\nsweep: { data: [ { dcase: { root: a } }, { dcase: { root: b } } ] }\n";
    assert_eq!(roots(folders, &[]), ["specs/a", "specs/b"]);
    assert_eq!(
        labels(&resolved(&format!("{rest}{folders}"), &[])),
        [["dcase root=a"], ["dcase root=b"]]
    );
    let weights =
        "data: { synthetic: {} }\ndetector: { autoencoder: { weights: ae.safetensors } }\n";
    let detector = &resolved(&format!("{rest}{weights}"), &[]).points[0].detector;
    assert_eq!(detector.member().weights().map(|(_, path)| path), Some("specs/ae.safetensors"));
}

#[test]
fn sections_keep_their_zeros() {
    let text = "data: { dcase: { root: x, sections: [00, 01] } }\nfeatures: { log_mel: {} }\npool: { mean: {} }\ndetector: { knn: {} }\n";
    let data = serde_json::to_value(&resolved(text, &[]).points[0].data).unwrap();
    assert_eq!(data["dcase"]["sections"], serde_json::json!(["00", "01"]));
}

#[test]
fn set_changes_and_sweeps() {
    assert_eq!(
        labels(&resolved(SOUND, &["detector.knn.k=[1, 5]", "seed={range: [0, 2]}"])).len(),
        4
    );
    let experiment = resolved(&format!("{SOUND}sweep: {{ seed: [1, 2, 3] }}\n"), &["seed=7"]);
    assert_eq!(
        (experiment.points.len(), experiment.points[0].seed, experiment.axes.len()),
        (1, 7, 0)
    );
    let experiment = resolved(SOUND, &["metrics=[pauc]", "name=other"]);
    assert_eq!((experiment.name.as_str(), experiment.points[0].metrics.auc), ("other", false));
    // Later ones win.
    assert_eq!(resolved(SOUND, &["seed=1", "seed=2"]).points[0].seed, 2);
}

#[test]
fn set_may_leave_an_exclusion_or_expectation_without_points() {
    let text = format!(
        "{SOUND}sweep: {{ seed: [1, 2], exclude: [ {{ seed: 2 }} ] }}\nexpect: [ {{ metric: auc, where: {{ seed: 1 }}, at_least: 0.5 }} ]\n"
    );
    assert_eq!(resolved(&text, &[]).points.len(), 1);
    let experiment = resolved(&text, &["sweep.seed=[3]"]);
    assert!(experiment.points.iter().all(|p| !experiment.expect[0].speaks_of(p)));
}

#[test]
fn base_files_are_merged_across_folders() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("specs")).unwrap();
    std::fs::write(at("root.yaml"), format!("{SOUND}sweep: {{ seed: [1, 2] }}\n")).unwrap();
    std::fs::write(
        at("specs/base.yaml"),
        "extends: ../root.yaml\nfeatures: { log_mel: { mels: 32 } }\n",
    )
    .unwrap();
    std::fs::write(
        at("specs/top.yaml"),
        "extends: base.yaml\nfeatures: { log_mel: { hop: 99 } }\nseed: 4\n",
    )
    .unwrap();
    let experiment = load(&at("specs/top.yaml"), &[]).unwrap();
    assert_eq!(
        (experiment.name.as_str(), experiment.points.len(), experiment.points[0].seed),
        ("top", 1, 4)
    );
    let features = serde_json::to_value(&experiment.points[0].features).unwrap();
    assert_eq!(
        (&features["log_mel"]["mels"], &features["log_mel"]["hop"]),
        (&32.into(), &99.into())
    );
    assert_eq!(load(Path::new(&at("specs/base.yaml")), &[]).unwrap().points.len(), 2);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the time it takes is what is tested")]
fn large_sweeps_are_resolved_in_milliseconds() {
    let time = |text: &str, points: usize| -> Duration {
        let took = (0..5).map(|_| {
            let start = Instant::now();
            assert_eq!(resolved(text, &[]).points.len(), points);
            start.elapsed()
        });
        took.min().expect("five times")
    };
    let small = time(SOUND, 1);
    let large =
        time(&format!("{SOUND}sweep: {{ detector.knn.k: {{ range: [1, 3334] }} }}\n"), 3_333);
    let crossed = time(
        &format!(
            "{SOUND}sweep: {{ seed: {{ range: [0, 100] }}, detector.knn.k: {{ range: [1, 101] }} }}\n"
        ),
        10_000,
    );
    eprintln!("one point {small:?}, 3333 points {large:?}, 100 x 100 points {crossed:?}");
    // The bounds leave room for a busy machine: a quiet one takes a fifth or less.
    assert!(small < Duration::from_millis(5), "{small:?}");
    assert!(large < Duration::from_millis(50), "{large:?}");
    assert!(crossed < Duration::from_millis(100), "{crossed:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_size_of_a_sweep_is_the_product_of_its_axes(seeds in 1u64..12, ks in 1u64..12, mels in 1u64..6) {
        let text = format!(
            "{SOUND}sweep:\n  seed: {{ range: [0, {seeds}] }}\n  detector.knn.k: {{ range: [1, {}] }}\n  \
             zip: [ {{ features.log_mel.mels: {{ range: [8, {}] }}, features.log_mel.hop: {{ range: [16, {}] }} }} ]\n",
            ks + 1, mels + 8, mels + 16,
        );
        prop_assert_eq!(resolved(&text, &[]).points.len() as u64, seeds * ks * mels);
    }

    /// Order of keys, comments, layout and spelled-out defaults mean nothing.
    #[test]
    fn the_same_meaning_resolves_to_the_same(order in Just([0usize, 1, 2, 3, 4]).prop_shuffle(), spelled in any::<[bool; 4]>()) {
        let pick = |i: usize, short: &'static str, long: &'static str| if spelled[i] { long } else { short };
        let parts = [
            "data: { synthetic: {} }\n",
            pick(0, "features: { log_mel: { mels: 128 } }\n", "features:\n  # the baselines\'\n  log_mel:\n    hop: 512\n    mels: 128\n    frame: 1024\n"),
            pick(1, "pool: { mean: {} }\n", "pool:\n  mean:\n"),
            pick(2, "detector: { knn: {} }\n", "detector: { \"knn\": { k: 1 } } # one\n"),
            pick(3, "seed: 0\n", "metrics: [pauc, auc]\n"),
        ];
        let text: String = order.iter().map(|i| parts[*i]).collect();
        prop_assert_eq!(resolved(&text, &[]), resolved(SOUND, &[]));
    }
}
