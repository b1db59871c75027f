//! Evaluations as tables for people, as tidy CSV and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Comparison, Evaluation, Means, Metric, Protocol, SectionResult, listed, means};
use crate::shown::{cell, shown};

const DASH: &str = "–";

/// Tables of every system; official scores of all beside each other if there are several.
pub fn markdown(evaluations: &[Evaluation]) -> String {
    let mut parts: Vec<String> = evaluations.iter().map(system).collect();
    if evaluations.len() > 1 {
        let mut ranked: Vec<&Evaluation> = evaluations.iter().collect();
        ranked.sort_by(|a, b| b.official_score.total_cmp(&a.official_score));
        let mut rows = vec![vec!["system".to_owned(), "official score".to_owned()]];
        rows.extend(ranked.iter().map(|e| vec![e.name.clone(), percent(e.official_score)]));
        parts.push(format!("# All systems\n\n{}", table(&rows, 1)));
    }
    parts.join("\n")
}

fn system(evaluation: &Evaluation) -> String {
    let protocol = evaluation.protocol;
    let has = |metric: &&Metric| {
        !protocol.is_aside(**metric) && evaluation.sections.iter().any(|s| s.values.contains_key(*metric))
    };
    let metrics: Vec<Metric> = protocol.metrics().iter().filter(has).copied().collect();
    let cells = |names: [&str; 2], values: &BTreeMap<Metric, f64>| -> Vec<String> {
        let numbers = metrics.iter().map(|m| values.get(m).map_or(DASH.to_owned(), |v| percent(*v)));
        names.into_iter().map(str::to_owned).chain(numbers).collect()
    };
    let header = ["machine", if protocol.has_domains() { "section" } else { "id" }].map(str::to_owned);
    let mut rows = vec![header.into_iter().chain(metrics.iter().map(|m| m.title())).collect::<Vec<_>>()];
    for sections in evaluation.machines() {
        rows.extend(sections.iter().map(|s| cells([&s.machine, &s.section], &s.values)));
        if sections.len() > 1 {
            let (machine, means) = (&sections[0].machine, means(sections));
            rows.push(cells([machine, "arithmetic mean"], &means.arithmetic_mean));
            rows.push(cells([machine, "harmonic mean"], &means.harmonic_mean));
        }
    }
    let all = means(&evaluation.sections);
    rows.push(cells(["all", "arithmetic mean"], &all.arithmetic_mean));
    rows.push(cells(["all", "harmonic mean"], &all.harmonic_mean));
    let mut text = format!("# {}, {}\n\n{}\n", shown(&evaluation.name), protocol.name(), table(&rows, 2));
    text.push_str(&format!(
        "Official score: {} ({})\n\n",
        percent(evaluation.official_score),
        evaluation.official_score
    ));
    let pauc = if evaluation.max_fpr == 0.1 { String::new() } else { format!(" pAUC to {}.", evaluation.max_fpr) };
    text.push_str(&format!("All numbers in %.{pauc} {}\n", protocol.rule()));
    if let Some(comparison) = &evaluation.comparison {
        text.push_str(&compared(comparison));
    }
    text
}

fn compared(comparison: &Comparison) -> String {
    let mut text = format!("\n## Compared with a table\n\n{}.\n", shown(&comparison.verdict()));
    if !comparison.differences.is_empty() {
        let header = ["line", "machine", "row", "column", "in the table", "from the scores"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        rows.extend(comparison.differences.iter().map(|d| {
            let computed = d.computed.map_or("no scores".to_owned(), |value| value.to_string());
            let names = [d.line.to_string(), d.machine.clone(), d.row.clone(), d.column.clone()];
            names.into_iter().chain([d.published.to_string(), computed]).collect()
        }));
        text.push_str(&format!("\n{}", table(&rows, 4)));
    }
    if !comparison.not_compared.is_empty() {
        let rows = listed(&comparison.not_compared);
        let rows = shown(&rows);
        text.push_str(&format!("\nNot compared, for want of a counterpart: {rows}.\n"));
    }
    text
}

fn percent(value: f64) -> String {
    format!("{:.2}", 100.0 * value)
}

/// Columns padded to equal width; those after the first `names` to the right.
fn table(rows: &[Vec<String>], names: usize) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|text| cell(text).into_owned()).collect()).collect();
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0).max(3);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |cells: &dyn Fn(usize, usize) -> String| {
        let cells: Vec<String> = widths.iter().enumerate().map(|(column, width)| cells(column, *width)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        text.push_str(&line(&|column, width| {
            let cell = &row[column];
            if column < names { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        }));
        if number == 0 {
            let dashes = |column: usize, width: usize| match column < names {
                true => "-".repeat(width),
                false => format!("{}:", "-".repeat(width - 1)),
            };
            text.push_str(&line(&dashes));
        }
    }
    text
}

/// One row a number, in full precision: `system,machine,section,metric,value`. Means have their name in place of the
/// section, those over all and the official score no machine.
pub fn csv(evaluations: &[Evaluation]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut row = |cells: [&str; 5]| writer.write_record(cells).expect("memory takes it");
    row(["system", "machine", "section", "metric", "value"]);
    for evaluation in evaluations {
        let mut rows = |machine: &str, section: &str, values: &BTreeMap<Metric, f64>| {
            for (metric, value) in values {
                row([&evaluation.name, machine, section, metric.name(), &value.to_string()]);
            }
        };
        let mut both = |machine: &str, sections: &[SectionResult]| {
            let means = means(sections);
            rows(machine, "arithmetic mean", &means.arithmetic_mean);
            rows(machine, "harmonic mean", &means.harmonic_mean);
        };
        for sections in evaluation.machines() {
            both(&sections[0].machine, sections);
        }
        both("", &evaluation.sections);
        for section in &evaluation.sections {
            rows(&section.machine, &section.section, &section.values);
        }
        row([&evaluation.name, "", "", "official_score", &evaluation.official_score.to_string()]);
    }
    String::from_utf8(writer.into_inner().expect("memory takes it")).expect("names are UTF-8")
}

/// One document: of the one system, or `systems`, the list of several.
pub fn json(evaluations: &[Evaluation]) -> String {
    let text = match evaluations {
        [one] => serde_json::to_string_pretty(&document(one)),
        many => {
            let systems: Vec<Document> = many.iter().map(document).collect();
            serde_json::to_string_pretty(&BTreeMap::from([("systems", systems)]))
        }
    };
    format!("{}\n", text.expect("results are JSON"))
}

/// In the order of the fields.
#[derive(Serialize)]
struct Document<'a> {
    official_score: f64,
    system: &'a str,
    protocol: Protocol,
    max_fpr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: &'a Option<Comparison>,
    warnings: &'a [String],
    #[serde(flatten)]
    means: Means,
    machines: Vec<Machine<'a>>,
}

#[derive(Serialize)]
struct Machine<'a> {
    machine: &'a str,
    #[serde(flatten)]
    means: Means,
    sections: &'a [SectionResult],
}

fn document(evaluation: &Evaluation) -> Document<'_> {
    Document {
        official_score: evaluation.official_score,
        system: &evaluation.name,
        protocol: evaluation.protocol,
        max_fpr: evaluation.max_fpr,
        comparison: &evaluation.comparison,
        warnings: &evaluation.warnings,
        means: means(&evaluation.sections),
        machines: evaluation
            .machines()
            .map(|sections| Machine { machine: &sections[0].machine, means: means(sections), sections })
            .collect(),
    }
}
