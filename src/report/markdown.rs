//! Tables for people: Markdown that reads well as plain text, too.

use std::collections::BTreeSet;

use super::aggregate::{COLUMNS, COUNT};
use super::{Group, Line, Results, SEED, Stat};

/// With more section lines than this the summary alone is shown, unless all are asked for.
const LINES: usize = 60;

/// The summary, best official score in bold, and the sections of every group if they are few or `all`.
pub fn markdown(results: &Results, all: bool) -> String {
    let mut text = format!("# {}\n", results.name);
    if let Some(question) = &results.question {
        text.push_str(&format!("\n{}\n", question.trim()));
    }
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
    text
}

/// Swept settings other than the seed, as path and column title.
fn shown_axes(results: &Results) -> Vec<(&str, &str)> {
    let axes = results.axes.iter().filter(|axis| *axis != SEED);
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
fn has_official(columns: &[bool; COUNT]) -> bool {
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
            let same = |p: &&super::PointResults| {
                let found = p.rows.iter().find(|r| {
                    (&r.machine, &r.section, &r.domain, &r.attribute, &r.value_of_attribute, &r.metric)
                        == (
                            &row.machine,
                            &row.section,
                            &row.domain,
                            &row.attribute,
                            &row.value_of_attribute,
                            &row.metric,
                        )
                });
                found.and_then(|r| r.value)
            };
            let values: Option<Vec<f64>> = group.points.iter().map(same).collect();
            let mean = values.and_then(|v| crate::metric::arithmetic_mean(&v));
            let mut cells = table.settings(&group);
            cells.extend(
                [&row.machine, &row.section, &row.domain, &row.attribute, &row.value_of_attribute].map(Clone::clone),
            );
            cells.push(mean.map_or(DASH.into(), percent));
            table.rows.push(cells);
        }
    }
    if table.rows.len() == 1 {
        return "No attribute has more than one value among the test clips.\n".into();
    }
    table.render()
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
        reasons.iter().for_each(|r| text.push_str(&format!("* {r}\n")));
    }
    if !doubts.is_empty() {
        text.push_str("\nNot to be trusted:\n\n");
        doubts.iter().for_each(|r| text.push_str(&format!("* {r}\n")));
    }
    if let Some(seeds) = groups.iter().map(|g| g.points.len()).max().filter(|n| *n > 1) {
        text.push_str(&format!("\nMean ± standard deviation over {seeds} seeds. "));
    } else {
        text.push('\n');
    }
    text.push_str("All numbers in %.");
    if has_official(&results.columns()) {
        text.push_str(" Official: harmonic mean of AUC source, AUC target and pAUC over all sections.");
    }
    if results.points.iter().any(|p| p.rows.iter().any(|r| r.metric == "f1")) {
        text.push_str(" Precision, recall and F1: of a domain's own clips, one threshold for both domains.");
    }
    text.push('\n');
    text
}

const DASH: &str = "–";

fn percent(x: f64) -> String {
    format!("{:.2}", 100.0 * x)
}

fn show(stat: Option<Stat>) -> String {
    match stat {
        None => DASH.into(),
        Some(Stat { mean, deviation: Some(d) }) if d > 0.0 => format!("{} ± {}", percent(mean), percent(d)),
        Some(Stat { mean, .. }) => percent(mean),
    }
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
        line.values.iter().zip(self.columns).filter(|(_, shown)| *shown).map(|(v, _)| show(*v)).collect()
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

    /// Columns padded to equal width, numbers to the right.
    fn render(&self) -> String {
        let width = |s: &str| s.chars().count();
        let count = self.rows[0].len();
        let widths: Vec<usize> =
            (0..count).map(|c| self.rows.iter().map(|r| width(&r[c])).max().unwrap_or(0).max(3)).collect();
        let numeric: Vec<bool> = (0..count)
            .map(|c| {
                self.rows.len() > 1
                    && self.rows[1..]
                        .iter()
                        .all(|r| r[c].starts_with(|x: char| x.is_ascii_digit() || "*–".contains(x)) || r[c].is_empty())
            })
            .collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for c in 0..count {
                let pad = " ".repeat(widths[c] - width(&row[c]));
                let cell = if numeric[c] { format!("{pad}{}", row[c]) } else { format!("{}{pad}", row[c]) };
                text.push_str(&format!("| {cell} "));
            }
            text.push_str("|\n");
            if number == 0 {
                for c in 0..count {
                    let dashes = "-".repeat(widths[c]);
                    text.push_str(&if numeric[c] { format!("| {}: ", &dashes[1..]) } else { format!("| {dashes} ") });
                }
                text.push_str("|\n");
            }
        }
        text
    }
}
