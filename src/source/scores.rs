//! Scores of other programs in place of recordings: a system of the challenge, as its team hands it
//! in.
//!
//! Such data have no recordings, so only the numbers of a table can be made of them. The files are
//! read where `humshift evaluate` reads its own; here are their settings.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ListedFile, Listing, Recording, SectionId, Source, SourceError};
pub use crate::artifact::Protocol;
use crate::diagnose::Problem;

/// Scores that another program gave to test clips, as `humshift evaluate` reads them. They stand in
/// the same tables as results of this program. Such data have no `features`, `pool` or `detector`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The folder with `anomaly_score_*.csv` and, for precision, recall and F1,
    /// `decision_result_*.csv`; or one with such folders.
    #[schemars(extend("x-path" = "folder"), example = "../submissions/team/system")]
    pub root: PathBuf,
    /// The year whose names of files and form of the truth apply.
    #[serde(default)]
    pub protocol: Protocol,
    /// The truth about the clips: the folder with `ground_truth_data`, or an `eval_data_list.csv`.
    /// Default: the names of the clips tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-path" = "folder"))]
    pub truth: Option<PathBuf>,
    /// The system to take of a folder with several: the path of its folder below `root`, or the text
    /// before `anomaly_score_` in the names of its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Whether sections of the truth may lack scores.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// Where recordings are asked for, there are none.
fn silent() -> SourceError {
    SourceError::Layout {
        message: "`scores` are of other programs and come without recordings".to_owned(),
        hint: "take `dcase`, `folder` or `synthetic` where sounds are needed".to_owned(),
    }
}

impl Source for Scores {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let empty = |field: &str, is_empty: bool| {
            let what = if field == "system" { "the name is empty" } else { "the path is empty" };
            is_empty.then(|| Problem::new(field, what).hint("write one, or leave the setting out"))
        };
        let is_empty = |path: &Path| path.as_os_str().is_empty();
        let system = self.system.as_ref().is_some_and(String::is_empty);
        let truth = self.truth.as_deref().is_some_and(is_empty);
        [empty("root", is_empty(&self.root)), empty("truth", truth), empty("system", system)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn mixed(&self) -> bool {
        true
    }

    fn list(&self) -> Result<Listing, SourceError> {
        Err(silent())
    }

    fn clips(
        &self,
        _: &SectionId,
        _: &[ListedFile],
        _: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        Err(silent())
    }

    fn keyed(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_settings_are_problems_and_recordings_are_none() {
        let scores = |settings: serde_json::Value| serde_json::from_value::<Scores>(settings);
        let scores = scores(serde_json::json!({ "root": "", "truth": "", "system": "" })).unwrap();
        assert_eq!(scores.problems().len(), 3);
        assert!(scores.list().unwrap_err().to_string().contains("come without recordings"));
    }
}
