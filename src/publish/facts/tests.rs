use serde_json::json;

use super::*;
use crate::artifact::MetricRow;

fn row(machine: &str, section: &str, domain: &str, metric: &str, value: Option<f64>) -> MetricRow {
    MetricRow {
        machine: machine.into(),
        section: section.into(),
        domain: domain.into(),
        attribute: String::new(),
        value_of_attribute: String::new(),
        metric: metric.into(),
        value,
        low: value.map(|x| x - 0.125),
        high: None,
        missing: String::new(),
        note: String::new(),
    }
}

fn results(rows: Vec<MetricRow>) -> Results {
    let settings = [("detector".to_owned(), "knn k=3".to_owned()), ("a.seed".into(), "0".into())];
    let point = PointResults { settings: settings.into(), rows, ..PointResults::default() };
    Results {
        name: "e".into(),
        axes: vec!["detector".into(), "a.seed".into(), "b.seed".into()],
        points: vec![point, PointResults { number: 1, ..PointResults::default() }],
        ..Results::default()
    }
}

#[test]
fn a_point_has_its_settings_and_its_numbers_under_fit_names() {
    let mut odd = row("f\u{1b}n", "00", "", "f1", Some(f64::NAN));
    odd.low = Some(f64::INFINITY);
    let attribute = MetricRow { attribute: "vel".into(), ..row("fan", "00", "", "auc", Some(0.9)) };
    let results = results(vec![
        row("fan", "00", "source", "auc", Some(0.75)),
        row("fan", "00", "target", "auc", None),
        row("fän", "", "", "auc", Some(0.5)),
        odd,
        attribute,
    ]);
    let settings = json!({
        "detector": { "knn": { "k": 3, "metric": "cosine" } }, "a": { "seed": 0 }, "none": null,
        "clips": [1, 2], "share": 0.1,
    });
    let facts = Facts::of(&results, Digest::of(b"run"), &[settings], &[]);
    assert_eq!(facts.points.len(), 1, "a point without results is left out");
    let point = &facts.points[0];
    assert_eq!(point.label, "detector=knn k=3, a.seed=0");
    let settings: Vec<String> =
        point.settings.iter().map(|(path, value)| format!("{path}={value}")).collect();
    assert_eq!(
        settings,
        [
            "detector=knn k=3",
            "a.seed=0",
            "clips=[1,2]",
            "detector.knn.k=3",
            "detector.knn.metric=cosine",
            "share=0.1"
        ]
    );
    let numbers: Vec<&str> = point.numbers.iter().map(|(name, _)| name.as_str()).collect();
    // Means over what cannot be computed are no numbers, nor is what is not finite.
    let odd = key(["auc", "fän"]);
    assert_eq!(
        numbers,
        [
            "mean/auc_source",
            "auc_source/fan/00",
            "auc_source_low/fan/00",
            &*odd,
            &*key(["auc_low", "fän"])
        ]
    );
}

#[test]
fn curves_are_called_by_what_they_are_of() {
    let curves: BTreeMap<String, Vec<f64>> = [("loss".to_owned(), vec![2.0, 1.0])].into();
    let training = |label: &'static str,
                    member: &'static str,
                    sections: &[(&'static str, &'static str)]| Training {
        kind: "training",
        label,
        member,
        sections: sections.to_vec(),
        curves: &curves,
    };
    let trainings = vec![vec![
        training("training/fan/00/seed=0", "", &[("fan", "00")]),
        training("training/fan/seed=0", "model/1", &[("fan", "00"), ("fan", "01")]),
        training("training/fan/seed=1", "model/1", &[("fan", "00"), ("fan", "01")]),
        training("training/../..", "", &[("fan", "00"), ("valve", "00")]),
    ]];
    let results = results(vec![row("fan", "00", "source", "auc", Some(0.75))]);
    let facts = Facts::of(&results, Digest::of(b"run"), &[], &trainings);
    let names: Vec<&str> = facts.points[0].curves.iter().map(|(name, _)| name.as_str()).collect();
    let member = "training_loss/fan/model/1";
    assert_eq!(names, ["training_loss/fan/00", member, &format!("{member}-2"), "training_loss"]);
    let folders: Vec<&str> = facts.stages.iter().map(|stage| stage.folder.as_str()).collect();
    assert_eq!(folders.len(), 4);
    assert!(folders.iter().all(|path| !path.contains("..")), "{folders:?}");
    assert!(folders.contains(&"training/fan/seed=0/model/1"), "{folders:?}");
}
