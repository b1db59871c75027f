//! `show`: the runs that a cache has recorded.

use std::fs;

use crate::project::{Project, tree};

/// A data set without files, and a sweep.
const SPEC: &str = "\
name: tiny
data:
  synthetic:
    machines: [fan]
    seconds: 0.25
    rate: 8000
    clips: { source_train: 6, target_train: 2, normal: 3, anomaly: 3 }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
sweep:
  detector: [ { knn: { k: 1 } }, { knn: { k: 3 } }, { mahalanobis: {} } ]
  seed: [0, 1]
detector: { knn: {} }
";

/// Two runs of one experiment, and one of another with fewer settings.
fn project() -> Project {
    let project = Project::with(SPEC);
    project.run("run spec.yaml --quiet").done();
    let other = SPEC.replace("name: tiny", "name: other").replace("{ knn: { k: 3 } }, ", "");
    project.write("other.yaml", other);
    project.run("run other.yaml --quiet").done();
    project.run("run spec.yaml --quiet --set features.log_mel.mels=8").done();
    project
}

/// The text without times and digests, of which there are `runs`.
fn timeless(project: &Project, text: &str) -> String {
    let shown = project.run("show --json").done().json();
    let mut text = text.to_owned();
    for (number, run) in shown["runs"].as_array().expect("a list").iter().enumerate() {
        let of = |key: &str| run[key].as_str().expect("a text").to_owned();
        text = text
            .replace(&of("recorded"), "0000-00-00 00:00")
            .replace(&of("run"), &format!("RUN-{number:04}"));
    }
    text
}

#[test]
fn runs_are_shown_with_their_best_settings_and_nothing_is_made() {
    let project = project();
    let files = || tree(&project.cache()).into_keys().collect::<Vec<_>>();
    let before = files();
    let shown = project.run("show").done();
    insta::assert_snapshot!("show", timeless(&project, &shown.stdout));
    assert_eq!((shown.stderr.as_str(), files()), ("", before));
    let json = project.run("show tiny --json").done().json();
    let runs = json["runs"].as_array().expect("a list");
    assert_eq!(
        (runs.len(), &runs[0]["points"], &runs[0]["complete"]),
        (2, &6.0.into(), &"yes".into())
    );
    // The number is that of the report.
    let best = runs[0]["best"].as_f64().expect("a number");
    let report = project
        .run(&format!("report tiny@{}", runs[0]["run"].as_str().expect("a digest")))
        .done()
        .stdout;
    assert!(report.contains(&format!("**{:.2}**", 100.0 * best)), "{best} in {report}");
    let csv = project.run("show --format csv --sort best --top 2").done().stdout;
    assert_eq!(
        (csv.lines().count(), csv.lines().next()),
        (3, Some("experiment,run,recorded,points,stages,complete,number,best,settings"))
    );
    project.run("show --cache nowhere").done();
    assert!(!project.path("nowhere").exists());
}

#[test]
fn points_are_filtered_sorted_and_cut() {
    let project = project();
    let points = project.run("show tiny --points --sort auc_target --top 4").done().stdout;
    insta::assert_snapshot!("show_points", timeless(&project, &points));
    let knn = project
        .run("show tiny --points --where detector=knn --where seed=1 --format csv")
        .done()
        .stdout;
    assert_eq!(knn.lines().count(), 1 + 2 * 2, "{knn}");
    assert!(
        knn.lines()
            .next()
            .is_some_and(|header| header.starts_with("experiment,run,detector,official,")),
        "{knn}"
    );
    let reverse =
        project.run("show tiny --points --sort auc_target --reverse --json").done().json();
    assert!(
        reverse["points"][0]["AUC target"].as_f64() <= reverse["points"][1]["AUC target"].as_f64()
    );
    // Of the runs those stay that have the value.
    let with = project.run("show --where detector=mahalanobis --format csv").done().stdout;
    assert_eq!(with.lines().count(), 4, "{with}");
    let told = [
        "--sort offical",
        "--where detektor=knn",
        "--where detector=knm",
        "tinny",
        "tiny@0000",
        "spec.yaml",
    ];
    let told = told.map(|arguments| {
        format!("show {arguments}\n{}", project.run(&format!("show {arguments}")).exits(2).stderr)
    });
    insta::assert_snapshot!("show_mistakes", told.join("\n"));
}

#[test]
fn a_damaged_document_is_told_and_the_others_are_shown() {
    let project = project();
    let (name, path) = tree(&project.cache().join("runs"))
        .into_iter()
        .find(|(name, _)| name.starts_with("tiny"))
        .expect("a run");
    let text = fs::read_to_string(&path).expect("a document");
    fs::write(&path, text.replacen("\"points\"", "\"pointz\"", 1)).expect("a file");
    let shown = project.run("show --format csv").done();
    assert_eq!(shown.stdout.lines().count(), 3, "{}", shown.stdout);
    assert!(
        shown.stderr.contains(&name) && shown.stderr.contains("is left out: it is damaged"),
        "{}",
        shown.stderr
    );
    fs::write(&path, text).expect("a file");
    // A document is shown by its path as well, and one that is not whole has no number.
    let shown = project.run(&format!("show {}", path.display())).done().stdout;
    assert!(shown.contains("| tiny"), "{shown}");
    let empty = Project::with(&SPEC.replace("[0, 1]", "[0]"));
    empty.run("run spec.yaml --quiet --only dataset/*").done();
    let shown = empty.run("show --format csv").done().stdout;
    assert!(shown.lines().skip(1).all(|line| line.contains(",no,")), "{shown}");
}
