//! Sheets of scores as the data of a spec: what is accepted has the clips, and in a report the
//! areas, that a simple reading of the sheets gives.

use std::collections::BTreeMap;
use std::path::Path;

use humshift::artifact::{Domain, Label};
use humshift::evaluate::{Options, Protocol, system};
use humshift::seed::Rng;

use super::engine::{Breach, Case, Fate, Verdict, folder, hold, wrong};
use super::mutate::{NUMBERS, pick};
use super::program::{Program, judged};
use super::scores::{Files, area, known, mutant, those, write};
use crate::project::Project;

/// Words beside the data, with a number at its extremes for `@`.
const BESIDE: [&str; 5] = [
    "",
    "metrics: [ auc, pauc, { intervals: { resamples: 100 } } ]\n",
    "metrics: [ auc, { pauc: { max_fpr: @ } } ]\n",
    "metrics: [ auc, pauc, { intervals: { level: @, resamples: 100 } } ]\n",
    "threshold: { fixed: { value: @ } }\n",
];

/// A spec of the scores.
fn spec(rng: &mut Rng, year: Protocol, with_truth: bool) -> String {
    let truth = if with_truth { ", truth: truth" } else { "" };
    let more = *pick(rng, &["", ", partial: true", ", system: scores"]);
    let (beside, number) = (pick(rng, &BESIDE), pick(rng, &NUMBERS));
    let beside = beside.replace('@', number);
    let year = year.name();
    format!("data: {{ scores: {{ root: scores, protocol: {year}{truth}{more} }} }}\n{beside}")
}

fn keep(case: &mut Case, files: &Files) {
    for (path, bytes) in files {
        case.keep(&path.replace('/', "+"), bytes);
    }
}

/// Clips in an order that their names do not matter to.
fn sorted(mut clips: Vec<(bool, bool, f64)>) -> Vec<(bool, bool, f64)> {
    clips.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
    clips
}

/// The clips that a spec gets are those of the sheets.
fn read(case: &mut Case, folder: &Path) -> Verdict {
    let (year, files) = mutant(&mut case.rng);
    let (with_truth, partial) = (case.rng.below(2) == 0, case.rng.below(4) == 0);
    keep(case, &files);
    write(&files, folder);
    let truth = folder.join("truth");
    let truth = with_truth.then_some(truth.as_path());
    let options = Options { protocol: year, truth, max_fpr: 0.1, partial };
    case.keep("options.txt", format!("{options:?}\n"));
    let Ok(found) = system(&folder.join("scores"), None, &options) else {
        return Ok(Fate::Refused);
    };
    let right = sorted(known(&files, with_truth)?);
    let sections: Vec<_> = found.sections.values().collect();
    let [section] = &sections[..] else { return Err(wrong("there is one section")) };
    let mut clips = Vec::new();
    for clip in section.clips.clips() {
        let Some(score) = section.scores.0.get(&clip.id) else {
            return Err(wrong(format!("`{}` has no score and was accepted", clip.id)));
        };
        let (target, anomalous) =
            (clip.domain == Some(Domain::Target), clip.label == Some(Label::Anomaly));
        clips.push((target, anomalous, *score));
    }
    let clips = sorted(clips);
    if clips != right {
        return Err(wrong(format!("the clips are {clips:?}, should be {right:?}")));
    }
    Ok(Fate::Accepted)
}

/// The AUC of each domain in a tidy report; `None` in a row without a number.
fn areas(report: &str) -> Result<BTreeMap<String, Option<f64>>, Breach> {
    let mut found = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(report.as_bytes());
    for record in reader.records() {
        let record = record.map_err(|why| wrong(format!("the report is no CSV: {why}")))?;
        let field = |at: usize| record.get(at).unwrap_or_default();
        if (field(1), field(2), field(4), field(6)) == ("fan", "00", "", "auc") {
            found.insert(field(3).to_owned(), field(7).parse().ok());
        }
    }
    Ok(found)
}

/// The report of a run has the areas of the sheets.
fn run(case: &mut Case, project: &Project) -> Verdict {
    let (year, files) = mutant(&mut case.rng);
    let with_truth = case.rng.below(2) == 0;
    let text = spec(&mut case.rng, year, with_truth);
    keep(case, &files);
    case.keep("spec.yaml", &text);
    write(&files, &project.dir());
    project.spec(&text);
    let program = Program::new(project);
    if judged(&program.run("run spec.yaml"))? == Fate::Refused {
        return Ok(Fate::Refused);
    }
    let report = program.run("report spec.yaml --format csv");
    if judged(&report)? == Fate::Refused {
        return Ok(Fate::Refused);
    }
    let (known, areas) = (known(&files, with_truth)?, areas(&report.stdout)?);
    let anomalous = those(&known, |_, anomalous| anomalous);
    for (domain, side) in [("source", false), ("target", true)] {
        let normal = those(&known, |target, anomalous| !anomalous && target == side);
        let is_known = !normal.is_empty() && !anomalous.is_empty();
        let right = is_known.then(|| area(&normal, &anomalous));
        let Some(found) = areas.get(domain) else {
            return Err(wrong(format!("there is no AUC of {domain}")));
        };
        let is_right = match (found, right) {
            (Some(found), Some(right)) => (found - right).abs() <= 1e-9,
            (None, None) => true,
            _ => false,
        };
        if !is_right {
            return Err(wrong(format!("the AUC of {domain} is {found:?}, should be {right:?}")));
        }
    }
    Ok(Fate::Accepted)
}

#[test]
fn score_sheets_of_a_spec() {
    let folder = folder();
    hold("peers", 500, 20, |case| read(case, &folder.path().join("submission")));
}

#[test]
fn score_sheets_of_whole_runs() {
    let project = Project::new();
    hold("peers-program", 30, 200, |case| run(case, &project));
}
