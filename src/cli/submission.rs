//! `humshift report --submission`: scores and decisions as the challenge wants them.
//!
//! A folder a point of the sweep, named by its settings; the folder itself if there is one point. In it, as the
//! baselines write them and `humshift evaluate` reads them, `anomaly_score_<machine>_section_<section>_test.csv` with
//! rows of file name and score, and, where the spec has a `threshold`, `decision_result_...` with 0 or 1.

use std::path::Path;

use super::cached::Cached;
use super::session::Session;
use super::{CliError, output};
use crate::artifact::{MetricTable, Scores};
use crate::exec::Standing;
use crate::store::Store;

/// Writes the files of every point.
pub fn write(
    session: &Session,
    standings: &[Standing],
    store: &Store,
    spec: &Path,
    folder: &Path,
) -> Result<(), CliError> {
    let cache = Cached { plan: &session.plan, standings, store, spec, without: "no submission" };
    let mut written = 0;
    for (point, results) in session.experiment.points.iter().zip(&session.plan.results) {
        let folder = match session.experiment.points.len() {
            1 => folder.to_owned(),
            _ => folder.join(name(point.settings.values())),
        };
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        for (section, node) in results {
            let scores: Scores = cache.artifact(cache.need(*node, "scores"), "scores")?;
            let metrics: MetricTable = cache.artifact(*node, "metrics")?;
            // Machine ids before 2021 come with their prefix.
            let prefix = if section.section.starts_with("id_") { "" } else { "section_" };
            let about = format!("{}_{prefix}{}_test.csv", section.machine, section.section);
            save(&folder.join(format!("anomaly_score_{about}")), &scores, |score| score.to_string())?;
            written += 1;
            if let Some(limit) = metrics.rows.iter().find(|r| r.metric == "threshold").and_then(|r| r.value) {
                let decision = |score: f64| u8::from(score > limit).to_string();
                save(&folder.join(format!("decision_result_{about}")), &scores, decision)?;
                written += 1;
            }
        }
    }
    output::tell(&format!("submission: {written} files in {}", folder.display()));
    Ok(())
}

fn save(path: &Path, scores: &Scores, value: impl Fn(f64) -> String) -> Result<(), CliError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for (clip, score) in &scores.0 {
        let file = clip.rsplit('/').next().unwrap_or(clip);
        writer.write_record([file, &value(*score)]).expect("writing to memory");
    }
    let bytes = writer.into_inner().expect("writing to memory");
    std::fs::write(path, bytes).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::usage("E0705", format!("`{}` cannot be written: {error}", path.display()))
}

/// Settings as the name of a folder: `knn k=3` and `0` become `knn_k_3-0`.
fn name<'a>(settings: impl Iterator<Item = &'a String>) -> String {
    let safe = |text: &String| text.replace(|c: char| !c.is_alphanumeric() && !"-.+".contains(c), "_");
    settings.map(safe).collect::<Vec<_>>().join("-")
}
