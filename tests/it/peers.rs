//! Scores of other programs as data: they stand in the same tables, with the same numbers as
//! `evaluate` gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::oracle;
use crate::project::{Output, Project};
use crate::sounds;

/// Our own run, with decisions.
const OWN: &str = "\
name: own
data: { dcase: { root: data } }
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
detector: { knn: { k: 1 } }
threshold: { quantile: { percentile: 0.5 } }
";
/// The scores of two systems, of which `own_1_b` has worse ones.
const PEERS: &str = "\
name: peers
data: { scores: { root: others, protocol: dcase2022 } }
sweep: { data.scores.system: [own_1, own_1_b] }
";
const SCORES: &str = "others/teams/own/own_1";
/// The row of a tidy report with the official score of a point.
const OFFICIAL: &str = "     official";
const FAN: &str = "anomaly_score_fan_section_00_test.csv";

/// A run of ours whose scores another program has handed in, and a worse system beside it.
fn project() -> Project {
    let project = Project::with(OWN);
    project.write_all(&sounds::data_set());
    project.run("run spec.yaml --quiet").done();
    project.run("report spec.yaml --submission others").done();
    for entry in fs::read_dir(project.path(SCORES)).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        if name.starts_with("anomaly_score_") {
            // Every third clip has another score.
            let worse = |(n, line): (usize, &str)| match n % 3 {
                0 => format!("{},{n}\n", line.split(',').next().unwrap()),
                _ => format!("{line}\n"),
            };
            let text: String = text.lines().enumerate().map(worse).collect();
            project.write(&format!("others/teams/own/own_1_b/{name}"), text);
        }
    }
    project.write("peers.yaml", PEERS);
    project
}

/// Values of a tidy report by machine, section, domain, attribute, its value and metric, of the
/// points whose line has these words at its end.
fn values(csv: &str, end: &str) -> BTreeMap<String, String> {
    let rows = csv.lines().skip(1).filter(|line| line.ends_with(end));
    let row = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[1..7].join(" "), fields[7].to_owned())
    };
    rows.map(row).collect()
}

#[test]
fn our_scores_by_way_of_files_give_our_table() {
    let project = project();
    let run = project.run("run peers.yaml").done();
    assert!(run.ran().contains("submission/fan/00/system=own_1"), "{}", run.stderr);
    let ours = values(&project.run("report own --format csv").done().stdout, "");
    let csv = project.run("report peers --format csv").done().stdout;
    let theirs = values(&csv, ",own_1");
    assert!(theirs.len() >= 4 * (3 + 6 + 2), "{csv}");
    for (row, value) in &theirs {
        assert_eq!(ours.get(row), Some(value), "{row}");
    }
    // Tables beside recordings tell of the microphone, which no file of scores does.
    let more = ours.keys().filter(|row| !theirs.contains_key(*row));
    let of_own = |row: &&String| !row.contains(" mic ") && !row.ends_with(" threshold");
    assert_eq!(more.filter(of_own).collect::<Vec<_>>(), [] as [&String; 0]);
    // The other system has no decisions.
    let worse = values(&csv, ",own_1_b");
    assert!(!worse.is_empty() && !worse.keys().any(|row| row.ends_with(" f1")), "{csv}");
    // Every form of a report has both.
    for form in ["md", "json", "latex", "html"] {
        let text = project.run(&format!("report peers --format {form}")).done().stdout;
        assert!(text.contains("own_1_b") || text.contains("own\\_1\\_b"), "{form}: {text}");
    }
    let show = project.run("show").done().stdout;
    assert!(show.contains("peers") && show.contains("own"), "{show}");
}

#[test]
fn numbers_are_those_of_evaluate_to_the_last_digit() {
    let project = project();
    project.run("run peers.yaml --quiet").done();
    let csv = project.run("report peers --format csv").done().stdout;
    for (system, folder) in [("own_1", SCORES), ("own_1_b", "others/teams/own/own_1_b")] {
        same_as_evaluate(&project, &csv, system, &format!("{folder} --protocol dcase2022"));
    }
}

/// Compares the numbers of a system in a tidy report with those of `evaluate`. Their count.
fn same_as_evaluate(project: &Project, csv: &str, system: &str, arguments: &str) -> usize {
    let found = values(csv, &format!(",{system}"));
    let found = if found.is_empty() { values(csv, "") } else { found };
    let json = project.run(&format!("evaluate {arguments} --json")).done().json();
    let mut compared = 0;
    for machine in json["machines"].as_array().unwrap() {
        for section in machine["sections"].as_array().unwrap() {
            for (metric, value) in section["metrics"].as_object().unwrap() {
                let (name, domain) = match metric.split_once('_') {
                    Some((name, domain)) => (name, domain),
                    None => (metric.as_str(), ""),
                };
                // Since 2022 the tables have a pAUC over both domains, and an AUC of each.
                if name == "pauc" && !domain.is_empty() || metric == "auc" {
                    continue;
                }
                let (machine, section) =
                    (machine["machine"].as_str().unwrap(), &section["section"]);
                let row = format!("{machine} {} {domain}   {name}", section.as_str().unwrap());
                let number = found.get(&row).unwrap_or_else(|| panic!("{row} of {found:?}"));
                assert_eq!(number.parse::<f64>().unwrap(), value.as_f64().unwrap(), "{row}");
                compared += 1;
            }
        }
    }
    assert!(compared > 0, "{json}");
    compared
}

#[test]
fn our_run_is_compared_with_theirs_clip_by_clip() {
    let project = project();
    project.run("run peers.yaml --quiet").done();
    project.write("one.yaml", PEERS.replace("peers", "one").replace("own_1, own_1_b", "own_1"));
    project.run("run one.yaml --quiet").done();
    let json = project.run("diff own one --clips --json").done().json();
    let row = &json["results"][0];
    assert_eq!((&row["difference"], &row["sections"]), (&0.0.into(), &4.into()), "{json}");
    assert_eq!(json["clips"]["compared"], 48, "{json}");
    assert_eq!(json["clips"]["changed"], Value::Array(vec![]), "{json}");
    // Recordings lie in other folders, and names of other programs hide the attributes.
    for entry in fs::read_dir(project.path(SCORES)).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        let hide = |text: String, velocity| text.replace(velocity, "_noAttribute.");
        let hidden = ["_vel_10.", "_vel_12.", "_vel_17."].into_iter().fold(text, hide);
        fs::write(entry.path(), hidden).unwrap();
    }
    project.run("run one.yaml --quiet").done();
    let json = project.run("diff own one --clips --json").done().json();
    assert_eq!(json["clips"]["compared"], 48, "{json}");
    // Data that hide attributes may count their clips anew. The same number is then of another clip.
    for entry in fs::read_dir(project.path(SCORES)).unwrap().flatten() {
        if entry.file_name().to_string_lossy().contains("_fan_section_00_") {
            let text = fs::read_to_string(entry.path()).unwrap();
            fs::write(entry.path(), text.replace("_normal_0002_", "_normal_0077_")).unwrap();
        }
    }
    project.run("run one.yaml --quiet").done();
    let json = project.run("diff own one --clips --json").done().json();
    assert_eq!(json["clips"]["compared"], 36, "{json}");
    let note = "fan 00: 12 clips of A and 12 clips of B, because";
    assert!(json["clips"]["notes"][0].as_str().unwrap().starts_with(note), "{json}");
    // Each of their systems is compared with each setting of ours.
    project.write("many.yaml", OWN.replace("own", "many") + "sweep: { detector.knn.k: [1, 2] }\n");
    project.run("run many.yaml --quiet").done();
    let json = project.run("diff many peers --json").done().json();
    assert_eq!(json["results"].as_array().unwrap().len(), 4, "{json}");
    assert_eq!((&json["only_in_a"], &json["only_in_b"]), (&json["only_in_b"], &json["only_in_a"]));
}

#[test]
fn ours_and_theirs_are_rows_of_one_table() {
    let project = project();
    let both = "\
name: both
sweep:
  data: [ { dcase: { root: data } }, { scores: { root: others/teams/own/own_1_b } } ]
  detector: [ { knn: {} }, { mahalanobis: {} } ]
  seed: [0, 1]
features: { log_mel: { frame: 256, hop: 128, mels: 16 } }
pool: { mean: {} }
threshold: { quantile: { percentile: 0.5 } }
expect: [ { metric: official, where: { detector: knn }, at_least: 0 } ]
";
    project.write("both.yaml", both);
    let check = project.run("check both.yaml").done();
    // Scores of others have neither detector nor seed, so they are one point.
    assert!(check.stdout.contains("ok, 5 points"), "{}", check.stdout);
    assert!(check.stderr.contains("`quantile` needs the scores of training clips"), "{check:?}");
    project.run("run both.yaml --quiet").done();
    let top = project.run("report both --top 1").done().stdout;
    assert!(top.contains("mahalanobis") || top.contains("knn") || top.contains("scores"), "{top}");
    let csv = project.run("report both --format csv").done().stdout;
    assert!(csv.lines().any(|line| line.ends_with(",scores,,")), "{csv}");
    project.run("report both --compare").done();
}

#[test]
fn only_scores_that_changed_are_judged_again() {
    let project = project();
    project.run("run peers.yaml --quiet").done();
    // Another folder, another order of rows, other names of files: the same scores.
    let text = fs::read_to_string(project.path(&format!("{SCORES}/{FAN}"))).unwrap();
    let turned: Vec<&str> = text.lines().rev().collect();
    project.write(&format!("{SCORES}/{FAN}"), turned.join("\r\n"));
    project.rename("others", "elsewhere");
    project.edit("peers.yaml", "root: others", "root: elsewhere");
    assert_eq!(project.run("run peers.yaml").done().ran().len(), 0);
    let line = text.lines().next().unwrap();
    let (clip, _) = line.split_once(',').unwrap();
    let changed = text.replace(line, &format!("{clip},99"));
    project.write(&format!("elsewhere/teams/own/own_1/{FAN}"), changed);
    let ran = project.run("run peers.yaml").done().ran();
    let expected = ["metrics/fan/00/system=own_1", "submission/fan/00/system=own_1"];
    assert_eq!(ran.into_iter().collect::<Vec<_>>(), expected);
}

/// What `check` says of `peers.yaml`.
fn told(project: &Project) -> Output {
    let output = project.run("check peers.yaml").exits(2);
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
    output
}

#[test]
fn faults_of_files_are_told_before_anything_runs() {
    let project = project();
    project.write("peers.yaml", PEERS.replace("own_1, own_1_b", "own_1"));
    let whole = fs::read_to_string(project.path(&format!("{SCORES}/{FAN}"))).unwrap();
    let first = whole.lines().next().unwrap().to_owned();
    let (clip, _) = first.split_once(',').unwrap();
    for (text, code, word) in [
        (whole.replace(&first, &format!("{clip},NaN")), "E0803", "line 1: `NaN`"),
        (format!("{whole}{first}\n"), "E0803", "more than one row of"),
        (whole.replace("section_00_", "section_01_"), "E0804", "clips of another section"),
        (whole.replace("_normal_", "_unknown_"), "E0803", "`unknown`"),
    ] {
        project.write(&format!("{SCORES}/{FAN}"), text);
        let output = told(&project);
        assert!(output.stderr.contains(code) && output.stderr.contains(word), "{}", output.stderr);
    }
    project.write(&format!("{SCORES}/{FAN}"), &whole);
    // A truth that knows more clips and more sections than the scores have.
    let truth = |file: &str, rows: &str| {
        for folder in ["ground_truth_data", "ground_truth_domain"] {
            project.write(&format!("truth/{folder}/ground_truth_{file}_test.csv"), rows);
        }
    };
    let names = whole.lines().map(|line| line.split(',').next().unwrap());
    let rows: String = names.enumerate().map(|(n, clip)| format!("{clip},{}\n", n % 2)).collect();
    truth("fan_section_00", &format!("{rows}section_00_source_test_normal_0099.wav,0\n"));
    project.edit("peers.yaml", "protocol: dcase2022", "truth: truth");
    let output = told(&project);
    assert!(output.stderr.contains("lacks 1 clip of the labels of fan 00"), "{}", output.stderr);
    truth("fan_section_00", &rows);
    truth("pump_section_00", &rows);
    let output = told(&project);
    assert!(output.stderr.contains("has no scores for 1 of 2 sections"), "{}", output.stderr);
    assert!(output.stderr.contains("`partial: true` of `data.scores`"), "{}", output.stderr);
    project.edit("peers.yaml", "truth: truth", "truth: truth, partial: true");
    let output = project.run("check peers.yaml").done();
    assert!(output.stdout.contains("fan: 1 section, 12 scores of others"), "{}", output.stdout);
    // Folders that are not here, and systems that are not in them.
    for (old, new, code, word) in [
        ("root: others", "root: nowhere", "E0701", "--set data.scores.root=DIR"),
        ("truth: truth", "truth: nowhere", "E0701", "--set data.scores.truth=DIR"),
        ("[own_1]", "[own_2]", "E0810", "did you mean"),
        ("sweep:", "# sweep:", "E0810", "has scores of 2 systems"),
    ] {
        project.edit("peers.yaml", old, new);
        let output = told(&project);
        assert!(output.stderr.contains(code) && output.stderr.contains(word), "{}", output.stderr);
        project.edit("peers.yaml", new, old);
    }
}

#[test]
fn what_needs_sounds_or_a_model_says_so() {
    let project = project();
    project.run("run peers.yaml --quiet").done();
    for (command, code) in [
        ("dataset write peers.yaml -o out", 2),
        ("score peers fan/00 data/fan/test --where system=own_1", 2),
        ("export peers.yaml fan/00 -o model.safetensors", 2),
    ] {
        let output = project.run(command);
        assert_eq!(output.code, code, "{command}: {}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{command}: {}", output.stderr);
    }
    project.run("report peers --format html -o page.html").done();
    project.run("explain peers.yaml metrics/fan/00/system=own_1 --number pauc").done();
}

/// A spec for the scores of an oracle.
fn spec(root: &Path, more: &str) -> String {
    format!("name: oracle\ndata: {{ scores: {{ root: {}, {more} }} }}\n", root.display())
}

#[test]
fn systems_of_2022_have_the_numbers_of_evaluate() {
    let Some(data) = oracle::data("systems_of_2022_have_the_numbers_of_evaluate") else { return };
    let project = Project::new();
    let mut compared = 0;
    for system in fs::read_dir(data.join("oracles/metrics")).unwrap().flatten() {
        let root = system.path();
        // Networks on machines of 2020 are named by the text before `anomaly_score_`.
        if !root.is_dir() || root.ends_with("mlperf_tiny_toycar") {
            continue;
        }
        project.write("spec.yaml", spec(&root, "protocol: dcase2022"));
        project.run("run spec.yaml --quiet").done();
        let csv = project.report();
        let arguments = format!("{} --protocol dcase2022", root.display());
        compared += same_as_evaluate(&project, &csv, "", &arguments);
    }
    assert!(compared >= 8 * 21 * 3, "{compared}");
    let root = data.join("oracles/metrics/mlperf_tiny_toycar");
    let systems = "sweep: { data.scores.system: [quantized, float] }\n";
    let text = spec(&root, "protocol: dcase2020") + systems;
    project.write("spec.yaml", text);
    let said = project.run("check spec.yaml").exits(2).stderr;
    assert!(said.contains("has no system `quantized`"), "{said}");
}

#[test]
fn submissions_have_their_official_scores() {
    let Some(data) = oracle::data("submissions_have_their_official_scores") else { return };
    let project = Project::new();
    let oracles = data.join("oracles");
    let truth = oracles.join("ground_truth");
    let more = format!("protocol: dcase2022, truth: {}", truth.display());
    let text = spec(&oracles.join("official_score"), &more)
        + "sweep: { data.scores.system: [Xiao_HEU-HIT_task2_1, Xiao_HEU-HIT_task2_2] }\n";
    project.write("spec.yaml", text);
    let run = project.run("run spec.yaml").done();
    assert!(run.stderr.contains("608 of 1200 clips of ToyCar and ToyTrain"), "{}", run.stderr);
    let csv = project.report();
    for (system, expected) in
        [("Xiao_HEU-HIT_task2_1", 0.6639461929735759), ("Xiao_HEU-HIT_task2_2", 0.6653202926501359)]
    {
        let folder = oracles.join("official_score").join(system);
        let arguments =
            format!("{} --protocol dcase2022 --truth {}", folder.display(), truth.display());
        // Three areas, and three numbers of decisions in each domain.
        assert_eq!(same_as_evaluate(&project, &csv, system, &arguments), 21 * (3 + 6));
        let official = &values(&csv, &format!(",{system}"))[OFFICIAL];
        assert_eq!(official.parse::<f64>().unwrap(), expected, "{system}");
    }
}

#[test]
fn systems_of_2025_have_their_published_numbers() {
    let Some(data) = oracle::data("systems_of_2025_have_their_published_numbers") else { return };
    let (oracle, project) = (data.join("oracles/dcase2025"), Project::new());
    let table = fs::read_to_string(oracle.join("per_machine.csv")).unwrap();
    let official = fs::read_to_string(oracle.join("official.csv")).unwrap();
    let systems = ["raw-k1", "ldn-ratio-K1", "conf-soft-m0-ldnK1"];
    let mut compared = 0;
    for (split, column) in [("dev", 1), ("eval", 2)] {
        let list = oracle.join("eval_data_list_2025.csv");
        let truth = match split {
            "eval" => format!(", truth: {}", list.display()),
            _ => String::new(),
        };
        let roots = systems.map(|name| oracle.join(name).join(split).display().to_string());
        let text = format!(
            "data: {{ scores: {{ protocol: dcase2025{truth} }} }}\nsweep: {{ data.scores.root: [{}] }}\n",
            roots.join(", ")
        );
        project.write("spec.yaml", text);
        project.run("run spec.yaml --quiet").done();
        let csv = project.report();
        for row in table.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()) {
            if row[0] != split {
                continue;
            }
            let found = values(&csv, &format!(",{}", row[2]));
            for (name, published) in
                [("source   auc", row[3]), ("target   auc", row[4]), ("   pauc", row[5])]
            {
                let value: f64 = found[&format!("{} 00 {name}", row[1])].parse().unwrap();
                let published: f64 = published.parse().unwrap();
                assert!((100.0 * value - published).abs() < 0.005 + 1e-9, "{row:?} {name} {value}");
                compared += 1;
            }
        }
        for row in official.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()) {
            let found: f64 =
                values(&csv, &format!(",{}", row[0]))[OFFICIAL].parse().expect("a number");
            let published: f64 = row[column].parse().unwrap();
            assert!((100.0 * found - published).abs() < 6e-5, "{row:?}: {found}");
        }
    }
    assert_eq!(compared, 3 * 3 * (7 + 8));
}
