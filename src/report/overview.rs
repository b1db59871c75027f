//! The overview of results: sections, means, and reasons for missing numbers.

use std::collections::BTreeSet;

use super::aggregate::{COLUMNS, COUNT};
use super::idle::idle;
use super::narrow::NoTable;
use super::number::{DASH, percent, show, stat};
use super::published::{published, published_alone};
use super::{Group, IntervalMethod, Line, PointResults, Results, Stat, is_repetition};
use crate::artifact::MetricRow;
use crate::document::{Cell, Document, Table};

/// With more section lines than this, only the summary is shown, unless all are requested.
const LINES: usize = 60;

/// The summary, with the best official score in bold, and the sections of every group if they are
/// few or `all` is set.
pub fn overview(results: &Results, all: bool) -> Document {
    let document = Document::titled(&results.name, results.question.as_deref());
    let (groups, columns, axes) = (results.groups(), results.columns(), shown_axes(results));
    let lines: usize = groups.iter().map(Group::section_count).sum();
    let document = match all || lines <= LINES {
        true => document.heading(2, "Sections").table(sections(&groups, &axes, &columns)),
        false => document
            .text(format!("{lines} lines of sections are left out; `report --all` shows them.")),
    };
    let document =
        document.heading(2, "Means over all sections").table(summary(&groups, &axes, &columns));
    published(explained(document, results, &groups), results)
}

/// One of the tables of a report, shown alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Sections,
    Means,
    /// Published results beside ours, a table for each setting.
    Published,
}

/// These tables without headings, and an explanation of their numbers. Errors: nothing published is
/// known.
pub fn tables(results: &Results, parts: &[Part]) -> Result<Document, NoTable> {
    let (groups, columns, axes) = (results.groups(), results.columns(), shown_axes(results));
    let mut document = Document::default();
    for part in parts {
        document = match part {
            Part::Sections => document.table(sections(&groups, &axes, &columns)),
            Part::Means => document.table(summary(&groups, &axes, &columns)),
            Part::Published => published_alone(document, results).ok_or(NoTable::Unpublished)?,
        };
    }
    match parts == [Part::Published] {
        true => Ok(document),
        false => Ok(notes(document, results, &groups)),
    }
}

/// Swept settings other than seed and draw, as path and column title.
fn shown_axes(results: &Results) -> Vec<(&str, &str)> {
    let axes = results.axes.iter().filter(|axis| !is_repetition(axis));
    axes.map(|path| (path.as_str(), path.rsplit('.').next().unwrap_or(path))).collect()
}

fn sections(groups: &[Group], axes: &[(&str, &str)], columns: &[bool; COUNT]) -> Table {
    let mut table = Table::new(titles(axes, &["machine", "section"], columns));
    for group in groups {
        let mut push = |line: &Line| {
            let names = [&line.machine, &line.section].map(Cell::from);
            table.push(settings(group, axes).chain(names).chain(metrics(line, columns)).collect());
        };
        let lines = group.sections();
        let machines: BTreeSet<&str> = lines.iter().map(|l| l.machine.as_str()).collect();
        for machine in machines {
            lines.iter().filter(|l| l.machine == machine).for_each(&mut push);
            if lines.iter().filter(|l| l.machine == machine).count() > 1 {
                group.means(Some(machine)).iter().for_each(&mut push);
            }
        }
    }
    table
}

/// One row per setting: arithmetic means over the sections, and the official score.
fn summary(groups: &[Group], axes: &[(&str, &str)], columns: &[bool; COUNT]) -> Table {
    let with_official = has_official(columns);
    let mut table =
        Table::new(titles(axes, &[], columns).chain(with_official.then_some("official")));
    let best = groups
        .iter()
        .filter_map(|g| g.official())
        .map(|s| s.mean)
        .fold(f64::NEG_INFINITY, f64::max);
    for group in groups {
        let official = group.official();
        let is_best = groups.len() > 1 && official.is_some_and(|s| s.mean == best);
        let [arithmetic, _] = group.means(None);
        let official = with_official.then(|| stat(official).best(is_best));
        table.push(
            settings(group, axes).chain(metrics(&arithmetic, columns)).chain(official).collect(),
        );
    }
    table
}

/// The official score is defined over both domains' AUC and the pAUC; data sets without domains
/// have none.
pub fn has_official(columns: &[bool; COUNT]) -> bool {
    columns[0] && columns[1] && columns[3]
}

/// AUC for each value of each domain-shift attribute.
pub fn attributes(results: &Results) -> Document {
    let axes = shown_axes(results);
    let header = ["machine", "section", "domain", "attribute", "value", "AUC"];
    let mut table = Table::new(axes.iter().map(|a| a.1).chain(header));
    for group in results.groups() {
        let Some(first) = group.points.first() else { continue };
        for row in first.rows.iter().filter(|r| !r.attribute.is_empty()) {
            let number = |of: fn(&MetricRow) -> Option<f64>| {
                Stat::of(
                    &group.points.iter().map(|p| same(p, row).and_then(of)).collect::<Vec<_>>(),
                )
                .map(|stat| stat.mean)
            };
            let mean = number(|r| r.value);
            let text = match (mean, number(|r| r.low), number(|r| r.high)) {
                (None, ..) => DASH.into(),
                (Some(mean), Some(low), Some(high)) => {
                    format!("{} {}", percent(mean), brackets(low, high))
                }
                (Some(mean), ..) => percent(mean),
            };
            let names =
                [&row.machine, &row.section, &row.domain, &row.attribute, &row.value_of_attribute];
            let cells = settings(&group, &axes).chain(names.map(Cell::from));
            table.push(cells.chain([Cell::number(mean, text)]).collect());
        }
    }
    match table.rows.is_empty() {
        true => {
            Document::default().text("No attribute has more than one value among the test clips.")
        }
        false => Document::default().table(table),
    }
}

/// The ends of an interval, without digits that other resamples would change.
pub(super) fn brackets(low: f64, high: f64) -> String {
    format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}

/// Explains the brackets.
fn intervals(made: Option<IntervalMethod>) -> String {
    let mean = "over the test clips, resampled within normals and anomalies; of several seeds the mean of the ends";
    match made {
        Some(IntervalMethod { level, resamples }) => {
            let level = super::axis::label(100.0 * level);
            format!("{level} % bootstrap interval ({resamples} resamples) {mean}")
        }
        None => format!("bootstrap interval {mean}"),
    }
}

/// The same row at another point.
fn same<'a>(point: &'a PointResults, row: &MetricRow) -> Option<&'a MetricRow> {
    fn name(r: &MetricRow) -> [&str; 6] {
        [&r.machine, &r.section, &r.domain, &r.attribute, &r.value_of_attribute, &r.metric]
            .map(String::as_str)
    }
    point.rows.iter().find(|r| name(r) == name(row))
}

/// Reasons for dashes in the tables, an explanation of the numbers, and settings without effect.
pub(super) fn explained(document: Document, results: &Results, groups: &[Group]) -> Document {
    idle(notes(document, results, groups), results)
}

/// Reasons for dashes in the tables, and an explanation of the numbers.
fn notes(document: Document, results: &Results, groups: &[Group]) -> Document {
    let (mut reasons, mut doubts) = (BTreeSet::new(), BTreeSet::new());
    for point in &results.points {
        for row in point.rows.iter().filter(|r| r.value.is_none() && r.attribute.is_empty()) {
            let domain =
                if row.domain.is_empty() { String::new() } else { format!(" {}", row.domain) };
            let metric =
                row.metric.replace("pauc", "pAUC").replace("auc", "AUC").replace("f1", "F1");
            reasons.insert(format!(
                "{metric}{domain} of {} {}: {}",
                row.machine, row.section, row.missing
            ));
        }
        for row in point.rows.iter().filter(|r| !r.note.is_empty()) {
            doubts
                .insert(format!("{} of {} {}: {}", row.metric, row.machine, row.section, row.note));
        }
        for (machine, section, why) in &point.absent {
            reasons.insert(format!("{machine} {section}: {why}"));
        }
    }
    let mut text = String::new();
    if let Some(count) = groups.iter().map(|g| g.points.len()).max().filter(|n| *n > 1) {
        text.push_str(&format!(
            "Mean ± standard deviation over {count} {}. ",
            results.repetitions()
        ));
    }
    text.push_str("All numbers in %.");
    if results.points.iter().any(|p| p.rows.iter().any(|r| r.low.is_some())) {
        text.push_str(&format!(" [low, high]: {}.", intervals(results.intervals)));
    }
    if has_official(&results.columns()) {
        text.push_str(
            " Official: harmonic mean of AUC source, AUC target and pAUC over all sections.",
        );
    }
    if groups.iter().any(|group| group.section_count() > 1) {
        text.push_str(" Means over sections are arithmetic means.");
    }
    if results.points.iter().any(|p| p.rows.iter().any(|r| r.metric == "f1")) {
        text.push_str(
            " Precision, recall and F1: of a domain's own clips, one threshold for both domains.",
        );
    }
    document
        .announced(&format!("{DASH} cannot be computed:"), reasons.into_iter().collect())
        .announced("Not to be trusted:", doubts.into_iter().collect())
        .text(text)
}

/// The titles of the columns of settings, names and metrics.
fn titles<'a>(
    axes: &'a [(&str, &'a str)],
    names: &'a [&'static str],
    columns: &'a [bool; COUNT],
) -> impl Iterator<Item = &'a str> {
    let metrics =
        COLUMNS.iter().zip(columns).filter(|(_, shown)| **shown).map(|((.., title), _)| *title);
    axes.iter().map(|a| a.1).chain(names.iter().copied()).chain(metrics)
}

fn settings<'a>(
    group: &'a Group,
    axes: &'a [(&str, &str)],
) -> impl Iterator<Item = Cell> + use<'a> {
    axes.iter().map(|(path, _)| (*group.settings.get(path).unwrap_or(&"")).into())
}

fn metrics(line: &Line, columns: &[bool; COUNT]) -> Vec<Cell> {
    let cell = |c: usize| match line.intervals[c] {
        Some(i) => {
            let mean = line.values[c].map(|stat| stat.mean);
            Cell::number(mean, format!("{} {}", show(line.values[c]), brackets(i.low, i.high)))
        }
        None => stat(line.values[c]),
    };
    (0..COUNT).filter(|c| columns[*c]).map(cell).collect()
}
