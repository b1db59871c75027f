//! The verdict on a run, as cases: its stages, the expectations of its spec, and a baseline.
//!
//! The cases are reported on stderr, written as JUnit XML, and shown as annotations if GitHub runs
//! the job. All three agree, because all are made from these cases.

pub mod github;
mod junit;

use std::path::PathBuf;

use clap::Args;

use super::session::Session;
use super::{CliError, Exit, output, outputs};
use crate::document::Document;
use crate::exec::{NodeOutcome, RunOutcome};
use crate::plan::NodeId;
use crate::report::Results;
use crate::run::{Expectation, Head};

#[derive(Args)]
pub struct VerdictArgs {
    /// Write the results of stages, expectations and baseline as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// A check that passed or failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub suite: Suite,
    pub name: String,
    /// Its run time in seconds; `None` for checks without one.
    pub seconds: Option<f64>,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Suite {
    /// Stages that ran, failed, or could not run. Cached stages are not cases.
    Stages,
    Expectations,
    Baseline,
}

impl Suite {
    pub const ALL: [Suite; 3] = [Suite::Stages, Suite::Expectations, Suite::Baseline];

    pub fn name(self) -> &'static str {
        match self {
            Suite::Stages => "stages",
            Suite::Expectations => "expectations",
            Suite::Baseline => "baseline",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Passed,
    /// A sentence without the name, and the last lines of a log.
    Failed {
        message: String,
        lines: Vec<String>,
    },
    Skipped(String),
}

impl Case {
    pub fn new(suite: Suite, name: impl Into<String>, verdict: Verdict) -> Self {
        Self { suite, name: name.into(), seconds: None, verdict }
    }

    /// A failed case.
    pub fn failed(suite: Suite, name: impl Into<String>, message: impl Into<String>) -> Self {
        let verdict = Verdict::Failed { message: message.into(), lines: Vec::new() };
        Self::new(suite, name, verdict)
    }

    /// The failure in one line.
    pub fn failure(&self) -> Option<String> {
        let Verdict::Failed { message, .. } = &self.verdict else { return None };
        Some(match self.suite {
            Suite::Stages => format!("error: {} failed: {message}", self.name),
            Suite::Expectations => format!("expectation failed: {} {message}", self.name),
            Suite::Baseline => format!("baseline: {} {message}", self.name),
        })
    }
}

impl VerdictArgs {
    /// Reports the failures on stderr, writes JUnit XML, and reports to GitHub. `tables` are the
    /// results of the run, `changes` those against the baseline.
    ///
    /// Errors: the file cannot be written.
    pub fn conclude(
        &self,
        head: &Head,
        cases: &[Case],
        tables: impl FnOnce() -> Document,
        changes: Option<Document>,
    ) -> Result<(), CliError> {
        tell(cases);
        if let Some(path) = &self.junit {
            outputs::write(path, junit::xml(&head.name, cases).as_bytes())?;
        }
        if github::is_here() {
            github::annotate(cases);
            let changes = changes.unwrap_or_default();
            github::summarize(&github::summary(cases, tables().then(changes)));
        }
        Ok(())
    }
}

/// Reports the failures on stderr.
pub fn tell(cases: &[Case]) {
    for case in cases {
        case.failure().iter().for_each(|line| output::tell(line));
        if let Verdict::Failed { lines, .. } = &case.verdict {
            lines.iter().for_each(|line| output::tell(&format!("  | {line}")));
        }
    }
}

/// The stages that ran, failed or could not run, and one case for all stages that a frozen run
/// would have to run.
pub fn stages(session: &Session, outcome: &RunOutcome) -> Vec<Case> {
    let plan = &session.plan;
    let label = |id: NodeId| plan.node(id).label.as_str();
    let case = |id: NodeId| {
        let (seconds, verdict) = match &outcome.nodes[id.index()] {
            NodeOutcome::Ran { record, .. } => (Some(record.seconds), Verdict::Passed),
            NodeOutcome::Failed { message } => {
                let lines = outcome.said.get(&id).cloned().unwrap_or_default();
                (None, Verdict::Failed { message: message.clone(), lines })
            }
            NodeOutcome::Skipped { because } => {
                (None, Verdict::Skipped(format!("{} failed", label(*because))))
            }
            NodeOutcome::Cached { .. } | NodeOutcome::NotRun | NodeOutcome::Stale => return None,
        };
        Some(Case { seconds, ..Case::new(Suite::Stages, label(id), verdict) })
    };
    let stale: Vec<&str> = plan
        .nodes()
        .filter(|id| matches!(outcome.nodes[id.index()], NodeOutcome::Stale))
        .map(label)
        .collect();
    let frozen = (!stale.is_empty()).then(|| {
        let message = format!("{} stages would have to run", stale.len());
        let lines = stale.iter().take(LISTED).map(|label| (*label).to_owned()).collect();
        Case::new(Suite::Stages, "--frozen", Verdict::Failed { message, lines })
    });
    plan.nodes().filter_map(case).chain(frozen).collect()
}

/// The most stages listed that a frozen run would have to run.
const LISTED: usize = 8;

/// The expectations of the spec: one case for each point they apply to.
pub fn expectations(head: &Head, results: &Results) -> Vec<Case> {
    let mut cases = Vec::new();
    for Expectation { expect, points } in &head.expect {
        let filter: Vec<String> = expect.filter.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let of = if filter.is_empty() { "all".into() } else { filter.join(" ") };
        let name = format!("{} of {of}", expect.metric);
        if points.is_empty() {
            cases.push(Case::failed(Suite::Expectations, &name, "speaks of no point"));
        }
        for number in points {
            let value = results.points.get(*number).and_then(|point| point.number(&expect.metric));
            let low = expect.at_least.is_some_and(|limit| value.is_none_or(|v| v < limit));
            let high = expect.at_most.is_some_and(|limit| value.is_none_or(|v| v > limit));
            let verdict = if low || high {
                let value = value.map_or("cannot be computed".to_owned(), |v| format!("is {v:.4}"));
                let limit = if low { expect.at_least } else { expect.at_most }.unwrap_or_default();
                let word = if low { "at least" } else { "at most" };
                let message = format!("{value} at point {number}, expected {word} {limit}");
                Verdict::Failed { message, lines: Vec::new() }
            } else {
                Verdict::Passed
            };
            cases.push(Case::new(Suite::Expectations, &name, verdict));
        }
    }
    cases
}

/// The exit code for these cases.
pub fn exit(cases: &[Case]) -> Exit {
    let failed = |suite| {
        cases.iter().any(|case| case.suite == suite && !matches!(case.verdict, Verdict::Passed))
    };
    if failed(Suite::Stages) {
        Exit::StageFailed
    } else if failed(Suite::Expectations) || failed(Suite::Baseline) {
        Exit::ExpectFailed
    } else {
        Exit::Done
    }
}
