//! What a reviewer asks for: intervals, paired comparisons, settings chosen without the section
//! they are reported for.

use serde_json::Value;

use crate::project::Project;

/// Eight sections without files, three detectors, two seeds of one that draws.
const SPEC: &str = "\
name: tiny
question: Which detector is better?
data:
  synthetic:
    machines: [fan, gearbox, slider, valve]
    sections: 2
    seconds: 0.25
    rate: 8000
    clips: { source_train: 8, target_train: 2, normal: 6, anomaly: 6 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: {} }, { mahalanobis: {} }, { kmeans: { clusters: 5 } } ]
  features.log_mel.mels: [8, 16]
  seed: [0, 1]
";

const INTERVALS: &str = "metrics: [auc, pauc, { intervals: { resamples: 200, level: 0.9 } }]\n";

fn ran(spec: &str) -> Project {
    let project = Project::with(spec);
    project.run("run spec.yaml --quiet").done();
    project
}

#[test]
fn intervals_stand_beside_the_areas() {
    let two = SPEC.replace("gearbox, slider, valve", "valve").replace("sections: 2", "sections: 1");
    let two = two.replace("{ mahalanobis: {} }, ", "");
    let project = ran(&format!("{two}{INTERVALS}"));
    insta::assert_snapshot!(
        "intervals",
        project.run("report spec.yaml --attributes").done().stdout
    );

    let json = project.run("report spec.yaml --json").done().json();
    let rows = json["points"][0]["rows"].as_array().expect("rows");
    let number =
        |row: &Value, key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row}"));
    for row in rows.iter().filter(|row| row.get("value").is_some()) {
        assert!(
            number(row, "low") <= number(row, "value")
                && number(row, "value") <= number(row, "high"),
            "{row}"
        );
    }

    let csv = project.report();
    let header = "point,machine,section,domain,attribute,value_of_attribute,metric,value,";
    assert!(csv.starts_with(header) && csv.lines().all(|l| l.matches(',').count() == 10), "{csv}");
    let of = |metric: &str| {
        csv.lines().filter(|l| l.starts_with(&format!("0,fan,00,source,,,{metric},"))).count()
    };
    assert_eq!((of("auc"), of("auc_low"), of("auc_high")), (1, 1, 1));
    assert!(csv.contains("\n0,fan,00,,,,pauc_low,"), "{csv}");

    // Without them the same areas, from scores that are there already.
    project.edit("spec.yaml", INTERVALS, "");
    let plain = project.run("run spec.yaml").done();
    assert!(plain.ran().iter().all(|label| label.starts_with("metrics/")), "{}", plain.stderr);
    let without: Vec<&str> =
        csv.lines().filter(|l| !l.contains("_low,") && !l.contains("_high,")).collect();
    assert_eq!(project.report().lines().collect::<Vec<_>>(), without);
}

#[test]
fn systems_are_compared_over_the_sections() {
    let project = ran(SPEC);
    insta::assert_snapshot!("compare_all", project.run("report spec.yaml --compare").done().stdout);
    let by_detector = project.run("report spec.yaml --compare=detector --by auc_target").done();
    insta::assert_snapshot!("compare_detector", by_detector.stdout);
    let json =
        project.run("report spec.yaml --compare=detector --by auc_target --json").done().json();
    assert_eq!(
        (json["systems"].as_array().map(Vec::len), json["pairs"].as_array().map(Vec::len)),
        (Some(3), Some(3))
    );
    assert_eq!(
        (&json["sections"][0]["machine"], &json["by"]),
        (&"fan".into(), &"auc_target".into())
    );
    assert_eq!(json["systems"][0]["points"], 4);

    let three = SPEC.replace("fan, ", "").replace("sections: 2", "sections: 1");
    let few = ran(&three).run("report spec.yaml --compare=detector").done().stdout;
    assert!(
        few.contains(
            "3 sections are too few: the smallest p that the signed-rank test can give is 0.25"
        ),
        "{few}"
    );
}

#[test]
fn settings_are_chosen_on_the_other_sections() {
    let project = ran(SPEC);
    insta::assert_snapshot!(
        "select",
        project.run("report spec.yaml --select leave-one-section-out").done().stdout
    );
    let by_pauc =
        project.run("report spec.yaml --select leave-one-section-out --by pauc").done().stdout;
    assert!(
        by_pauc.contains("pAUC on the others") && by_pauc.contains("| official |"),
        "{by_pauc}"
    );
    let json = project.run("report spec.yaml --select leave-one-section-out --json").done().json();
    assert_eq!((&json["settings_tried"], &json["seeds"]), (&6.into(), &2.into()));
    assert_eq!(json["sections"].as_array().map(Vec::len), Some(8));
    let total = |key: &Value| key["official"]["mean"].as_f64().expect("a score");
    // What --compare and the summary say of the best group.
    let report = project.run("report spec.yaml").done().stdout;
    let best = format!("**{:.2}", 100.0 * total(&json["hindsight"]["totals"]));
    assert!(report.contains(&best), "{best} in {report}");
    assert!(total(&json["chosen_on_the_others"]) > 0.0);
}

#[test]
fn settings_are_chosen_by_training_clips_alone() {
    let project = ran(&format!(
        "{SPEC}metrics: [auc, pauc, domain_balance, pseudo_anomalies]
"
    ));
    // Test clips cannot change the choice, but for the veto: the numbers of training clips are
    // those of the table.
    let tidy = project.run("report spec.yaml --format csv").done().stdout;
    for metric in ["domain_balance", "pseudo_anomalies"] {
        let values: Vec<f64> = tidy
            .lines()
            .filter(|line| line.contains(&format!(",{metric},")))
            .map(|line| {
                let after = line.split(&format!(",{metric},")).nth(1).expect("a value");
                after.split(',').next().expect("a value").parse().expect("a number")
            })
            .collect();
        assert_eq!(values.len(), 6 * 2 * 8, "{tidy}");
        assert!(values.iter().all(|value| (0.0..=1.0).contains(value)), "{values:?}");
        let chosen =
            project.run(&format!("report spec.yaml --select {metric} --json")).done().json();
        assert_eq!(chosen["protocol"], metric);
        assert_eq!(chosen["sections"].as_array().map(Vec::len), Some(8));
        assert!(chosen["regret"].as_f64().expect("a number") >= -1e-12);
    }
    let text = project.run("report spec.yaml --select domain_balance").done().stdout;
    assert!(text.contains("Settings chosen by training clips alone"), "{text}");
    assert!(text.contains("Regret against it"), "{text}");
}

#[test]
fn questions_without_an_answer_say_why() {
    let project =
        ran(&SPEC.replace(", gearbox, slider, valve", "").replace("sections: 2", "sections: 1"));
    let told: Vec<String> = [
        "--compare=detektor",
        "--compare=seed",
        "--select leave-one-section-out",
        "--by auc",
        "--set detector={\"knn\":{}} --set features.log_mel.mels=8 --compare",
    ]
    .iter()
    .map(|arguments| {
        format!(
            "{arguments}\n{}",
            project.run(&format!("report spec.yaml {arguments}")).exits(2).stderr
        )
    })
    .collect();
    insta::assert_snapshot!("no_answer", told.join("\n"));
    project.run("report spec.yaml --compare --select leave-one-section-out").exits(2);
    project.run("report spec.yaml --compare --by f1").exits(2);
    // Tables have every form, with all digits.
    let pairs = project.run("report spec.yaml --compare --format csv").done().stdout;
    assert!(
        pairs.contains("\nbetter ranked,worse ranked,difference,rank difference,n,W,p,p (Holm)\n"),
        "{pairs}"
    );
    let means = project.run("report spec.yaml --table means --json").done().stdout;
    let means: serde_json::Value = serde_json::from_str(&means).expect("JSON");
    assert!(means["blocks"][0]["table"]["rows"][0][2].is_f64(), "{means}");
    let latex = project.run("report spec.yaml --format latex").done().stdout;
    assert!(latex.contains("\\toprule") && latex.contains("\\textbf{"), "{latex}");
    // The spec is no axis, wherever it stands.
    project.run("report --compare spec.yaml").done();
}
