//! Versions are held by golden rows: whatever makes bytes runs on a tiny fixture, and bytes that
//! move without a raised version fail. Rows are compared exactly, on every machine.
//!
//! `HUMSHIFT_ACCEPT_GOLDEN=1` writes rows for new members and for raised versions into
//! `tests/data/golden.json`. It does not accept moved bytes of the same versions; to start afresh
//! (a changed fixture), delete their rows.

mod families;
mod fixtures;
mod names;
mod rows;
mod scoring;
mod settings;
mod stages;
mod techniques;
mod training;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use humshift::artifact::Channel;
use humshift::detector::{DetectorSpec, EmbedderSpec};
use humshift::feature::FeatureSpec;
use humshift::generalize::{References, ScoreNormalization, Technique};
use humshift::pool::PoolSpec;
use humshift::source::SourceSpec;
use humshift::stage::metrics::{MetricsSpec, Ties};
use humshift::stage::{Generalization, Normalization, StageSpec, Takes, TrainingScores};
use humshift::threshold::ThresholdSpec;
use serde_json::{Value, json};

use self::names::names;
use self::rows::{Row, Rows, compare, write};
use self::settings::settings;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden.json")
}

fn golden() -> BTreeMap<String, Rows> {
    let text = std::fs::read_to_string(path()).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("golden.json is valid")
}

#[test]
fn bytes_change_only_with_their_versions() {
    let accept = std::env::var_os("HUMSHIFT_ACCEPT_GOLDEN").is_some();
    let mut golden = golden();
    let mut wrong = Vec::new();
    let families = [
        ("feature", families::features()),
        ("pool", families::pools()),
        ("detector", families::detectors()),
        ("embedder", families::embedders()),
        ("threshold", families::thresholds()),
        ("sound", families::sounds()),
        ("stage", stages::rows()),
        ("technique", techniques::rows()),
        ("training", training::rows()),
    ];
    golden.retain(|name, _| families.iter().any(|(family, _)| family == name));
    for (family, now) in families {
        let told = compare(now, golden.entry(family.to_owned()).or_default(), accept);
        wrong.extend(told.into_iter().map(|message| format!("{family} {message}")));
    }
    if accept {
        std::fs::write(path(), write(&golden)).expect("the file can be written");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn moved_values_need_a_raised_version() {
    let row = |version, value: f64| Row::of("knn", version, &[value, 0.0]).expect("finite");
    let check = |now: Row, accept| {
        let mut golden: Rows = [("knn".to_owned(), row(2, 2.0))].into();
        let wrong = compare([("knn".to_owned(), Ok(now))].into(), &mut golden, accept);
        (wrong.join("\n"), golden["knn"].versions["knn"])
    };
    let (moved, next) = (2.0 + 2.0 * f64::EPSILON, check(row(2, 2.0), false));
    assert_eq!(next, (String::new(), 2));
    let (told, kept) = check(row(2, moved), false);
    insta::assert_snapshot!(told);
    // Accepting does not take values of the same version, nor a version that was there before.
    assert_eq!((check(row(2, moved), true), kept), ((told, 2), 2));
    assert!(check(row(1, moved), true).0.contains("lowered"));
    assert_eq!(check(row(3, moved), true), (String::new(), 3));
    assert!(check(row(3, 2.0), false).0.contains("its version is raised"));
    let mut more = row(2, moved);
    more.versions.insert("smote".into(), 1);
    assert!(check(more.clone(), false).0.contains("raised") && check(more, true).0.is_empty());
    let mut none = Rows::new();
    assert!(
        compare([("new".to_owned(), Ok(row(1, 1.0)))].into(), &mut none, false)[0]
            .contains("no golden row")
    );
    assert!(none.is_empty());
    assert!(Row::of("knn", 1, &[f64::NAN]).is_err());
}

/// The first word of the rows of a family.
fn first_words(family: &str) -> BTreeSet<String> {
    let rows = golden().remove(family).unwrap_or_default();
    rows.into_keys().map(|name| name.split(' ').next().expect("a word").to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_member_has_a_row() {
    for (family, members) in [
        ("feature", FeatureSpec::NAMES),
        ("pool", PoolSpec::NAMES),
        ("detector", DetectorSpec::NAMES),
        ("embedder", EmbedderSpec::NAMES),
        ("threshold", ThresholdSpec::NAMES),
    ] {
        assert_eq!(first_words(family), set(members), "{family}");
    }
    let stages =
        first_words("stage").into_iter().chain(first_words("technique")).collect::<BTreeSet<_>>();
    assert_eq!(stages, set(&names::<StageSpec>()));
    let rows = golden().remove("stage").unwrap_or_default();
    for code in ["cancel", "response", "convolve", "cut"] {
        assert!(rows.values().any(|row| row.versions.contains_key(code)), "{code}");
    }
    for channel in names::<Channel>() {
        assert!(rows.contains_key(&format!("features channel {channel}")), "{channel}");
    }
    // Scores of other programs are read before anything is planned, and have a stage of their own.
    for name in SourceSpec::NAMES.iter().filter(|name| **name != "scores") {
        let row = &rows[&format!("dataset {name}")];
        assert!(row.versions.contains_key(*name) && row.versions.contains_key("dataset"), "{name}");
    }
}

#[test]
fn every_technique_has_rows() {
    let techniques = techniques::techniques();
    let of = |settings: &Value| -> Generalization {
        serde_json::from_value(settings.clone()).expect("settings")
    };
    let fields = names::<Generalization>();
    assert!(fields.len() > 10, "{fields:?}");
    for field in fields {
        let tried = techniques.iter().any(|settings| settings.get(field).is_some());
        // The plan reads `scope`; no stage does.
        let plan = of(&json!({"scope": "machine"}));
        let plan = field == "scope"
            && [Takes::Frames, Takes::Vectors].iter().all(|t| plan.for_training(*t).is_plain());
        assert!(
            tried || plan,
            "`generalization.{field}` is in no row: add it to golden/techniques.rs"
        );
    }
    let rows = golden().remove("technique").unwrap_or_default();
    for (name, version) in Technique::ALL.map(Technique::version) {
        let held = rows.iter().filter(|(_, row)| row.versions.get(name) == Some(&version));
        let stages: BTreeSet<&str> = held.filter_map(|(row, _)| row.split(' ').next()).collect();
        assert!(
            stages.contains("training") && stages.contains("calibration"),
            "{name}: {stages:?}"
        );
        let scores = |settings: &Value| {
            of(settings).scoring_versions().iter().any(|(technique, _)| *technique == name)
        };
        assert_eq!(stages.contains("scoring"), techniques.iter().any(scores), "{name}: {stages:?}");
    }
    for (field, variants) in [
        ("feature_normalization", names::<Normalization>()),
        ("references", names::<References>()),
        ("score_normalization", names::<ScoreNormalization>()),
    ] {
        for variant in variants {
            let tried = techniques.iter().any(|settings| settings[field] == variant);
            assert!(
                tried,
                "`generalization.{field}: {variant}` is in no row: add it to golden/techniques.rs"
            );
        }
    }
    for scores in names::<TrainingScores>() {
        assert!(
            rows.keys().any(|row| row.starts_with(&format!("calibration {scores} "))),
            "{scores}"
        );
    }
}

#[test]
fn every_metric_has_rows() {
    let tried = stages::metric_settings();
    for field in names::<MetricsSpec>() {
        assert!(
            tried.iter().any(|settings| settings.get(field).is_some()),
            "`{field}` is in no row"
        );
    }
    for ties in names::<Ties>() {
        assert!(
            tried.iter().any(|settings| settings["ties"] == ties),
            "`ties: {ties}` is in no row"
        );
    }
    let rows = golden().remove("stage").unwrap_or_default();
    for settings in tried {
        assert!(rows[&format!("metrics {settings}")].versions.contains_key("metrics"));
    }
}

/// Keys are made of settings: what has no canonical form, such as a null, could not be cached.
#[test]
fn every_member_has_a_key() {
    macro_rules! all {
        ($($name:literal: $family:ty),+) => { $(
            for name in <$family>::NAMES {
                for settings in settings($name, name) {
                    let spec = <$family>::parse(name, &settings).unwrap_or_else(|e| panic!("{name} {settings}: {e:?}"));
                    humshift::canon::of_value(&json!(spec)).unwrap_or_else(|e| panic!("{name} {settings}: {e}"));
                }
            }
        )+ };
    }
    all!(
        "detector": DetectorSpec, "embedder": EmbedderSpec, "feature": FeatureSpec, "pool": PoolSpec,
        "source": SourceSpec, "threshold": ThresholdSpec
    );
}
