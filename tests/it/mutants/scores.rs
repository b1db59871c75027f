//! Sheets of scores: what is accepted has the areas that a simple count gives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use humshift::evaluate::{Metric, Options, Protocol, compare, evaluate};
use humshift::seed::Rng;

use super::engine::{Breach, Case, Fate, Verdict, folder, hold, wrong};
use super::mutate::{bytes, pick, text};
use super::program::{Program, judged};
use crate::project::Project;

/// The files of a submission, of its truth and of a published table, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The clips of a section: domain, label, score.
const CLIPS: [(&str, &str, f64); 12] = [
    ("source", "normal", 0.1),
    ("source", "normal", 0.2),
    ("source", "normal", 0.35),
    ("target", "normal", 0.3),
    ("target", "normal", 0.6),
    ("target", "normal", 0.45),
    ("source", "anomaly", 0.5),
    ("source", "anomaly", 0.7),
    ("source", "anomaly", 0.2),
    ("target", "anomaly", 0.4),
    ("target", "anomaly", 0.25),
    ("target", "anomaly", 0.9),
];

fn name(number: usize) -> String {
    let (domain, label, _) = CLIPS[number];
    format!("section_00_{domain}_test_{label}_{number:04}.wav")
}

fn lines(value: impl Fn(usize) -> String) -> Vec<u8> {
    (0..CLIPS.len())
        .map(|number| format!("{},{}\n", name(number), value(number)))
        .collect::<String>()
        .into_bytes()
}

fn base(year: Protocol) -> Files {
    let flag = |yes: bool| u8::from(yes).to_string();
    let sheet = "fan_section_00_test.csv";
    let truth = format!("truth/{}", year.name());
    let header = match year {
        Protocol::Dcase2020 => "Section,AUC,pAUC",
        _ => "section,AUC (source),AUC (target),pAUC",
    };
    [
        (format!("scores/anomaly_score_{sheet}"), lines(|n| CLIPS[n].2.to_string())),
        (format!("scores/decision_result_{sheet}"), lines(|n| flag(CLIPS[n].2 > 0.33))),
        (
            format!("{truth}/ground_truth_data/ground_truth_{sheet}"),
            lines(|n| flag(CLIPS[n].1 == "anomaly")),
        ),
        (
            format!("{truth}/ground_truth_domain/ground_truth_{sheet}"),
            lines(|n| flag(CLIPS[n].0 == "target")),
        ),
        ("result.csv".to_owned(), format!("fan\n{header}\n00,0.7,0.6,0.5\n").into_bytes()),
    ]
    .into()
}

/// The files with one or two of them changed, and the year.
pub fn mutant(rng: &mut Rng) -> (Protocol, Files) {
    let year = *pick(rng, &Protocol::ALL);
    let mut files = base(year);
    for _ in 0..=rng.below(2) {
        let paths: Vec<String> = files.keys().cloned().collect();
        // The scores most of all.
        let path = if rng.below(2) == 0 { &paths[1] } else { pick(rng, &paths) };
        let path = if path.contains("score") { path.clone() } else { pick(rng, &paths).clone() };
        let (old, other) = (files[&path].clone(), files[pick(rng, &paths)].clone());
        let changed = if rng.below(3) > 0 {
            text(rng, &String::from_utf8_lossy(&old), "a,1e3;\t\"0,5\"\n").into_bytes()
        } else {
            bytes(rng, &old, &other)
        };
        files.insert(path, changed);
    }
    (year, files)
}

/// Writes the files where nothing was.
pub fn write(files: &Files, root: &Path) {
    let _ = fs::remove_dir_all(root);
    for (path, bytes) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a new folder");
        fs::write(path, bytes).expect("a file");
    }
}

/// The rows of a sheet of two fields, of those clips that are meant: a number a clip.
fn numbers(bytes: &[u8]) -> Result<BTreeMap<String, f64>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut found = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let fields: Vec<&str> = record.iter().map(str::trim).collect();
        let filled = fields.iter().rposition(|field| !field.is_empty()).map_or(0, |last| last + 1);
        let file = fields[0].rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file
            .rsplit_once('.')
            .filter(|(_, end)| end.eq_ignore_ascii_case("wav"))
            .map_or(file, |(stem, _)| stem);
        let Some(Ok(number)) = fields.get(1).map(|field| field.parse::<f64>()) else { continue };
        if filled > 2 {
            return Err(format!("`{}` has more than a clip and a number", fields.join(",")));
        }
        if found.insert(stem.to_owned(), number).is_some() {
            return Err(format!("`{stem}` is there twice"));
        }
    }
    Ok(found)
}

/// Half a point for a tie, one for an anomaly above a normal clip.
pub fn area(normal: &[f64], anomalous: &[f64]) -> f64 {
    let points = |n: f64, a: f64| {
        if a > n {
            1.0
        } else if a == n {
            0.5
        } else {
            0.0
        }
    };
    let all: f64 =
        normal.iter().map(|n| anomalous.iter().map(|a| points(*n, *a)).sum::<f64>()).sum();
    all / (normal.len() * anomalous.len()) as f64
}

/// Scores of the clips for which `which` holds, by their truth: (target, anomalous).
pub fn those(scores: &[(bool, bool, f64)], which: impl Fn(bool, bool) -> bool) -> Vec<f64> {
    scores
        .iter()
        .filter(|(target, anomalous, _)| which(*target, *anomalous))
        .map(|(.., score)| *score)
        .collect()
}

/// What a simple reading of the sheets tells of each clip: whether it is of the target domain,
/// whether it is an anomaly, and its score.
pub fn known(files: &Files, with_truth: bool) -> Result<Vec<(bool, bool, f64)>, Breach> {
    let sheet = |kind: &str| {
        let file = files.iter().find(|(path, _)| path.contains(kind)).expect("every kind is there");
        numbers(file.1).map_err(|why| wrong(format!("{kind} was accepted: {why}")))
    };
    let truth = |kind: &str| if with_truth { sheet(kind) } else { Ok(BTreeMap::new()) };
    let (scores, data, domains) =
        (sheet("anomaly_score")?, truth("ground_truth_data")?, truth("ground_truth_domain")?);
    let mut known = Vec::new();
    for (clip, score) in &scores {
        let named = |word: &str| clip.split('_').any(|token| token == word);
        let flag = |truth: &BTreeMap<String, f64>| truth.get(clip).map(|flag| *flag == 1.0);
        let (target, anomalous) = match with_truth {
            true => (flag(&domains).unwrap_or(named("target")), flag(&data)),
            false => (named("target"), Some(named("anomaly"))),
        };
        let Some(anomalous) = anomalous else {
            return Err(wrong(format!("`{clip}` has no truth and was accepted")));
        };
        known.push((target, anomalous, *score));
    }
    Ok(known)
}

fn one(case: &mut Case, folder: &Path) -> Verdict {
    let (year, files) = mutant(&mut case.rng);
    let (with_truth, with_table) = (case.rng.below(2) == 0, case.rng.below(4) == 0);
    for (path, bytes) in &files {
        case.keep(&path.replace('/', "+"), bytes);
    }
    write(&files, folder);
    let truth = folder.join("truth");
    let options = Options {
        protocol: year,
        truth: with_truth.then_some(truth.as_path()),
        max_fpr: 0.1,
        partial: false,
    };
    case.keep("options.txt", format!("{options:?}\n"));
    let Ok(mut evaluations) = evaluate(&folder.join("scores"), &options) else {
        return Ok(Fate::Refused);
    };
    if with_table {
        // Whether it agrees is not known here.
        let _ = compare(&mut evaluations, &folder.join("result.csv"));
    }
    let known = known(&files, with_truth)?;
    let [evaluation] = &evaluations[..] else { return Err(wrong("there is one submission")) };
    let [section] = &evaluation.sections[..] else { return Err(wrong("there is one section")) };
    if section.normal_clips + section.anomalous_clips != known.len() {
        let found = (section.normal_clips, section.anomalous_clips);
        return Err(wrong(format!("{found:?} clips, the sheet has {}", known.len())));
    }
    let all = those(&known, |_, anomalous| anomalous);
    for (metric, side) in
        [(Metric::Auc, None), (Metric::AucSource, Some(false)), (Metric::AucTarget, Some(true))]
    {
        let Some(found) = section.values.get(&metric) else { continue };
        let of = |target: bool| side.is_none_or(|side| side == target);
        let own = those(&known, |target, anomalous| anomalous && of(target));
        let against = if year.own_anomalies() { &own } else { &all };
        let right = area(&those(&known, |target, anomalous| !anomalous && of(target)), against);
        if (found - right).abs() > 1e-9 {
            return Err(wrong(format!("{metric:?} is {found}, should be {right}")));
        }
    }
    Ok(Fate::Accepted)
}

#[test]
fn score_sheets() {
    let folder = folder();
    hold("scores", 1000, 10, |case| one(case, &folder.path().join("submission")));
}

#[test]
fn score_sheets_of_the_program() {
    let project = Project::new();
    hold("scores-program", 40, 100, |case| {
        let (year, files) = mutant(&mut case.rng);
        for (path, bytes) in &files {
            case.keep(&path.replace('/', "+"), bytes);
        }
        write(&files, &project.dir());
        let more = *pick(
            &mut case.rng,
            &["", "--truth truth", "--compare result.csv", "--partial --json", "--max-fpr 0.5"],
        );
        let command = format!("evaluate scores --protocol {} {more}", year.name());
        case.keep("command.txt", &command);
        judged(&Program::new(&project).run(&command))
    });
}
