//! Decision thresholds of two real challenge submissions, and SciPy's fits behind them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use humshift::metric::Gamma;

use crate::oracle;

const MACHINES: [&str; 7] = ["ToyCar", "ToyTrain", "bearing", "fan", "gearbox", "slider", "valve"];
const SECTIONS: [&str; 3] = ["03", "04", "05"];

fn values(path: &Path) -> BTreeMap<String, f64> {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let pair = |line: &str| {
        line.split_once(',').map(|(name, value)| (name.to_owned(), value.trim().parse().unwrap()))
    };
    text.lines().map(|line| pair(line).unwrap()).collect()
}

/// All sections of a machine, section by section.
fn of_machine(path: impl Fn(&str) -> PathBuf) -> Vec<f64> {
    SECTIONS
        .iter()
        .flat_map(|section| values(&path(section)).into_values().collect::<Vec<_>>())
        .collect()
}

fn range(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)))
}

#[test]
fn every_decision_of_two_submissions_is_made_again() {
    let Some(data) = oracle::data("every_decision_of_two_submissions_is_made_again") else {
        return;
    };
    let oracles = data.join("oracles");
    let fits: serde_json::Value = serde_json::from_str(
        &fs::read_to_string(oracles.join("gamma_threshold/gamma_fits.json")).unwrap(),
    )
    .unwrap();
    let (mut decisions, mut degenerate) = (0, 0);
    for (name, system, team) in [
        ("xiao_1 (GMM-Mix)", "gmm_gwrp_mix", "Xiao_HEU-HIT_task2_1"),
        ("xiao_2 (GMM-SMOTE)", "gmm_gwrp_smote", "Xiao_HEU-HIT_task2_2"),
    ] {
        for machine in MACHINES {
            let own = |set: &'static str| {
                let folder = oracles.join("gamma_threshold").join(set).join(system);
                of_machine(move |section| {
                    folder.join(format!("anomaly_score_{machine}_section_{section}.csv"))
                })
            };
            let sent = |what: &'static str| {
                let folder = oracles.join("official_score").join(team);
                of_machine(move |section| {
                    folder.join(format!("{what}_{machine}_section_{section}.csv"))
                })
            };
            let (training, test) = (own("eval_gmm_train_scores"), own("eval_gmm_test_scores"));
            let (scores, decided) = (sent("anomaly_score"), sent("decision_result"));

            // The unit of the submission's scores; its zero is the smallest training score.
            let ((a, b), (c, d)) = (range(&test), range(&scores));
            let unit = (b - a) / (d - c);
            let scaled: Vec<f64> = training.iter().map(|s| s / unit).collect();
            let least = range(&scaled).0;
            let scaled: Vec<f64> = scaled.iter().map(|s| s - least).collect();
            let fit = Gamma::fit(&scaled).unwrap();
            let threshold = fit.quantile(0.9);

            let expected = &fits[format!("{name}|{machine}")];
            let near = |ours: f64, key: &str| (ours / expected[key].as_f64().unwrap() - 1.0).abs();
            // SciPy itself moves by 1e-5 when the scores move by one last bit: most where there is
            // no maximum to find.
            assert!(
                near(fit.shape, "a") < 2e-5 && near(threshold, "thr") < 2e-5,
                "{name} {machine}: {fit:?}"
            );
            let expected_degenerate = expected["a"].as_f64().unwrap() < 0.4;
            assert_eq!(
                fit.degenerate(&scaled).is_some(),
                expected_degenerate,
                "{name} {machine}: {fit:?}"
            );
            degenerate += usize::from(expected_degenerate);

            for (score, decision) in scores.iter().zip(&decided) {
                assert_eq!(
                    *score > threshold,
                    *decision == 1.0,
                    "{name} {machine}: {score} against {threshold}"
                );
            }
            decisions += scores.len();
        }
    }
    assert_eq!((decisions, degenerate), (8400, 5));
}
