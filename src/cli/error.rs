//! Errors of commands, and how they are shown.

use std::fmt;
use std::io::IsTerminal;

use super::verdict::github;
use super::{Exit, output};
use crate::diagnose::Diagnostic;
use crate::plan::PlanError;
use crate::store::StoreError;

/// Reasons why a command failed.
pub enum CliError {
    /// All mistakes of the user that were found.
    Diagnostics(Vec<Diagnostic>),
    Store(StoreError),
}

impl CliError {
    /// A single mistake without a place.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Self {
        CliError::Diagnostics(vec![Diagnostic::new(code, message)])
    }

    pub fn exit(&self) -> Exit {
        match self {
            CliError::Diagnostics(_) => Exit::BadSpec,
            CliError::Store(_) => Exit::CacheUnusable,
        }
    }

    /// Writes the error to stderr.
    pub fn tell(&self) {
        match self {
            CliError::Diagnostics(all) => {
                let styled = std::io::stderr().is_terminal();
                for diagnostic in all {
                    output::tell_styled(&format!("{}\n", diagnostic.render(styled)));
                }
                if github::is_here() {
                    github::annotate_mistakes(all);
                }
                if all.len() > 1 {
                    output::tell(&format!("{} mistakes", all.len()));
                }
            }
            CliError::Store(error) => output::tell(&format!("error: {error}")),
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CliError::Diagnostics(all) => {
                let all: Vec<String> = all.iter().map(|mistake| mistake.render(false)).collect();
                f.write_str(&all.join("\n\n"))
            }
            CliError::Store(error) => write!(f, "error: {error}"),
        }
    }
}

impl From<Vec<Diagnostic>> for CliError {
    fn from(all: Vec<Diagnostic>) -> Self {
        CliError::Diagnostics(all)
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        CliError::Store(error)
    }
}

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let mut diagnostic = Diagnostic::new("E0701", error.to_string());
        if let PlanError::Mix(problem, place) = error {
            diagnostic = Diagnostic { place, hint: problem.hint, ..diagnostic };
        }
        CliError::Diagnostics(vec![diagnostic])
    }
}
