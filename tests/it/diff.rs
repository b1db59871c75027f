//! `diff`: two runs against each other.

use std::collections::BTreeMap;
use std::fs;

use crate::project::{Project, tree};
use crate::sounds;

const SPEC: &str = "\
name: laws
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: {} }
sweep: { detector.knn.k: [1, 2] }
threshold: { quantile: { percentile: 0.5 } }
";

/// Two runs that differ in one constant and in one value of the sweep, and their names, the older
/// first.
fn project() -> (Project, [String; 2]) {
    let project = Project::with(SPEC);
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml --quiet").done();
    let digests = || -> Vec<String> {
        let files = tree(&project.cache().join("runs/laws"));
        files.into_keys().map(|name| name.trim_end_matches(".json").to_owned()).collect()
    };
    let first = digests();
    project
        .run("run spec.yaml --quiet --set features.log_mel.mels=8 --set detector.knn.k=[2,3]")
        .done();
    let second =
        digests().into_iter().find(|digest| !first.contains(digest)).expect("a second run");
    let names = [first[0].clone(), second].map(|digest| format!("laws@{}", &digest[..8]));
    (project, names)
}

/// The text with `A` and `B` for the names of the runs, which are as long as each other.
fn nameless(text: &str, [a, b]: &[String; 2]) -> String {
    text.replace(a, "A============").replace(b, "B============")
}

#[test]
fn settings_results_and_points_of_two_runs() {
    let (project, names) = project();
    let [a, b] = &names;
    let files = || tree(&project.cache()).into_keys().collect::<Vec<_>>();
    let before = files();
    let diff = project.run(&format!("diff {a} {b}")).done();
    insta::assert_snapshot!("diff", nameless(&diff.stdout, &names));
    assert_eq!((diff.stderr.as_str(), files()), ("", before));
    // The numbers are those of the reports, and the interval is that of SciPy's `ttest_rel`,
    // section by section.
    let json = project.run(&format!("diff {a} {b} --by auc_source --json")).done().json();
    let of = |run: &str| -> BTreeMap<String, f64> {
        let csv = project.run(&format!("report {run} --format csv --where k=2")).done().stdout;
        let rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let rows = rows.filter(|row| row[3..7] == ["source", "", "", "auc"]);
        rows.map(|row| (format!("{} {}", row[1], row[2]), row[7].parse().expect("a number")))
            .collect()
    };
    let (left, right) = (of(a), of(b));
    let differences: Vec<f64> =
        left.iter().map(|(section, value)| right[section] - value).collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let deviation =
        (differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / (n - 1.0)).sqrt();
    let row = &json["results"][0];
    let number = |key: &str| row[key].as_f64().expect("a number");
    assert_eq!(
        (row["sections"].as_u64(), json["results"].as_array().map(Vec::len)),
        (Some(4), Some(1))
    );
    assert!((number("difference") - mean).abs() < 1e-12);
    // t(0.975, 3) of SciPy.
    let half = 3.1824463052837078 * deviation / n.sqrt();
    assert!(
        (number("low") - (mean - half)).abs() < 1e-12
            && (number("high") - (mean + half)).abs() < 1e-12
    );
    assert_eq!((&json["only_in_a"][0], &json["only_in_b"][0]), (&"k=1".into(), &"k=3".into()));
}

#[test]
fn clips_that_changed_sides_are_those_whose_decisions_differ() {
    let (project, names) = project();
    let [a, b] = &names;
    let decisions = |run: &str, k: usize, folder: &str| -> BTreeMap<String, String> {
        project.run(&format!("report {run} --submission {folder}")).done();
        let files = tree(&project.path(&format!("{folder}/teams/laws/laws_1_{k}"))).into_iter();
        let files = files.filter(|(name, _)| name.starts_with("decision_result_"));
        let lines = files.flat_map(|(name, path)| {
            let text = fs::read_to_string(path).expect("a file");
            let of = |line: &str| {
                line.split_once(',').map(|(clip, zero)| (format!("{name} {clip}"), zero.to_owned()))
            };
            text.lines().filter_map(of).collect::<Vec<_>>()
        });
        lines.collect()
    };
    let (left, right) = (decisions(a, 2, "left"), decisions(b, 2, "right"));
    assert_eq!((left.len(), right.len()), (48, 48));
    let changed = left.iter().filter(|(clip, decision)| right[*clip] != **decision).count();
    assert!(changed > 0, "the test says nothing");
    let diff = project.run(&format!("diff {a} {b} --clips")).done().stdout;
    assert!(diff.contains(&format!("{changed} of 48 decisions changed.")), "{diff}");
    let json = project.run(&format!("diff {a} {b} --clips --json")).done().json();
    let clips = json["clips"]["changed"].as_array().expect("a list");
    assert_eq!(clips.len(), changed);
    for clip in clips {
        let above = [0, 1].map(|i| clip["scores"][i].as_f64() > clip["thresholds"][i].as_f64());
        assert!(above[0] != above[1], "{clip}");
        let name = clip["clip"].as_str().expect("a name");
        assert!(name.contains(clip["label"].as_str().expect("a label")), "{clip}");
    }
}

#[test]
fn specs_and_runs_without_anything_to_compare() {
    let (project, names) = project();
    let [a, _] = &names;
    // A spec stands for its run.
    let same = project.run(&format!("diff spec.yaml {a}")).done().stdout;
    assert!(same.contains("Both are the same run"), "{same}");
    let other = project.run("diff spec.yaml laws --by pauc --format csv").done().stdout;
    assert!(other.contains("\nfeatures.log_mel.mels,16,8\n"), "{other}");
    project.write("plain.yaml", SPEC.replace("threshold", "# threshold").replace("laws", "plain"));
    project.run("run plain.yaml --quiet --set data.dcase.machines=[fan] --set data.dcase.sections=[\"00\"]").done();
    let clips = project.run(&format!("diff {a} plain --clips")).done().stdout;
    insta::assert_snapshot!(
        "diff_without_threshold",
        nameless(&clips, &names).replace(&plain(&project), "C=============")
    );
    let told = ["gone.yaml laws", "laws laws@00", "new.yaml laws"];
    project.write("new.yaml", SPEC.replace("laws", "new").replace("mels: 16", "mels: 24"));
    let told = told.map(|arguments| {
        format!("diff {arguments}\n{}", project.run(&format!("diff {arguments}")).exits(2).stderr)
    });
    let told = told.join("\n");
    assert!(told.contains("nothing of `new` has been run with this cache"), "{told}");
    assert!(told.contains("no run, or more than one, is `laws@00`"), "{told}");
}

fn plain(project: &Project) -> String {
    let files = tree(&project.cache().join("runs/plain"));
    let digest = files.into_keys().next().expect("a run");
    format!("plain@{}", &digest[..8])
}

#[test]
fn equal_results_and_mistyped_names_take_one_sentence() {
    let (project, [a, _]) = project();
    let same = project.run(&format!("diff {a} {a}")).done().stdout;
    assert_eq!(
        same,
        format!("# A: {a}, B: {a}\n\nBoth are the same run, `{a}`: nothing differs.\n")
    );
    // Another question of the same numbers is another run.
    project.run("run spec.yaml --quiet --set question=Why?").done();
    let newest = project.run(&format!("diff {a} laws")).done().stdout;
    assert!(newest.contains("All numbers of all 2 points are the same in both runs."), "{newest}");
    assert!(!newest.contains("0.00"), "{newest}");
    let all = project.run(&format!("diff {a} laws --all")).done().stdout;
    assert!(all.contains("0.00"), "{all}");
    let json = project.run(&format!("diff {a} laws --json")).done().json();
    assert_eq!(json["equal"], true);
    for command in [
        "report lwas",
        "show lwas",
        "score lwas fan/00 x.wav",
        "plan lwas",
        "explain lwas@3f scoring",
    ] {
        let told = project.run(command).exits(2).stderr;
        assert!(told.contains("did you mean `laws`?"), "{command}: {told}");
    }
    let told = project.run(&format!("diff {a} law.yaml")).exits(2).stderr;
    assert!(told.contains("there is no file `law.yaml`"), "{told}");
}
