//! Renders evaluations as a document, as tidy CSV and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Evaluation, Means, Metric, Protocol, SectionResult, TableComparison, listed, means};
use crate::document::{Cell, Document, Table};

const DASH: &str = "–";

/// Tables of every system. With several systems also a table of their official scores.
pub fn document(evaluations: &[Evaluation]) -> Document {
    let document = evaluations.iter().map(system).fold(Document::default(), Document::then);
    if evaluations.len() < 2 {
        return document;
    }
    let mut ranked: Vec<&Evaluation> = evaluations.iter().collect();
    ranked.sort_by(|a, b| b.official_score.total_cmp(&a.official_score));
    let mut table = Table::new(["system", "official score"]);
    ranked.iter().for_each(|e| table.push(vec![(&e.name).into(), percent(Some(e.official_score))]));
    document.heading(1, "All systems").table(table)
}

fn system(evaluation: &Evaluation) -> Document {
    let protocol = evaluation.protocol;
    let has = |metric: &&Metric| {
        !protocol.is_aside(**metric)
            && evaluation.sections.iter().any(|s| s.values.contains_key(*metric))
    };
    let metrics: Vec<Metric> = protocol.metrics().iter().filter(has).copied().collect();
    let cells = |names: [&str; 2], values: &BTreeMap<Metric, f64>| -> Vec<Cell> {
        let numbers = metrics.iter().map(|m| percent(values.get(m).copied()));
        names.into_iter().map(Cell::from).chain(numbers).collect()
    };
    let header =
        ["machine", if protocol.has_domains() { "section" } else { "id" }].map(str::to_owned);
    let mut table = Table::new(header.into_iter().chain(metrics.iter().map(|m| m.title())));
    for sections in evaluation.machines() {
        sections.iter().for_each(|s| table.push(cells([&s.machine, &s.section], &s.values)));
        if sections.len() > 1 {
            let (machine, means) = (&sections[0].machine, means(sections));
            table.push(cells([machine, "arithmetic mean"], &means.arithmetic_mean));
            table.push(cells([machine, "harmonic mean"], &means.harmonic_mean));
        }
    }
    let all = means(&evaluation.sections);
    table.push(cells(["all", "arithmetic mean"], &all.arithmetic_mean));
    table.push(cells(["all", "harmonic mean"], &all.harmonic_mean));
    let official = percent(Some(evaluation.official_score)).text;
    let pauc = if evaluation.max_fpr == 0.1 {
        String::new()
    } else {
        format!(" pAUC to {}.", evaluation.max_fpr)
    };
    let document = Document::titled(&format!("{}, {}", evaluation.name, protocol.name()), None)
        .table(table)
        .text(format!("Official score: {official} ({})", evaluation.official_score))
        .text(format!("All numbers in %.{pauc} {}", protocol.rule()));
    match &evaluation.comparison {
        Some(comparison) => compared(document, comparison),
        None => document,
    }
}

fn compared(document: Document, comparison: &TableComparison) -> Document {
    let document =
        document.heading(2, "Compared with a table").text(format!("{}.", comparison.verdict()));
    let mut table =
        Table::new(["line", "machine", "row", "column", "in the table", "from the scores"]);
    for d in &comparison.differences {
        let computed = d.computed.map_or("no scores".to_owned(), |value| value.to_string());
        let published = Cell::number(Some(d.published), d.published.to_string());
        let names = [&d.line.to_string(), &d.machine, &d.row, &d.column].map(Cell::from);
        table.push(
            names.into_iter().chain([published, Cell::number(d.computed, computed)]).collect(),
        );
    }
    let document = if table.rows.is_empty() { document } else { document.table(table) };
    match comparison.not_compared.is_empty() {
        true => document,
        false => {
            let rows = listed(&comparison.not_compared);
            document.text(format!("Not compared, because they have no counterpart: {rows}."))
        }
    }
}

fn percent(value: Option<f64>) -> Cell {
    Cell::number(value, value.map_or(DASH.to_owned(), |value| format!("{:.2}", 100.0 * value)))
}

/// One row per number, in full precision: `system,machine,section,metric,value`. Means have their
/// name in place of the section. Means over all and the official score have no machine.
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

/// The summary of a single system, or `systems`, a list of several.
pub fn json(evaluations: &[Evaluation]) -> String {
    let text = match evaluations {
        [one] => serde_json::to_string_pretty(&summary(one)),
        many => {
            let systems: Vec<Summary> = many.iter().map(summary).collect();
            serde_json::to_string_pretty(&BTreeMap::from([("systems", systems)]))
        }
    };
    format!("{}\n", text.expect("results are JSON"))
}

/// The order of the fields is the order in the JSON.
#[derive(Serialize)]
struct Summary<'a> {
    official_score: f64,
    system: &'a str,
    protocol: Protocol,
    max_fpr: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: &'a Option<TableComparison>,
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

fn summary(evaluation: &Evaluation) -> Summary<'_> {
    Summary {
        official_score: evaluation.official_score,
        system: &evaluation.name,
        protocol: evaluation.protocol,
        max_fpr: evaluation.max_fpr,
        comparison: &evaluation.comparison,
        warnings: &evaluation.warnings,
        means: means(&evaluation.sections),
        machines: evaluation
            .machines()
            .map(|sections| Machine {
                machine: &sections[0].machine,
                means: means(sections),
                sections,
            })
            .collect(),
    }
}
