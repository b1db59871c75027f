//! AUC, pAUC and their means against published result tables, to the last bit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use humshift::metric::{
    SectionMetrics, Ties, arithmetic_mean, auc, harmonic_mean, official_score, pauc,
};

use crate::oracle;

/// The rows of a CSV without regard to their lengths.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn scores(path: &Path) -> Vec<(String, f64)> {
    rows(path).into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect()
}

/// Scores of the clips whose names contain all of `words`.
fn of(scores: &[(String, f64)], words: &[&str]) -> Vec<f64> {
    scores
        .iter()
        .filter(|(name, _)| words.iter().all(|w| name.contains(w)))
        .map(|(_, score)| *score)
        .collect()
}

/// The numbers of one section in the order of the published columns: by domain where there are
/// domains.
fn metrics(scores: &[(String, f64)]) -> Vec<f64> {
    let (normals, anomalies) = (of(scores, &["normal_"]), of(scores, &["anomaly_"]));
    let against_all = |normals: &[f64]| auc(normals, &anomalies, Ties::Half).unwrap();
    let mut values = if scores[0].0.contains("_source_") {
        vec![
            against_all(&of(scores, &["_source_", "normal_"])),
            against_all(&of(scores, &["_target_", "normal_"])),
        ]
    } else {
        vec![against_all(&normals)]
    };
    values.push(pauc(&normals, &anomalies, 0.1).unwrap());
    values
}

/// Every difference between a published `result.csv` and what the scores beside it give, and the
/// number of values compared.
fn differences(table: &Path, prefix: &str) -> (Vec<String>, usize) {
    let (mut machine, mut sections, mut found, mut compared) =
        (String::new(), Vec::new(), Vec::new(), 0);
    for row in rows(table) {
        let numbers: Vec<f64> = row.iter().skip(1).map_while(|x| x.parse().ok()).collect();
        let ours: Vec<f64> = match row[0].as_str() {
            name if row.len() == 1 => {
                machine = name.to_owned();
                sections.clear();
                continue;
            }
            id if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
                let file = ["section", "id"].iter().flat_map(|word| {
                    ["", "_test"]
                        .map(|end| format!("{prefix}anomaly_score_{machine}_{word}_{id}{end}.csv"))
                });
                let paths: Vec<PathBuf> = file.map(|name| table.with_file_name(name)).collect();
                sections.push(metrics(&scores(
                    paths.iter().find(|p| p.exists()).expect("scores beside the table"),
                )));
                sections.last().unwrap().clone()
            }
            "arithmetic mean" | "Average" => columns(&sections, arithmetic_mean),
            "harmonic mean" => columns(&sections, harmonic_mean),
            _ => continue,
        };
        assert!(numbers.len() >= ours.len(), "{row:?}");
        compared += ours.len();
        for (theirs, ours) in
            numbers.iter().zip(&ours).filter(|(theirs, ours)| theirs.to_bits() != ours.to_bits())
        {
            found.push(format!("{machine} {}: published {theirs}, computed {ours}", row[0]));
        }
    }
    (found, compared)
}

fn columns(sections: &[Vec<f64>], mean: impl Fn(&[f64]) -> Option<f64>) -> Vec<f64> {
    let column = |i: usize| sections.iter().map(|s| s[i]).collect::<Vec<_>>();
    (0..sections[0].len()).map(|i| mean(&column(i)).unwrap()).collect()
}

#[test]
fn published_tables_recompute_with_difference_zero() {
    let Some(data) = oracle::data("published_tables_recompute_with_difference_zero") else {
        return;
    };
    let mut systems = 0;
    for entry in fs::read_dir(data.join("oracles/metrics")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        for prefix in ["", "tflite_", "tflite_quant_"] {
            let table = folder.join(format!("{prefix}result.csv"));
            if !table.exists() {
                continue;
            }
            let (found, compared) = differences(&table, prefix);
            if name.starts_with("MISMATCH_") {
                assert!(found.len() > 9, "{name}: a stale table agrees: {found:?}");
            } else {
                // 7 machines of 3 sections and 2 means, 3 columns; or 4 ids and a mean, 2 columns.
                assert_eq!(
                    compared,
                    if name.starts_with("mlperf") { 10 } else { 105 },
                    "{name} {prefix}"
                );
                assert!(found.is_empty(), "{name} {prefix}: {found:#?}");
                systems += 1;
            }
        }
    }
    assert_eq!(systems, 7 + 3);
}

#[test]
fn official_scores_of_real_submissions_are_those_of_the_evaluator() {
    let Some(data) = oracle::data("official_scores_of_real_submissions_are_those_of_the_evaluator")
    else {
        return;
    };
    let truth = data.join("oracles/ground_truth/dcase2022");
    for (team, expected) in
        [("Xiao_HEU-HIT_task2_1", 0.6639461929735759), ("Xiao_HEU-HIT_task2_2", 0.6653202926501359)]
    {
        let mut sections = Vec::new();
        for machine in ["ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"] {
            for section in ["03", "04", "05"] {
                let flags = |folder: &str| {
                    let file = format!(
                        "ground_truth_{folder}/ground_truth_{machine}_section_{section}_test.csv"
                    );
                    rows(&truth.join(file))
                        .into_iter()
                        .map(|r| (r[0].clone(), r[1] == "1"))
                        .collect::<BTreeMap<_, _>>()
                };
                let (anomalous, target) = (flags("data"), flags("domain"));
                let file = format!(
                    "oracles/official_score/{team}/anomaly_score_{machine}_section_{section}.csv"
                );
                let scores = scores(&data.join(file));
                let of = |wanted: &dyn Fn(&str) -> bool| {
                    scores
                        .iter()
                        .filter(|(name, _)| wanted(name))
                        .map(|(_, s)| *s)
                        .collect::<Vec<_>>()
                };
                let (normals, anomalies) = (of(&|n| !anomalous[n]), of(&|n| anomalous[n]));
                let of_domain = |is_target| of(&|n| !anomalous[n] && target[n] == is_target);
                sections.push(SectionMetrics {
                    auc_source: auc(&of_domain(false), &anomalies, Ties::Half).unwrap(),
                    auc_target: auc(&of_domain(true), &anomalies, Ties::Half).unwrap(),
                    pauc: pauc(&normals, &anomalies, 0.1).unwrap(),
                });
            }
        }
        assert_eq!(official_score(&sections), Some(expected), "{team}");
    }
}
