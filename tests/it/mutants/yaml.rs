//! Specs: what is accepted means the same as the JSON that another parser makes of it.

use std::fs;
use std::path::Path;

use humshift::seed::Rng;
use humshift::spec::{Experiment, Point, load_text};
use serde_json::Value;

use super::engine::{Case, Fate, Verdict, hold, wrong};
use super::mutate::{NUMBERS, pick, text, tokens};
use super::program::{Program, judged};
use crate::project::{Project, tree};

/// A spec with most words of the language.
const WIDE: &str = "\
name: wide
question: Which of them?
data: { synthetic: { machines: [fan, valve], seconds: 1.5, clips: { source_train: 9, target_train: 2, normal: 3, anomaly: 3 } } }
mix: { snr_db: -6, types: [A, B], noise: { factory: { clips: 9 } }, gain_db: 0.5, seed: 3 }
features: { log_mel: { frame: 512, hop: 256, mels: 32, power: 2, pad: reflect } }
pool: [ { mean: {} }, { gwrp: { decay: 0.9 } } ]
generalization: { target_clips: 2, smote: { ratio: 0.2, neighbours: 3 }, score_normalization: domain }
sweep:
  detector: [ { knn: { k: 1 } }, { gmm: { components: 2, covariance: tied } }, { embedding: { network: { autoencoder: { epochs: 1 } }, backend: { knn: {} } } } ]
  zip: [ { features.log_mel.frame: [512, 1024], features.log_mel.hop: [256, 512] } ]
  seed: { range: [0, 3] }
  exclude: [ { seed: 1, frame: 512 } ]
metrics: [ { auc: { ties: zero } }, { pauc: { max_fpr: 0.2 } } ]
threshold: { gamma: { percentile: 0.9, scores: training } }
expect: [ { metric: auc_source, where: { seed: 0 }, at_least: 0.5, at_most: 1 } ]
";

/// A spec of scores of other programs, with every word that it can have.
const SCORED: &str = "\
name: scored
question: Whose?
data: { scores: { protocol: dcase2022, truth: truth, partial: true } }
sweep:
  data.scores.system: [own_1, teams/own/own_1_b]
  zip: [ { data.scores.root: [mine, ../theirs], data.scores.protocol: [dcase2025, dcase2026] } ]
  exclude: [ { system: own_1, protocol: dcase2026 } ]
metrics: [ { auc: { ties: zero } }, { pauc: { max_fpr: 0.2 } }, { intervals: { resamples: 200 } } ]
threshold: { fixed: { value: 0.5 } }
expect: [ { metric: official, where: { system: own_1 }, at_least: 0.5, at_most: 1 } ]
";

/// Paths for `--set`, and pieces of them.
const PATHS: [&str; 16] = [
    "seed",
    "detector.knn.k",
    "features.log_mel.mels",
    "data.synthetic.clips.normal",
    "pool",
    "sweep.detector",
    "metrics",
    "sweep",
    "expect",
    "",
    ".",
    "a..b",
    "detector.",
    "features.log_mel",
    "name",
    "extends",
];

/// The project's own experiments, and the spec above.
fn bases() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let specs =
        tree(&folder).into_values().filter(|path| path.extension().is_some_and(|e| e == "yaml"));
    let mut texts: Vec<String> =
        specs.map(|path| fs::read_to_string(path).expect("experiments are text")).collect();
    texts.push(WIDE.to_owned());
    texts.iter_mut().for_each(|text| *text = text.replace("extends:", "question:"));
    texts
}

/// A mutant of a spec.
fn mutant(rng: &mut Rng, bases: &[String]) -> String {
    let (base, other) = (pick(rng, bases), pick(rng, bases));
    // The last one needs no recordings.
    let base = if rng.below(2) == 0 { base } else { bases.last().expect("there are some") };
    text(rng, base, other)
}

/// Arguments for `--set`.
fn sets(rng: &mut Rng, bases: &[String]) -> Vec<String> {
    let count = [0, 0, 1, 2][rng.below(4)];
    let set = |rng: &mut Rng| {
        let path = *pick(rng, &PATHS);
        let path = if rng.below(3) == 0 { text(rng, path, WIDE) } else { path.to_owned() };
        let value = match rng.below(3) {
            0 => (*pick(rng, &NUMBERS)).to_owned(),
            1 => {
                let base = pick(rng, bases).clone();
                pick(rng, &tokens(&base)).clone()
            }
            _ => text(rng, "[{ knn: { k: 2 } }, { mahalanobis: {} }]", WIDE),
        };
        format!("{path}{}{value}", if rng.below(20) == 0 { "" } else { "=" })
    };
    (0..count).map(|_| set(rng)).collect()
}

/// The same document as JSON, by a parser that is not the program's, if it has the same meaning in
/// both.
fn as_json(text: &str) -> Option<String> {
    // The libraries do not agree on tags, on merges and on what is no JSON.
    if text.contains(['!', '&', '*']) || text.contains("<<") {
        return None;
    }
    let value: Value = serde_yaml::from_str(text).ok()?;
    value.is_object().then(|| value.to_string())
}

/// All of the points but how they are labelled, which may follow the text, in an order of their
/// own: maps of JSON are sorted here, and the order of a sweep is that of its points.
fn meaning(experiment: &Experiment) -> Vec<String> {
    let of = |point: &Point| {
        let Point {
            settings: _,
            mix_at: _,
            data,
            mix,
            features,
            pool,
            detector,
            generalization,
            metrics,
            threshold,
            seed,
        } = point;
        format!(
            "{data:?} {mix:?} {features:?} {pool:?} {detector:?} {generalization:?} {metrics:?} {threshold:?} {seed}"
        )
    };
    let mut points: Vec<String> = experiment.points.iter().map(of).collect();
    points.sort();
    points.push(format!("{:?} {:?}", experiment.name, experiment.question));
    points
}

/// Where two texts begin to differ, of each a few words.
fn difference(one: &[String], other: &[String]) -> String {
    let Some((one, other)) = one.iter().zip(other).find(|(one, other)| one != other) else {
        return format!("{} points, as JSON {}", one.len() - 1, other.len() - 1);
    };
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let part =
        |text: &str| text.chars().skip(same.saturating_sub(60)).take(100).collect::<String>();
    format!("`{}`, as JSON `{}`", part(one), part(other))
}

fn one(case: &mut Case, bases: &[String]) -> Verdict {
    let text = mutant(&mut case.rng, bases);
    let sets = sets(&mut case.rng, bases);
    case.keep("mutant.yaml", &text);
    case.keep("sets.txt", format!("{sets:?}\n"));
    let experiment = match load_text("mutant.yaml", &text, &sets) {
        Ok(experiment) => experiment,
        Err(diagnostics) => {
            // What is told is told of a place, which must be in the text.
            let told: usize =
                diagnostics.iter().map(|diagnostic| diagnostic.render(false).len()).sum();
            return if told == 0 {
                Err(wrong("it was refused without a word"))
            } else {
                Ok(Fate::Refused)
            };
        }
    };
    if let Some(json) = as_json(&text) {
        case.keep("mutant.json", &json);
        match load_text("mutant.yaml", &json, &sets) {
            Ok(other) if meaning(&other) == meaning(&experiment) => {}
            Ok(other) => return Err(wrong(difference(&meaning(&experiment), &meaning(&other)))),
            Err(diagnostics) => {
                let why: Vec<String> =
                    diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
                return Err(wrong(format!("it is refused as JSON: {}", why.join("; "))));
            }
        }
    }
    Ok(Fate::Accepted)
}

/// Whether the system takes a text as an argument.
fn can_be_argument(text: &str) -> bool {
    !text.contains('\0') && text.len() < 100_000
}

#[test]
fn specs() {
    let bases = bases();
    assert!(load_text("wide.yaml", WIDE, &[]).is_ok(), "{:?}", load_text("wide.yaml", WIDE, &[]));
    hold("yaml", 1500, 4, |case| one(case, &bases));
}

#[test]
fn specs_of_scores() {
    let bases = [WIDE, SCORED].map(str::to_owned);
    let points = load_text("scored.yaml", SCORED, &[]).map(|experiment| experiment.points.len());
    assert!(matches!(points, Ok(3)), "{points:?}");
    hold("yaml-scores", 300, 20, |case| one(case, &bases));
}

#[test]
fn specs_of_the_program() {
    let (project, bases) = (Project::new(), bases());
    hold("yaml-program", 40, 50, |case| {
        let mut bytes = mutant(&mut case.rng, &bases).into_bytes();
        if case.rng.below(4) == 0 {
            bytes = super::mutate::bytes(&mut case.rng, &bytes, WIDE.as_bytes());
        }
        case.keep("mutant.yaml", &bytes);
        project.write("mutant.yaml", &bytes);
        let command = *pick(
            &mut case.rng,
            &["check mutant.yaml", "check mutant.yaml --json", "plan mutant.yaml"],
        );
        let sets: Vec<String> =
            sets(&mut case.rng, &bases).into_iter().filter(|set| can_be_argument(set)).collect();
        let more: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        case.keep("command.txt", format!("{command} {more:?}\n"));
        judged(&Program::new(&project).run_with(command, &more))
    });
}
