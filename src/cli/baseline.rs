//! `run --baseline`: whether the results fell below those kept in a repository, for CI.

use std::path::{Path, PathBuf};

use clap::Args;

use super::verdict::{Case, Suite, Verdict};
use super::{CliError, output, outputs};
use crate::diagnose::Diagnostic;
use crate::document::Document;
use crate::reading;
use crate::report::{Baseline, By, Change, Results, changes};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 28;

#[derive(Args)]
pub struct BaselineArgs {
    /// Compare the results with this file; exit code 3 if a score fell by more than `--max-drop`
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How far a score may fall, as a share: 0.01 is one point of a hundred
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, requires = "baseline", value_parser = share)]
    max_drop: f64,
    /// Write the results to the file of `--baseline` instead
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: Option<f64> = text.parse().ok().filter(|x| (0.0..=1.0).contains(x));
    share.ok_or_else(|| "write a share from 0 to 1, such as 0.01".to_owned())
}

impl BaselineArgs {
    /// Compares the results with the baseline, or writes them. Returns a case for each setting, and
    /// the table of changes.
    ///
    /// Errors (E0717): the file is not a baseline.
    pub fn hold(&self, results: &Results) -> Result<(Vec<Case>, Option<Document>), CliError> {
        let Some(path) = &self.baseline else { return Ok(Default::default()) };
        if self.update_baseline {
            let baseline = Baseline::of(results, By::usual(results));
            let text = serde_json::to_string_pretty(&baseline).expect("numbers are JSON") + "\n";
            outputs::write(path, text.as_bytes())?;
            output::tell(&format!(
                "baseline: {} settings written to {}",
                baseline.settings.len(),
                path.display()
            ));
            return Ok(Default::default());
        }
        let baseline = read(path)?;
        let by = By::parse(&baseline.number).unwrap_or_else(|| By::usual(results));
        let found = baseline.changes(results, by);
        let same = baseline.settings.len().saturating_sub(found.len());
        if found.is_empty() {
            output::tell(&format!("baseline: all {same} settings as before"));
        }
        let case = |change: &Change| {
            let message = match change.drop() {
                x if x <= self.max_drop + ROUNDING => {
                    return Case::new(Suite::Baseline, change.label(), Verdict::Passed);
                }
                x if x.is_finite() => format!("fell by {:.2} points", 100.0 * x),
                _ => "has no score any more".to_owned(),
            };
            Case::failed(Suite::Baseline, change.label(), message)
        };
        let mut cases: Vec<Case> = found.iter().map(case).collect();
        cases.extend((same > 0).then(|| {
            let name = format!("{same} settings as before");
            Case::new(Suite::Baseline, name, Verdict::Passed)
        }));
        Ok((cases, (!found.is_empty()).then(|| changes(&found, by))))
    }
}

/// The largest change from writing numbers in decimal digits.
const ROUNDING: f64 = 1e-12;

fn read(path: &Path) -> Result<Baseline, CliError> {
    let wrong = |why: String, hint: &str| {
        CliError::from(vec![
            Diagnostic::new("E0717", format!("`{}`: {why}", path.display())).hint(hint),
        ])
    };
    let make = "`humshift run SPEC --baseline FILE --update-baseline` writes one";
    let bytes = reading::read(path, LARGEST).map_err(|error| wrong(error.to_string(), make))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| wrong(format!("it is no baseline: {error}"), make))
}
