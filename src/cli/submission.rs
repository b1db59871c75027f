//! `humshift report --submission`: scores and decisions in the form of the challenge.
//!
//! Each point of the sweep gets a folder named by its settings; a single point uses the folder
//! itself. It holds `anomaly_score_<machine>_section_<section>_test.csv` with rows of file name and
//! score and, if the spec has a `threshold`, `decision_result_...` with 0 or 1. The baselines write
//! these files, and `humshift evaluate` reads them.

use std::collections::BTreeMap;
use std::path::Path;

use super::cached::Cached;
use super::outputs::{Folder, unwritten};
use super::subject::Subject;
use super::{CliError, output};
use crate::artifact::{MetricTable, Scores};
use crate::stage::Item;
use crate::store::Store;

/// Writes the files of every point.
pub fn write(subject: &Subject, store: &Store, folder: &Path) -> Result<(), CliError> {
    let cache = Cached { subject, store, without: "no submission" };
    let mut written = 0;
    let folders = match subject.head.points.as_slice() {
        [_] => vec![String::new()],
        points => folders(points.iter().map(|point| name(subject.head.settings(point).values())))?,
    };
    let submission = Folder::begin(folder)?;
    // Decisions of an earlier spec with a threshold would be taken for decisions of these scores.
    let mut stale = Vec::new();
    for (point, results) in folders.iter().zip(&subject.plan.results) {
        for (section, node) in results {
            let scores: Scores = cache.artifact(cache.need(*node, Item::Scores)?, Item::Scores)?;
            if let Some((a, b)) = namesakes(&scores) {
                let (machine, section) = (&section.machine, &section.section);
                let message = format!(
                    "no submission: clips `{a}` and `{b}` of {machine} {section} have one file name, which is all that a \
                     submission says of a clip"
                );
                return Err(CliError::usage("E0708", message));
            }
            let metrics: MetricTable = cache.artifact(*node, Item::Metrics)?;
            // Machine ids before 2021 already have a prefix.
            let prefix = if section.section.starts_with("id_") { "" } else { "section_" };
            let about = format!("{}_{prefix}{}_test.csv", section.machine, section.section);
            let decisions = format!("{point}decision_result_{about}");
            save(&submission.place(&format!("{point}anomaly_score_{about}"))?, &scores, |score| {
                score.to_string()
            })?;
            written += 1;
            if let Some(limit) =
                metrics.rows.iter().find(|r| r.metric == "threshold").and_then(|r| r.value)
            {
                let decision = |score: f64| u8::from(score > limit).to_string();
                save(&submission.place(&decisions)?, &scores, decision)?;
                written += 1;
            } else {
                stale.push(decisions);
            }
        }
    }
    submission.finish(&stale)?;
    output::tell(&format!("submission: {written} files in {}", folder.display()));
    Ok(())
}

/// The file name of a clip, which names it in a submission.
fn base(clip: &str) -> &str {
    clip.rsplit('/').next().unwrap_or(clip)
}

/// Two clips with the same file name. Recordings of MIMII differ only in their folders, `normal`
/// and `abnormal`.
fn namesakes(scores: &Scores) -> Option<(&str, &str)> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    scores
        .0
        .keys()
        .find_map(|clip| seen.insert(base(clip), clip).map(|first| (first, clip.as_str())))
}

/// One folder per point, with a `/`, named by the points. Names that differ only in case would be
/// one folder on some systems.
fn folders(names: impl Iterator<Item = String>) -> Result<Vec<String>, CliError> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let folder = |(point, name): (usize, String)| match seen.insert(name.to_lowercase(), point) {
        None => Ok(name + "/"),
        Some(other) => {
            let message = format!(
                "no submission: points {other} and {point} of the sweep would both be in `{name}`"
            );
            Err(CliError::usage("E0708", message))
        }
    };
    names.enumerate().map(folder).collect()
}

fn save(path: &Path, scores: &Scores, value: impl Fn(f64) -> String) -> Result<(), CliError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for (clip, score) in &scores.0 {
        writer.write_record([base(clip), &value(*score)]).expect("writing to memory");
    }
    let bytes = writer.into_inner().expect("writing to memory");
    std::fs::write(path, bytes).map_err(|error| unwritten(path, &error))
}

/// Settings as a folder name: `knn k=3` and `0` become `knn_k_3-0`.
fn name<'a>(settings: impl Iterator<Item = &'a String>) -> String {
    let safe =
        |text: &String| text.replace(|c: char| !c.is_alphanumeric() && !"-.+".contains(c), "_");
    settings.map(safe).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_with_one_file_name_are_found() {
        let of =
            |clips: &[&str]| Scores(clips.iter().map(|clip| ((*clip).to_owned(), 0.5)).collect());
        let raw = of(&[
            "fan/abnormal/00000011.wav",
            "fan/abnormal/00000012.wav",
            "fan/normal/00000011.wav",
        ]);
        assert_eq!(namesakes(&raw), Some(("fan/abnormal/00000011.wav", "fan/normal/00000011.wav")));
        assert_eq!(namesakes(&of(&["fan/a.wav", "fan/b.wav"])), None);
    }

    #[test]
    fn points_have_folders_of_their_own() {
        let of = |settings: &[&str]| {
            folders(settings.iter().map(|s| name(std::iter::once(&(*s).to_owned()))))
        };
        assert_eq!(of(&["knn k=3", "0"]).ok(), Some(vec!["knn_k_3/".into(), "0/".into()]));
        for same in [["knn k=3", "knn k 3"], ["A", "a"]] {
            let Err(CliError::Diagnostics(told)) = of(&same) else { panic!("{same:?}") };
            assert!(told[0].message.contains("points 0 and 1 of the sweep"), "{told:?}");
        }
    }
}
