//! Output for GitHub Actions: annotations at lines of files, and a summary of the step.
//!
//! It is written only if `GITHUB_ACTIONS` is `true`. GitHub keeps ten errors per step and silently
//! drops the others, so the tenth one tells their number. A summary may have 1 MiB.

use std::io::Write;

use super::{Case, Suite, Verdict};
use crate::diagnose::Diagnostic;
use crate::document::{Document, Table};
use crate::shown::shown;

/// The most errors of a step that GitHub keeps.
const MOST: usize = 10;

/// The most bytes of our part of a step's summary. Other commands of the step may use some, too.
const LONGEST: usize = 900 << 10;

/// The most rows of the table of failures.
const ROWS: usize = 50;

/// Whether GitHub runs this process as a step of a job.
pub fn is_here() -> bool {
    std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// Annotates failed cases.
pub fn annotate(cases: &[Case]) {
    let failures = cases.iter().filter_map(|case| {
        let Verdict::Failed { message, .. } = &case.verdict else { return None };
        Some(command("", &title(case), message))
    });
    tell(&capped(failures.collect()));
}

/// Annotates mistakes in files at their lines.
pub fn annotate_mistakes(mistakes: &[Diagnostic]) {
    let errors = mistakes.iter().map(|mistake| {
        let place = mistake.position().map_or_else(String::new, |(file, line, column)| {
            format!("file={},line={line},col={column},", property(file))
        });
        let hint = mistake.hint.iter().map(|hint| format!("\n{hint}"));
        command(&place, mistake.code, &hint.fold(mistake.message.clone(), |all, hint| all + &hint))
    });
    tell(&capped(errors.collect()));
}

fn title(case: &Case) -> String {
    let what = match case.suite {
        Suite::Stages => "stage",
        Suite::Expectations => "expectation",
        Suite::Baseline => "baseline",
    };
    format!("{what}: {}", case.name)
}

/// A workflow command. `place` is empty or ends with a comma.
fn command(place: &str, title: &str, message: &str) -> String {
    format!("::error {place}title={}::{}", property(title), data(message))
}

/// All commands, if there are at most ten; otherwise the first nine and the number of the others.
fn capped(mut commands: Vec<String>) -> Vec<String> {
    if commands.len() > MOST {
        let more = commands.len() - (MOST - 1);
        commands.truncate(MOST - 1);
        let message = format!("{more} more failures are in the log and in the summary of the step");
        commands.push(command("", "humshift", &message));
    }
    commands
}

fn tell(commands: &[String]) {
    commands.iter().for_each(|line| {
        // If nobody reads stderr, the work goes on.
        let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
    });
}

/// A message, escaped so that a line break does not end the command.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| shown(line).replace('%', "%25")).collect();
    lines.join("%0A")
}

/// A property, escaped so that a comma or colon does not end it.
fn property(text: &str) -> String {
    shown(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

/// The failures and the results of a run, as Markdown.
pub fn summary(cases: &[Case], answer: Document) -> String {
    let failed = |case: &&Case| !matches!(case.verdict, Verdict::Passed);
    let failures: Vec<&Case> = cases.iter().filter(failed).collect();
    if failures.is_empty() {
        return answer.markdown();
    }
    let mut table = Table::new(["failed", "why"]);
    for case in failures.iter().take(ROWS) {
        let why = match &case.verdict {
            Verdict::Failed { message, .. } | Verdict::Skipped(message) => message.as_str(),
            Verdict::Passed => "",
        };
        table.push(vec![title(case).into(), why.into()]);
    }
    let document = Document::default().heading(2, "Failures").table(table);
    let more = failures.len().saturating_sub(ROWS);
    let document = match more {
        0 => document,
        more => document.text(format!("{more} more are in the log.")),
    };
    document.then(answer).markdown()
}

/// Appends to the summary of the step. A failure to write it is ignored.
pub fn summarize(markdown: &str) {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return };
    let mut text = markdown.to_owned();
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(text[..end].rfind('\n').unwrap_or(0));
        text.push_str("\n\nThe rest is in the log.\n");
    }
    let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
    let _ = file.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str) -> Case {
        Case::failed(Suite::Baseline, name, "fell by 2 %\n::error::x")
    }

    #[test]
    fn commands_end_where_they_should() {
        let Verdict::Failed { message, .. } = case("a").verdict else { unreachable!() };
        assert_eq!(
            command("", "k=1, b::c\n", &message),
            "::error title=k=1%2C b%3A%3Ac<U+000A>::fell by 2 %25%0A::error::x"
        );
    }

    #[test]
    fn of_many_errors_the_tenth_says_how_many_there_are() {
        let commands = |count: usize| capped(vec![String::from("x"); count]);
        assert_eq!(commands(10).last().unwrap(), "x");
        let many = commands(25);
        assert_eq!(many.len(), 10);
        assert!(many[9].contains("16 more failures"), "{}", many[9]);
    }

    #[test]
    fn a_summary_begins_with_the_failures() {
        let text = summary(&[case("a|b")], Document::default().text("The answer."));
        assert!(text.starts_with("## Failures\n\n| failed "), "{text}");
        assert!(text.contains("baseline: a\\|b") && text.ends_with("The answer.\n"), "{text}");
        assert_eq!(summary(&[], Document::default().text("Good.")), "Good.\n");
    }
}
