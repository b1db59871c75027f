//! `evaluate` on real submissions and their published tables, and on real ground truth of every
//! year.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::oracle;
use crate::project::{Output, Project};

fn evaluate(project: &Project, folder: &Path, arguments: &str) -> Output {
    project.run(&format!("evaluate {} --json {arguments}", folder.display()))
}

fn score(run: &Output) -> f64 {
    run.json()["official_score"].as_f64().expect("a number")
}

#[test]
fn official_scores_to_the_last_digit() {
    let Some(data) = oracle::data("official_scores_to_the_last_digit") else { return };
    let (oracles, project) = (data.join("oracles"), Project::new());
    for (team, table, expected) in [
        ("Xiao_HEU-HIT_task2_1", "xiao_1_result.csv", 0.6639461929735759),
        ("Xiao_HEU-HIT_task2_2", "xiao_2_result.csv", 0.6653202926501359),
    ] {
        let table = oracles.join("official_score/official_evaluator_output").join(table);
        let arguments = format!(
            "--protocol dcase2022 --truth {} --compare {}",
            oracles.join("ground_truth").display(),
            table.display()
        );
        let run = evaluate(&project, &oracles.join("official_score").join(team), &arguments).done();
        assert_eq!(score(&run), expected, "{team}");
        assert!(
            run.stderr.contains("for 608 of 1200 clips of ToyCar and ToyTrain"),
            "{}",
            run.stderr
        );
        // 7 machines of 3 sections of 10 numbers and 2 means of 5, 2 means of all, the score
        // itself.
        let comparison = &run.json()["comparison"];
        assert_eq!(comparison["compared"], 7 * (30 + 10) + 10 + 1);
        assert!(
            comparison["rounding"].as_f64().unwrap() < 1e-15
                && comparison["differences"] == Value::Array(vec![])
        );
        assert!(comparison["identical"].as_u64().unwrap() > 7 * 30, "{comparison}");
    }
}

#[test]
fn published_tables_agree_and_the_stale_one_does_not() {
    let Some(data) = oracle::data("published_tables_agree_and_the_stale_one_does_not") else {
        return;
    };
    let (project, mut agree) = (Project::new(), 0);
    for folder in fs::read_dir(data.join("oracles/metrics")).unwrap().flatten().map(|e| e.path()) {
        let tables = fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path());
        for table in tables.filter(|p| p.to_string_lossy().ends_with("result.csv")) {
            let name = table.display().to_string();
            let protocol = if name.contains("mlperf") { "dcase2020" } else { "dcase2022" };
            let run =
                evaluate(&project, &folder, &format!("--protocol {protocol} --compare {name}"));
            if name.contains("MISMATCH") {
                assert!(run.exits(1).stderr.contains("74 of 111 numbers differ"), "{name}");
                continue;
            }
            let json = run.done().json();
            let systems = json["systems"].as_array().cloned().unwrap_or(vec![json]);
            let comparison =
                systems.iter().find_map(|s| s.get("comparison")).expect("a comparison");
            // All but the totals, which have four digits, are the same to the last bit.
            let (compared, same) = (
                comparison["compared"].as_u64().unwrap(),
                comparison["identical"].as_u64().unwrap(),
            );
            assert!(
                compared >= 10 && (compared == same || compared == same + 6),
                "{name}: {comparison}"
            );
            assert_eq!(comparison["differences"], Value::Array(vec![]), "{name}");
            agree += 1;
        }
    }
    assert_eq!(agree, 7 + 3);
}

/// Score files that know the truth: anomalies above normal clips. Rows are in no order, so that
/// pairing by position fails.
fn perfect(
    project: &Project,
    folder: &str,
    truth: &BTreeMap<String, Vec<(String, bool)>>,
) -> PathBuf {
    for (file, clips) in truth {
        let mut clips = clips.clone();
        clips.sort_by_key(|(name, _)| name.bytes().rev().collect::<Vec<u8>>());
        let line = |(n, (clip, anomalous)): (usize, &(String, bool))| {
            format!("{clip},{}\n", f64::from(u8::from(*anomalous)) * 1000.0 + n as f64)
        };
        project.write(
            &format!("{folder}/{file}"),
            clips.iter().enumerate().map(line).collect::<String>(),
        );
    }
    project.path(folder)
}

fn lines(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| line.split(',').map(|field| field.trim().to_owned()).collect())
        .collect()
}

#[test]
fn the_truth_of_every_year_is_read() {
    let Some(data) = oracle::data("the_truth_of_every_year_is_read") else { return };
    let (truth, project) = (data.join("oracles/ground_truth"), Project::new());
    for (year, sections, metrics) in
        [("2021", 21, 4), ("2022", 21, 3), ("2023", 7, 3), ("2024", 9, 3)]
    {
        let mut all = BTreeMap::new();
        for file in
            fs::read_dir(truth.join(format!("dcase{year}/ground_truth_data"))).unwrap().flatten()
        {
            let name =
                file.file_name().into_string().unwrap().replace("ground_truth_", "anomaly_score_");
            all.insert(
                name,
                lines(&file.path())
                    .into_iter()
                    .map(|row| (row[0].clone(), row[1] == "1"))
                    .collect(),
            );
        }
        let folder = perfect(&project, year, &all);
        let arguments = format!("--protocol dcase{year} --truth {}", truth.display());
        let run = evaluate(&project, &folder, &arguments).done();
        assert_eq!(score(&run), 1.0, "{year}");
        let json = run.json();
        let found = json["machines"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|m| m["sections"].as_array().unwrap());
        let found: Vec<&Value> = found.collect();
        assert_eq!(found.len(), sections, "{year}");
        let numbers = found.iter().all(|s| s["metrics"].as_object().unwrap().len() >= metrics);
        assert!(numbers, "{year}");
        // One clip under another name is found, whatever the order.
        let (file, mut clips) = all.pop_first().unwrap();
        clips[7].0 = clips[7].0.replace(".wav", "9.wav");
        perfect(&project, year, &BTreeMap::from([(file, clips)]));
        let run = evaluate(&project, &folder, &arguments).exits(2);
        assert_eq!(run.stderr.matches("error[E0804]").count(), 2, "{}", run.stderr);
    }
}

#[test]
fn scores_under_full_names_are_those_of_their_clips() {
    let Some(data) = oracle::data("scores_under_full_names_are_those_of_their_clips") else {
        return;
    };
    let (truth, project) = (data.join("oracles/ground_truth/dcase2023"), Project::new());
    let mut all = BTreeMap::new();
    for file in fs::read_dir(truth.join("ground_truth_data")).unwrap().flatten() {
        let full = lines(&truth.join("ground_truth_attributes").join(file.file_name()));
        let full: BTreeMap<String, String> =
            full.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
        let name = file
            .file_name()
            .into_string()
            .unwrap()
            .replace("ground_truth_", "anomaly_score_DCASE2023T2");
        let name = name.replace("_test.csv", "_test_seed13711_id(0_)_Eval.csv");
        let clips = lines(&file.path())
            .into_iter()
            .map(|row| (format!("{}.wav", full[&row[0]]), row[1] == "1"));
        all.insert(name, clips.collect());
    }
    let folder = perfect(&project, "teams/one", &all);
    let run =
        evaluate(&project, &folder, &format!("--protocol dcase2023 --truth {}", truth.display()))
            .done();
    assert_eq!(score(&run), 1.0);
}

#[test]
fn the_list_of_2020_is_read() {
    let Some(data) = oracle::data("the_list_of_2020_is_read") else { return };
    let (lists, project) = (data.join("oracles/ground_truth/lists"), Project::new());
    let (mut machine, mut all) = (String::new(), BTreeMap::<String, Vec<(String, bool)>>::new());
    for row in lines(&lists.join("eval_data_list_2020.csv")) {
        match row.as_slice() {
            [name] => machine = name.clone(),
            [clip, _, label] => {
                let file = format!("anomaly_score_{machine}_{}.csv", &clip[..5]);
                all.entry(file).or_default().push((clip.clone(), label == "1"));
            }
            _ => panic!("{row:?}"),
        }
    }
    assert_eq!(all.len(), 6 * 3);
    let folder = perfect(&project, "2020", &all);
    for truth in
        [lists.join("eval_data_list_2020.csv"), lists.clone(), data.join("oracles/ground_truth")]
    {
        let run = evaluate(
            &project,
            &folder,
            &format!("--protocol dcase2020 --truth {}", truth.display()),
        )
        .done();
        assert_eq!(score(&run), 1.0);
    }
}

#[test]
fn the_tables_of_three_systems_of_2025_are_made_again() {
    let Some(data) = oracle::data("the_tables_of_three_systems_of_2025_are_made_again") else {
        return;
    };
    let (folder, project) = (data.join("oracles/dcase2025"), Project::new());
    let (machines, totals) =
        (lines(&folder.join("per_machine.csv")), lines(&folder.join("official.csv")));
    let list = folder.join("eval_data_list_2025.csv");
    // Column of the official score, arguments, machines.
    for (split, column, arguments, count) in [
        ("dev", 1, "--protocol dcase2025".to_owned(), 7),
        ("eval", 2, format!("--protocol dcase2025 --truth {}", list.display()), 8),
        ("eval", 2, format!("--protocol dcase2026 --truth {}", list.display()), 8),
    ] {
        for total in &totals[1..] {
            let system = &total[0];
            let run = evaluate(&project, &folder.join(system).join(split), &arguments).done();
            let percent = |value: &Value| 100.0 * value.as_f64().unwrap();
            assert_eq!(format!("{:.4}", 100.0 * score(&run)), total[column], "{system} {split}");
            let json = run.json();
            let found = json["machines"].as_array().unwrap();
            assert_eq!(found.len(), count);
            for machine in found {
                let row = machines.iter().find(|row| {
                    row[0] == split && machine["machine"] == *row[1] && row[2] == *system
                });
                let metrics = &machine["sections"][0]["metrics"];
                let numbers = ["auc_source", "auc_target", "pauc"].map(|m| percent(&metrics[m]));
                // Theirs have two decimals at most.
                let rounded = numbers.map(|number| format!("{number:.2}").parse::<f64>().ok());
                let row = row.unwrap();
                let theirs = [3, 4, 5].map(|column| row[column].parse::<f64>().ok());
                assert_eq!(rounded, theirs, "{system} {split} {row:?}");
            }
        }
    }
}

#[test]
fn scores_of_2024_are_found_under_any_name_of_their_clips() {
    let Some(data) = oracle::data("scores_of_2024_are_found_under_any_name_of_their_clips") else {
        return;
    };
    let (truth, project) = (data.join("oracles/ground_truth/dcase2024"), Project::new());
    let mut longest = 0;
    // The columns of the table: the name in the test set, with `noAttribute`, with attributes. The
    // last form has neither.
    for form in 0..4 {
        let mut all = BTreeMap::new();
        for file in fs::read_dir(truth.join("ground_truth_data")).unwrap().flatten() {
            let rows = lines(&truth.join("ground_truth_attributes").join(file.file_name()));
            let name = |row: &Vec<String>| {
                let name = row[form.min(row.len() - 1)].trim_end_matches(".wav");
                let name = if form == 3 { row[1].trim_end_matches(".wav") } else { name };
                let end =
                    name.match_indices('_').nth(5).filter(|_| form == 3 && name.contains("_test_"));
                end.map_or(name, |(end, _)| &name[..end]).to_owned()
            };
            longest = longest.max(rows.iter().map(Vec::len).max().unwrap());
            let of: BTreeMap<String, String> =
                rows.iter().map(|row| (row[0].clone(), name(row))).collect();
            let clips = lines(&file.path())
                .into_iter()
                .map(|row| (format!("{}.wav", of[&row[0]]), row[1] == "1"));
            let sheet = file.file_name().into_string().unwrap();
            let sheet = sheet.replace("ground_truth_", "anomaly_score_DCASE2024T2");
            all.insert(sheet.replace("_test.csv", "_test_seed7_id(0_)_Eval.csv"), clips.collect());
        }
        let folder = perfect(&project, &format!("teams/{form}/system"), &all);
        let arguments = format!("--protocol dcase2024 --truth {}", truth.display());
        assert_eq!(score(&evaluate(&project, &folder, &arguments).done()), 1.0, "{form}");
    }
    assert_eq!(longest, 3);
}

#[test]
fn the_table_of_the_evaluators_is_written_as_theirs() {
    let Some(data) = oracle::data("the_table_of_the_evaluators_is_written_as_theirs") else {
        return;
    };
    let (oracles, project) = (data.join("oracles"), Project::new());
    let folder = oracles.join("official_score/Xiao_HEU-HIT_task2_1");
    let truth = oracles.join("ground_truth");
    let arguments = format!("--protocol dcase2022 --truth {} --format evaluator", truth.display());
    let ours = project.run(&format!("evaluate {} {arguments}", folder.display())).done().stdout;
    let theirs = oracles.join("official_score/official_evaluator_output/xiao_1_result.csv");
    let theirs = fs::read_to_string(theirs).unwrap();
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let mut numbers = 0;
    // Theirs ends in an interval of the official score.
    let rest = theirs[ours.len()..].concat();
    assert!(rest.starts_with("official score ci95,,") && rest.matches(',').count() == 2, "{rest}");
    for (line, other) in ours.iter().zip(&theirs) {
        // Their own means of a domain are of other numbers than their titles say.
        if line.starts_with("source harmonic")
            || line.starts_with("target harmonic")
            || line.starts_with("\"source")
            || line.starts_with("\"target")
        {
            continue;
        }
        let (cells, others) = (line.split(','), other.trim_end().split(','));
        assert_eq!(cells.clone().count(), others.clone().count(), "{line}\n{other}");
        for (cell, other) in cells.zip(others) {
            match (cell.parse::<f64>(), other.parse::<f64>()) {
                (Ok(a), Ok(b)) => {
                    assert!((a - b).abs() <= 1e-15, "{line}\n{other}");
                    numbers += 1;
                }
                _ => assert_eq!(cell, other),
            }
        }
    }
    assert_eq!(numbers, 7 * (3 * 11 + 2 * 5) + 2 * 5 + 1);
}
