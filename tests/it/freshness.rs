//! The contract of the cache: what a change reruns, one row a law.
//!
//! Every row also holds that the plan foresaw it, that the report is the one of an empty cache, and
//! that a further run has nothing to do.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::project::{Project, matches};
use crate::sounds::{self, Form, SPEC};

/// Two detectors, of which one draws.
const SWEEP: &str = "\
name: laws
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { gwrp: { decay: 0.98 } }
sweep:
  detector: [ { knn: { k: 1 } }, { isolation_forest: { trees: 5 } } ]
metrics: [auc, pauc]
";

/// Generated sounds in generated noise.
const MIXED: &str = "\
name: laws
data:
  synthetic:
    machines: [fan]
    seconds: 0.25
    rate: 8000
    clips: { source_train: 6, target_train: 2, normal: 3, anomaly: 3 }
mix: { table: mimii_dg, gain_db: 0 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 3 } }
";

/// One model for all sections of a machine.
const SHARED: &str = "\
name: laws
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
generalization: { scope: machine }
";

/// Everything after the features.
const AFTER: [&str; 4] = ["pooling/*", "training/*", "scoring/*", "metrics/*"];

struct Law {
    name: &'static str,
    spec: &'static str,
    change: fn(&mut Project),
    /// Patterns of the labels that run, none of them idle.
    runs: &'static [&'static str],
}

fn law(
    name: &'static str,
    spec: &'static str,
    change: fn(&mut Project),
    runs: &'static [&'static str],
) -> Law {
    Law { name, spec, change, runs }
}

/// Everything a section consists of.
const FAN_00: &[&str] = &["*/fan/00*"];

fn words() -> Vec<Law> {
    vec![
        law("running_again_reruns_nothing", SWEEP, |_| {}, &[]),
        law(
            "a_comment_reruns_nothing",
            SPEC,
            |p| p.edit("spec.yaml", "name:", "# why\nname:"),
            &[],
        ),
        law(
            "renaming_the_experiment_reruns_nothing",
            SPEC,
            |p| p.edit("spec.yaml", "laws", "rules"),
            &[],
        ),
        law(
            "renaming_the_file_reruns_nothing",
            SPEC,
            |p| {
                fs::copy(p.path("spec.yaml"), p.path("b.yaml"))
                    .map(|_| {
                        p.spec("extends: b.yaml\n");
                    })
                    .unwrap()
            },
            &[],
        ),
        law(
            "a_question_reruns_nothing",
            SPEC,
            |p| p.edit("spec.yaml", "laws\n", "laws\nquestion: Why?\n"),
            &[],
        ),
        law(
            "an_expectation_reruns_nothing",
            SPEC,
            |p| {
                p.edit("spec.yaml", "laws\n", "laws\nexpect: [ { metric: auc, at_least: 0.0 } ]\n");
            },
            &[],
        ),
        law(
            "reordering_yaml_reruns_nothing",
            SPEC,
            |p| {
                let text = fs::read_to_string(p.path("spec.yaml")).unwrap();
                let lines: Vec<&str> = text.lines().rev().collect();
                p.spec(
                    &lines.join("\n").replace(
                        "frame: 256, hop: 128, mels: 16",
                        "mels: 16, frame: 256, hop: 128",
                    ),
                );
            },
            &[],
        ),
        law(
            "writing_out_defaults_reruns_nothing",
            SPEC,
            |p| {
                p.edit("spec.yaml", "mels: 16", "mels: 16, power: 2, scale: slaney, fmin: 0.0");
                p.edit("spec.yaml", "k: 1", "k: 1, metric: euclidean");
                p.edit("spec.yaml", "root: data", "root: data, channel: mean, attributes: both");
                p.edit(
                    "spec.yaml",
                    "laws\n",
                    "laws\nseed: 0\nmetrics: [ auc: { ties: half }, pauc: { max_fpr: 0.1 } ]\n",
                );
            },
            &[],
        ),
        law(
            "a_list_of_one_pool_is_the_pool",
            SPEC,
            |p| p.edit("spec.yaml", "{ mean: {} }", "[ { mean: {} } ]"),
            &[],
        ),
        law(
            "choosing_a_machine_reruns_nothing",
            SPEC,
            |p| {
                p.edit("spec.yaml", "root: data", "root: data, machines: [valve], sections: [1]");
            },
            &[],
        ),
        law(
            "dropping_a_value_reruns_nothing",
            SWEEP,
            |p| {
                p.edit("spec.yaml", ", { isolation_forest: { trees: 5 } }", "");
            },
            &[],
        ),
        law(
            "a_point_written_alone_reruns_nothing",
            SWEEP,
            |p| {
                p.edit(
                    "spec.yaml",
                    "sweep:\n  detector: [ { knn: { k: 1 } }, { isolation_forest: { trees: 5 } } ]",
                    "detector: { isolation_forest: { trees: 5 } }",
                );
            },
            &[],
        ),
    ]
}

fn settings() -> Vec<Law> {
    vec![
        law(
            "a_ratio_of_noise_reruns_mixing_and_listens_to_no_clip_again",
            MIXED,
            |p| p.edit("spec.yaml", "gain_db: 0", "snr_offset_db: -6"),
            &["mixing/*", "features/*", AFTER[0], AFTER[1], AFTER[2], AFTER[3]],
        ),
        law(
            "a_gain_of_the_mixture_reruns_features",
            MIXED,
            |p| p.edit("spec.yaml", "gain_db: 0", "gain_db: -6"),
            &["features/*", AFTER[0], AFTER[1], AFTER[2], AFTER[3]],
        ),
        law(
            "the_ratios_of_the_table_spelled_out_rerun_nothing",
            MIXED,
            |p| {
                p.edit(
                    "spec.yaml",
                    "gain_db: 0",
                    "snr_offset_db: 0, seed: 0, noise: { factory: { seconds: 0.25, rate: 8000 } }",
                )
            },
            &[],
        ),
        law(
            "fewer_target_clips_rerun_training",
            MIXED,
            |p| p.edit("spec.yaml", "detector:", "generalization: { target_clips: 0 }\ndetector:"),
            &["training/*", "scoring/*", "metrics/*"],
        ),
        law(
            "a_limit_that_nothing_exceeds_gives_the_same_model",
            MIXED,
            |p| p.edit("spec.yaml", "detector:", "generalization: { target_clips: 9 }\ndetector:"),
            &["training/*"],
        ),
        law(
            "changing_k_reruns_training_scoring_and_metrics_of_knn",
            SWEEP,
            |p| p.edit("spec.yaml", "k: 1", "k: 3"),
            &["training/*=knn*", "scoring/*=knn*", "metrics/*=knn*"],
        ),
        law(
            "a_new_seed_reruns_detectors_that_draw",
            SWEEP,
            |p| p.edit("spec.yaml", "laws\n", "laws\nseed: 5\n"),
            &[
                "training/*=isolation_forest*",
                "scoring/*=isolation_forest*",
                "metrics/*=isolation_forest*",
            ],
        ),
        law(
            "a_new_seed_leaves_knn_alone",
            SPEC,
            |p| p.edit("spec.yaml", "laws\n", "laws\nseed: 5\n"),
            &[],
        ),
        law(
            "another_rate_of_false_alarms_reruns_metrics",
            SWEEP,
            |p| {
                p.edit("spec.yaml", "pauc]", "pauc: { max_fpr: 0.2 }]");
            },
            &["metrics/*"],
        ),
        law(
            "other_ties_rerun_metrics",
            SPEC,
            |p| {
                p.edit("spec.yaml", "laws\n", "laws\nmetrics: [ auc: { ties: zero }, pauc ]\n");
            },
            &["metrics/*"],
        ),
        law(
            "a_pool_setting_reruns_pooling_and_below",
            SWEEP,
            |p| p.edit("spec.yaml", "0.98", "0.5"),
            &["pooling/*", "training/*", "scoring/*", "metrics/*"],
        ),
        law(
            "a_feature_setting_reruns_features_and_below",
            SPEC,
            |p| p.edit("spec.yaml", "mels: 16", "mels: 8"),
            &["features/*", "pooling/*", "training/*", "scoring/*", "metrics/*"],
        ),
        law(
            "a_value_more_runs_its_point_alone",
            SWEEP,
            |p| {
                p.edit("spec.yaml", "{ knn: { k: 1 } }", "{ knn: { k: 1 } }, { mahalanobis: {} }");
            },
            &["training/*=mahalanobis", "scoring/*=mahalanobis", "metrics/*=mahalanobis"],
        ),
        law(
            "sweeping_features_shares_what_was_there",
            SPEC,
            |p| {
                p.edit("spec.yaml", "laws\n", "laws\nsweep: { features.log_mel.mels: [8, 16] }\n");
            },
            &["*/mels=8"],
        ),
        law(
            "seeds_share_what_does_not_draw",
            SWEEP,
            |p| p.edit("spec.yaml", "sweep:\n", "sweep:\n  seed: [0, 1]\n"),
            &[
                "training/*/seed=1/*=isolation_forest*",
                "scoring/*/seed=1/*=isolation_forest*",
                "metrics/*/seed=1/*=isolation_forest*",
            ],
        ),
    ]
}

/// The first training clip of fan 00.
fn first() -> String {
    format!("data/{}", sounds::path("fan", "train", "00", "source", "normal", 0))
}

/// A normal test clip of fan 00.
fn test() -> String {
    format!("data/{}", sounds::path("fan", "test", "00", "target", "normal", 1))
}

/// Adds a section of fans, of training or test clips alone.
fn section_02(p: &mut Project, split: &str) {
    let is_model = |path: &&String| path.contains(&format!("fan/{split}/section_00"));
    for path in sounds::data_set().keys().filter(is_model) {
        let path = path.replace("section_00", "section_02");
        p.write(&path, sounds::clip(&path));
    }
}

/// What test clips are for: all but training.
const TEST_CLIPS: &[&str] =
    &["dataset/fan/00", "features/fan/00", "pooling/fan/00", "scoring/fan/00", "metrics/fan/00"];

fn recordings() -> Vec<Law> {
    vec![
        law("moving_the_checkout_reruns_nothing", SPEC, Project::move_away, &[]),
        law(
            "moving_the_recordings_reruns_nothing",
            SPEC,
            |p| {
                p.rename("data", "recordings");
                p.edit("spec.yaml", "root: data", "root: ./recordings/");
            },
            &[],
        ),
        law(
            "touching_files_reruns_nothing",
            SPEC,
            |p| {
                for seconds in [1_000_000_000, 1_700_000_000] {
                    let file = fs::File::options().append(true).open(p.path(&first())).unwrap();
                    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
                    assert_eq!(
                        p.plan().values().filter(|standing| *standing != "cached").count(),
                        0
                    );
                }
            },
            &[],
        ),
        law(
            "replacing_a_file_by_its_copy_reruns_nothing",
            SPEC,
            |p| {
                let bytes = fs::read(p.path(&first())).unwrap();
                p.remove(&first());
                p.write(&first(), bytes);
            },
            &[],
        ),
        law(
            "editing_one_clip_reruns_its_section",
            SPEC,
            |p| p.write(&first(), sounds::clip("other")),
            FAN_00,
        ),
        law(
            "a_training_clip_more_reruns_its_section",
            SPEC,
            |p| {
                let path = sounds::path("fan", "train", "00", "source", "normal", 90);
                p.write(&format!("data/{path}"), sounds::clip(&path));
            },
            FAN_00,
        ),
        law(
            "a_test_clip_more_trains_nothing",
            SPEC,
            |p| {
                let path = sounds::path("fan", "test", "00", "target", "anomaly", 9);
                p.write(&format!("data/{path}"), sounds::clip(&path));
            },
            TEST_CLIPS,
        ),
        law(
            "editing_a_test_clip_trains_nothing",
            SPEC,
            |p| p.write(&test(), sounds::clip("other")),
            TEST_CLIPS,
        ),
        law(
            "another_label_of_a_test_clip_trains_nothing",
            SPEC,
            |p| p.rename(&test(), &test().replace("normal_0001", "anomaly_0077")),
            TEST_CLIPS,
        ),
        law("a_clip_less_reruns_its_section", SPEC, |p| p.remove(&first()), FAN_00),
        law(
            "renaming_a_clip_reruns_its_section",
            SPEC,
            |p| p.rename(&first(), &first().replace("0000", "0100")),
            FAN_00,
        ),
        law(
            "a_section_more_runs_alone",
            SPEC,
            |p| {
                for path in sounds::data_set()
                    .keys()
                    .filter(|path| path.contains("fan") && path.contains("section_00"))
                {
                    let path = path.replace("section_00", "section_02");
                    p.write(&path, sounds::clip(&path));
                }
            },
            &["*/fan/02"],
        ),
        law(
            "a_section_to_test_with_alone_trains_nothing",
            SHARED,
            |p| section_02(p, "test"),
            &["*/fan/02"],
        ),
        law(
            "a_section_to_train_on_concerns_the_machine",
            SHARED,
            |p| section_02(p, "train"),
            // The nearest neighbours of section 01 stay the same, and with them its scores.
            &["*/fan/02", "training/fan", "scoring/fan/*", "metrics/fan/00"],
        ),
        law(
            "another_form_of_a_table_reruns_the_listing",
            SPEC,
            |p| {
                let path = "data/fan/attributes_00.csv";
                let text = fs::read_to_string(p.path(path)).unwrap();
                p.write(path, text.replace('\n', "\r\n"));
            },
            &["dataset/fan/00"],
        ),
        law(
            "an_attribute_of_a_test_clip_trains_nothing_and_leaves_features_alone",
            SPEC,
            |p| {
                let row = sounds::path("fan", "test", "00", "target", "normal", 1);
                p.edit(
                    "data/fan/attributes_00.csv",
                    &format!("{row},mic,far"),
                    &format!("{row},mic,under"),
                );
            },
            &["dataset/fan/00", "scoring/fan/00", "metrics/fan/00"],
        ),
        law(
            "the_same_samples_in_another_file_cut_off_below_features",
            SPEC,
            |p| {
                let mut bytes = fs::read(p.path(&first())).unwrap();
                // A chunk that readers pass over, behind the samples.
                bytes.extend(*b"LIST\x04\0\0\0INFO");
                let length = u32::try_from(bytes.len()).unwrap() - 8;
                bytes[4..8].copy_from_slice(&length.to_le_bytes());
                p.write(&first(), bytes);
            },
            &["dataset/fan/00", "features/fan/00"],
        ),
        law(
            "the_same_samples_in_more_bits_cut_off_below_features",
            SPEC,
            |p| {
                let samples: Vec<f64> =
                    hound::WavReader::new(&fs::read(p.path(&first())).unwrap()[..])
                        .unwrap()
                        .samples::<i16>()
                        .map(|x| f64::from(x.unwrap()) / 32_768.0)
                        .collect();
                p.write(&first(), sounds::wav(&samples, sounds::RATE, Form::Float32));
            },
            &["dataset/fan/00", "features/fan/00"],
        ),
    ]
}

/// Holds the laws of a table against the program.
fn hold(laws: Vec<Law>) {
    let recordings = sounds::data_set();
    for Law { name, spec, change, runs } in laws {
        let mut project = Project::with(spec);
        project.write_all(&recordings);
        let all: BTreeSet<String> = project.plan().into_keys().collect();
        assert_eq!(project.ran(), all, "{name}: the first run");

        change(&mut project);
        let plan = project.plan();
        let expected: BTreeSet<String> = plan
            .keys()
            .filter(|label| runs.iter().any(|run| matches(run, label)))
            .cloned()
            .collect();
        for run in runs {
            assert!(
                expected.iter().any(|label| matches(run, label)),
                "{name}: nothing is called `{run}`: {plan:#?}"
            );
        }
        let ran = project.ran();
        assert_eq!(ran, expected, "{name}");
        for (label, standing) in &plan {
            let foreseen = match standing.as_str() {
                "cached" => !ran.contains(label),
                "will run" => ran.contains(label),
                _ => true,
            };
            assert!(foreseen, "{name}: `{label}` was `{standing}` in the plan");
        }
        assert_eq!(project.report(), project.report_of_an_empty_cache(), "{name}: the report");
        let again = project.run("run spec.yaml --frozen").done();
        assert_eq!(again.ran_in_order(), [""; 0], "{name}: a further run");
    }
}

#[test]
fn words_that_mean_the_same_rerun_nothing() {
    hold(words());
}

#[test]
fn a_setting_reruns_the_first_stage_that_reads_it() {
    hold(settings());
}

#[test]
fn recordings_rerun_their_section() {
    hold(recordings());
}

#[test]
fn a_frozen_run_runs_nothing_and_says_so() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let frozen = project.run("run spec.yaml --frozen").exits(1);
    assert_eq!(frozen.ran().len(), 0);
    assert!(frozen.stderr.contains("24 would have to run"), "{}", frozen.stderr);
    assert!(!project.cache().exists(), "not even a cache is made");
    project.run("run spec.yaml").done();
    project.run("run spec.yaml --frozen").done();
    project.run("run spec.yaml --frozen --set detector.knn.k=2").exits(1);
}

#[test]
fn how_a_run_goes_about_its_work_is_in_no_key() {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    let first = project.run("run spec.yaml --jobs 1 --memory 1G --executor serial").done();
    for options in [
        "--jobs 7",
        "--memory 1",
        "--memory 300G",
        "--executor threads",
        "--executor process",
        "--fail-fast",
    ] {
        let again = project.run(&format!("run spec.yaml {options}")).done();
        assert_eq!((again.ran_in_order().len(), &again.stdout), (0, &first.stdout), "{options}");
    }
    assert_eq!(project.run("run spec.yaml --set detector.knn.k=1").done().ran().len(), 0);
    assert_eq!(
        project.run("run spec.yaml --set detector.knn.k=1 --frozen").done().stdout,
        first.stdout
    );
}
