use serde_json::json;

use super::super::systems::testing::results;
use super::*;

type Numbers<'a> = &'a [(&'a str, &'a str, &'a [Option<f64>])];

/// Compares runs that sweep `k` and have a constant `mels`.
fn compared(a: (Numbers, u32), b: (Numbers, u32)) -> Diff {
    let made = [a.0, b.0].map(|numbers| results("detector.knn.k", numbers));
    let settings = [(a, &made[0]), (b, &made[1])].map(|((_, mels), results)| {
        let of = |point: &PointResults| {
            let k: u64 = point.settings["detector.knn.k"].parse().unwrap();
            let seed: u64 = point.settings["seed"].parse().unwrap();
            json!({"detector": {"knn": {"k": k}}, "features": {"mels": mels}, "seed": seed})
        };
        results.points.iter().map(of).collect::<Vec<_>>()
    });
    let axes = [a.0, b.0].map(|numbers| {
        let mut labels: [Vec<String>; 2] = Default::default();
        for (k, seed, _) in numbers {
            for (labels, label) in labels.iter_mut().zip([k, seed]) {
                if !labels.contains(&(*label).to_owned()) {
                    labels.push((*label).to_owned());
                }
            }
        }
        let [k, seed] = labels;
        vec![("detector.knn.k".to_owned(), k), ("seed".to_owned(), seed)]
    });
    let side = |i: usize| Side {
        name: ["A", "B"][i],
        results: &made[i],
        settings: &settings[i],
        axes: &axes[i],
    };
    diff(side(0), side(1), By::Official)
}

#[test]
fn points_with_the_same_settings_are_compared_section_by_section() {
    let found = compared(
        (
            &[
                ("1", "0", &[Some(0.5), Some(0.6), Some(0.7)]),
                ("3", "0", &[Some(0.5), Some(0.5), Some(0.5)]),
            ],
            64,
        ),
        (
            &[
                ("3", "0", &[Some(0.5), Some(0.5), Some(0.5)]),
                ("1", "0", &[Some(0.6), Some(0.7), Some(0.8)]),
                ("5", "0", &[None; 3]),
            ],
            128,
        ),
    );
    assert_eq!(found.pairs.iter().map(|pair| pair.points).collect::<Vec<_>>(), [[0, 1], [1, 0]]);
    let first = found.rows[0].difference.unwrap();
    assert!((first.mean - 0.1).abs() < 1e-12 && first.count == 3, "{first:?}");
    assert_eq!(
        (found.rows[0].settings.as_slice(), found.rows[1].difference.unwrap().mean),
        (&["1".to_owned()][..], 0.0)
    );
    assert_eq!(found.only, [vec![], vec!["k=5, seed=0".to_owned()]]);
    let paths: Vec<&str> = found.settings.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(paths, ["detector.knn.k", "features.mels"]);
    assert_eq!(found.settings[1].values, ["64", "128"]);
    let text = found.document(false).markdown();
    for line in [
        "| features.mels  | 64   | 128     |",
        "|   1 | 58.88 | 69.04 | **+10.00** | +10.00 | +10.00 |",
        "|   3 | 50.00 | 50.00 |       0.00 |   0.00 |   0.00 |",
        "1 point is only in B:\n\n* k=5, seed=0\n",
        "Of 2 settings 1 became better, 0 worse; the interval leaves out zero in 1 and 0 of them.",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn seeds_are_averaged_and_one_section_has_no_interval() {
    let found = compared(
        (&[("1", "0", &[Some(0.5)]), ("1", "1", &[Some(0.7)])], 64),
        (&[("1", "1", &[Some(0.8)]), ("1", "0", &[Some(0.6)])], 64),
    );
    assert_eq!((found.rows.len(), found.rows[0].pairs), (1, 2));
    let difference = found.rows[0].difference.unwrap();
    assert!((difference.mean - 0.1).abs() < 1e-12 && difference.interval.is_none());
    let text = found.document(false).markdown();
    assert!(
        text.contains("one section gives no interval")
            && text.contains("The settings are the same."),
        "{text}"
    );
}

#[test]
fn what_one_run_sweeps_and_the_other_states_is_the_same_setting() {
    let made = results("detector.knn.k", &[("1", "0", &[Some(0.5)]), ("3", "0", &[Some(0.6)])]);
    let mut single = results("other", &[("x", "0", &[Some(0.7)])]);
    (single.points[0].settings, single.axes) = Default::default();
    let of = |k: u64| json!({"detector": {"knn": {"k": k}}, "seed": 0});
    let axes = [("detector.knn.k".to_owned(), vec!["1".to_owned(), "3".to_owned()])];
    let a = Side { name: "A", results: &made, settings: &[of(1), of(3)], axes: &axes };
    let b = Side { name: "B", results: &single, settings: &[of(3)], axes: &[] };
    let found = diff(a, b, By::Official);
    assert_eq!(found.pairs.iter().map(|pair| pair.points).collect::<Vec<_>>(), [[1, 0]]);
    assert_eq!(
        found.settings,
        [Setting { path: "detector.knn.k".into(), values: ["1, 3".into(), "3".into()] }]
    );
}

#[test]
fn signs_stand_before_differences_that_are_shown_as_some() {
    assert_eq!(["+1.50", "−0.10", "0.00"], [0.015, -0.001, -0.000_01].map(text::signed));
}
