//! The truth about clips: their labels and domains.
//!
//! The evaluators keep it in folders, one CSV per section (`ground_truth_data`: 0 normal, 1
//! anomaly; `ground_truth_domain`: 0 source, 1 target). 2020 has one list for all machines
//! (`eval_data_list.csv`), which later years publish, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnose::Diagnostic;

use super::fact::{LIST_OF_2022, Truth};
use super::{Protocol, truth_file};

/// Reads a folder that contains `ground_truth_data` (directly, or in a folder named like the
/// protocol), or a list of names.
///
/// # Errors A folder of another form, and all problems of the files.
pub fn read(path: &Path, protocol: Protocol) -> Result<Truth, Vec<Diagnostic>> {
    let mut truth =
        Truth { path: path.to_owned(), sections: BTreeMap::new(), warnings: Vec::new() };
    let year = path.join(protocol.name());
    if path.is_file() {
        truth_file::list(path, &mut truth, protocol)?;
    } else if let Some(folder) =
        [path, &year].into_iter().find(|f| f.join("ground_truth_data").is_dir())
    {
        truth.path = folder.to_owned();
        truth_file::folders(folder, &mut truth, protocol)?;
        if protocol == Protocol::Dcase2022 {
            beside(path, folder, &mut truth);
        }
    } else if let Some(file) = lists(path, protocol).into_iter().find(|f| f.is_file()) {
        truth_file::list(&file, &mut truth, protocol)?;
    } else {
        let message = format!("`{}` holds no ground truth", path.display());
        let hint =
            "give the folder that has `ground_truth_data` in it, or the file `eval_data_list.csv`";
        return Err(vec![Diagnostic::new("E0805", message).hint(hint)]);
    }
    if truth.sections.is_empty() {
        return Err(vec![Diagnostic::new(
            "E0805",
            format!("`{}` holds the truth of no section", truth.path.display()),
        )]);
    }
    Ok(truth)
}

/// The possible places of a list of names.
fn lists(folder: &Path, protocol: Protocol) -> Vec<PathBuf> {
    let year = &protocol.name()["dcase".len()..];
    let file = format!("eval_data_list_{year}.csv");
    vec![folder.join("eval_data_list.csv"), folder.join(&file), folder.join("lists").join(&file)]
}

/// Warns of tables beside the truth of 2022 that contradict it: they were published with labels of
/// other clips.
fn beside(given: &Path, folder: &Path, truth: &mut Truth) {
    let (contradicted, known) = truth_file::contradictions(truth);
    if contradicted > 0 {
        truth.warnings.push(format!(
            "the names in `{}` contradict the labels of `ground_truth_data` for {contradicted} of {known} clips of \
             ToyCar and ToyTrain; `ground_truth_data` is right and is used here",
            folder.join("ground_truth_attributes").display()
        ));
    }
    let near = [Some(given), Some(folder), folder.parent()].into_iter().flatten();
    let file = near.map(|f| f.join("lists").join("eval_data_list_2022.csv")).find(|f| f.is_file());
    if let Some(file) = file {
        truth.warnings.push(format!("`{}` is not read: {LIST_OF_2022}", file.display()));
    }
}
