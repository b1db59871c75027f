//! Tables for people: Markdown that reads well as plain text, too.

use std::collections::BTreeSet;

use super::aggregate::{COLUMNS, COUNT};
use super::idle::idle;
use super::table::{self, DASH, heading, percent, show};
use super::{Group, IntervalMethod, Line, PointResults, Results, Stat, is_repetition};
use crate::artifact::MetricRow;
use crate::shown::shown;

/// With more section lines than this the summary alone is shown, unless all are asked for.
const LINES: usize = 60;

/// The summary, best official score in bold, and the sections of every group if they are few or `all`.
pub fn markdown(results: &Results, all: bool) -> String {
    let mut text = heading(&results.name, results.question.as_deref());
    let groups = results.groups();
    let columns = results.columns();
    let axes = shown_axes(results);
    let lines: usize = groups.iter().map(Group::section_count).sum();
    if all || lines <= LINES {
        text.push_str("\n## Sections\n\n");
        text.push_str(&sections(&groups, &axes, &columns));
    } else {
        text.push_str(&format!("\n{lines} lines of sections are left out; `report --all` shows them.\n"));
    }
    text.push_str("\n## Means over all sections\n\n");
    text.push_str(&summary(&groups, &axes, &columns));
    text.push_str(&notes(results, &groups));
    text.push_str(&idle(results));
    text
}

/// One of the tables of a report, to be shown alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Sections,
    Means,
}

/// These tables without headings, and what their numbers are.
pub fn tables(results: &Results, parts: &[Part]) -> String {
    let (groups, columns, axes) = (results.groups(), results.columns(), shown_axes(results));
    let table = |part: &Part| match part {
        Part::Sections => sections(&groups, &axes, &columns),
        Part::Means => summary(&groups, &axes, &columns),
    };
    let tables: Vec<String> = parts.iter().map(table).collect();
    tables.join("\n") + &notes(results, &groups)
}

/// Swept settings other than seed and draw, as path and column title.
fn shown_axes(results: &Results) -> Vec<(&str, &str)> {
    let axes = results.axes.iter().filter(|axis| !is_repetition(axis));
    axes.map(|path| (path.as_str(), path.rsplit('.').next().unwrap_or(path))).collect()
}

fn sections(groups: &[Group], axes: &[(&str, &str)], columns: &[bool; COUNT]) -> String {
    let mut table = Table::new(axes, &["machine", "section"], columns, &[]);
    for group in groups {
        let lines = group.sections();
        let machines: BTreeSet<&str> = lines.iter().map(|l| l.machine.as_str()).collect();
        for machine in machines {
            for line in lines.iter().filter(|l| l.machine == machine) {
                table.row(group, line);
            }
            if lines.iter().filter(|l| l.machine == machine).count() > 1 {
                for mean in group.means(Some(machine)) {
                    table.row(group, &mean);
                }
            }
        }
    }
    table.render()
}

fn summary(groups: &[Group], axes: &[(&str, &str)], columns: &[bool; COUNT]) -> String {
    let extra: &[&str] = if has_official(columns) { &["official"] } else { &[] };
    let mut table = Table::new(axes, &["mean"], columns, extra);
    let best = groups.iter().filter_map(|g| g.official()).map(|s| s.mean).fold(f64::NEG_INFINITY, f64::max);
    for group in groups {
        let official = group.official();
        let cell = show(official);
        let bold = groups.len() > 1 && official.is_some_and(|s| s.mean == best);
        let cell = if bold { format!("**{cell}**") } else { cell };
        let [arithmetic, harmonic] = group.means(None);
        table.summary_row(group, "arithmetic", &arithmetic, extra.first().map(|_| ""));
        table.summary_row(group, "harmonic", &harmonic, extra.first().map(|_| cell.as_str()));
    }
    table.render()
}

/// The official score is defined over both domains' AUC and the pAUC; data sets without domains have none.
pub fn has_official(columns: &[bool; COUNT]) -> bool {
    columns[0] && columns[1] && columns[3]
}

/// AUC per value of each domain-shift attribute.
pub fn attributes(results: &Results) -> String {
    let axes = shown_axes(results);
    let header = ["machine", "section", "domain", "attribute", "value", "AUC"];
    let mut table = Table {
        rows: vec![axes.iter().map(|a| a.1).chain(header).map(str::to_owned).collect()],
        axes: axes.clone(),
        columns: [false; COUNT],
    };
    for group in results.groups() {
        let Some(first) = group.points.first() else { continue };
        for row in first.rows.iter().filter(|r| !r.attribute.is_empty()) {
            let number = |of: fn(&MetricRow) -> Option<f64>| {
                Stat::of(&group.points.iter().map(|p| same(p, row).and_then(of)).collect::<Vec<_>>())
                    .map(|stat| stat.mean)
            };
            let cell = match (number(|r| r.value), number(|r| r.low), number(|r| r.high)) {
                (None, ..) => DASH.into(),
                (Some(mean), Some(low), Some(high)) => format!("{} {}", percent(mean), brackets(low, high)),
                (Some(mean), ..) => percent(mean),
            };
            let mut cells = table.settings(&group);
            cells.extend(
                [&row.machine, &row.section, &row.domain, &row.attribute, &row.value_of_attribute].map(Clone::clone),
            );
            cells.push(cell);
            table.rows.push(cells);
        }
    }
    if table.rows.len() == 1 {
        return "No attribute has more than one value among the test clips.\n".into();
    }
    table.render()
}

/// The ends of an interval, without the digits that other resamples would change.
fn brackets(low: f64, high: f64) -> String {
    format!("[{:.1}, {:.1}]", 100.0 * low, 100.0 * high)
}

/// What the brackets are.
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

/// The row of the same name at another point.
fn same<'a>(point: &'a PointResults, row: &MetricRow) -> Option<&'a MetricRow> {
    fn name(r: &MetricRow) -> [&str; 6] {
        [&r.machine, &r.section, &r.domain, &r.attribute, &r.value_of_attribute, &r.metric].map(String::as_str)
    }
    point.rows.iter().find(|r| name(r) == name(row))
}

/// Reasons for what the tables show as a dash.
fn notes(results: &Results, groups: &[Group]) -> String {
    let (mut reasons, mut doubts) = (BTreeSet::new(), BTreeSet::new());
    for point in &results.points {
        for row in point.rows.iter().filter(|r| r.value.is_none() && r.attribute.is_empty()) {
            let domain = if row.domain.is_empty() { String::new() } else { format!(" {}", row.domain) };
            let metric = row.metric.replace("pauc", "pAUC").replace("auc", "AUC").replace("f1", "F1");
            reasons.insert(format!("{metric}{domain} of {} {}: {}", row.machine, row.section, row.missing));
        }
        for row in point.rows.iter().filter(|r| !r.note.is_empty()) {
            doubts.insert(format!("{} of {} {}: {}", row.metric, row.machine, row.section, row.note));
        }
        for (machine, section, why) in &point.absent {
            reasons.insert(format!("{machine} {section}: {why}"));
        }
    }
    let mut text = String::new();
    if !reasons.is_empty() {
        text.push_str(&format!("\n{DASH} cannot be computed:\n\n"));
        reasons.iter().for_each(|r| text.push_str(&format!("* {}\n", shown(r))));
    }
    if !doubts.is_empty() {
        text.push_str("\nNot to be trusted:\n\n");
        doubts.iter().for_each(|r| text.push_str(&format!("* {}\n", shown(r))));
    }
    if let Some(count) = groups.iter().map(|g| g.points.len()).max().filter(|n| *n > 1) {
        text.push_str(&format!("\nMean ± standard deviation over {count} {}. ", results.repetitions()));
    } else {
        text.push('\n');
    }
    text.push_str("All numbers in %.");
    if results.points.iter().any(|p| p.rows.iter().any(|r| r.low.is_some())) {
        text.push_str(&format!(" [low, high]: {}.", intervals(results.intervals)));
    }
    if has_official(&results.columns()) {
        text.push_str(" Official: harmonic mean of AUC source, AUC target and pAUC over all sections.");
    }
    if results.points.iter().any(|p| p.rows.iter().any(|r| r.metric == "f1")) {
        text.push_str(" Precision, recall and F1: of a domain's own clips, one threshold for both domains.");
    }
    text.push('\n');
    text
}

struct Table<'a> {
    axes: Vec<(&'a str, &'a str)>,
    columns: [bool; COUNT],
    rows: Vec<Vec<String>>,
}

impl<'a> Table<'a> {
    fn new(axes: &[(&'a str, &'a str)], names: &[&str], columns: &[bool; COUNT], extra: &[&str]) -> Self {
        let metrics = COLUMNS.iter().zip(columns).filter(|(_, shown)| **shown).map(|((.., title), _)| *title);
        let header = axes.iter().map(|a| a.1).chain(names.iter().copied()).chain(metrics).chain(extra.iter().copied());
        Self { axes: axes.to_vec(), columns: *columns, rows: vec![header.map(str::to_owned).collect()] }
    }

    fn settings(&self, group: &Group) -> Vec<String> {
        self.axes.iter().map(|(path, _)| group.settings.get(path).unwrap_or(&"").to_string()).collect()
    }

    fn metrics(&self, line: &Line) -> Vec<String> {
        let cell = |c: usize| match line.intervals[c] {
            Some(i) => format!("{} {}", show(line.values[c]), brackets(i.low, i.high)),
            None => show(line.values[c]),
        };
        (0..COUNT).filter(|c| self.columns[*c]).map(cell).collect()
    }

    fn row(&mut self, group: &Group, line: &Line) {
        let mut cells = self.settings(group);
        cells.extend([line.machine.clone(), line.section.clone()]);
        cells.extend(self.metrics(line));
        self.rows.push(cells);
    }

    fn summary_row(&mut self, group: &Group, name: &str, line: &Line, official: Option<&str>) {
        let mut cells = self.settings(group);
        cells.push(name.to_owned());
        cells.extend(self.metrics(line));
        cells.extend(official.map(str::to_owned));
        self.rows.push(cells);
    }

    fn render(&self) -> String {
        table::render(&self.rows)
    }
}
