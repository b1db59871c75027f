//! Compares a published table of results with the numbers computed from its scores.
//!
//! Reads the `result.csv` of the baselines and of the evaluators: a line with the machine, a
//! header, one row per section, rows of means; at the end means over all and the official score.
//! Such tables often do not fit the published scores, because a system was run again and its table
//! was not rewritten.

use std::path::Path;

use serde::Serialize;

use super::mean::Mean;
use super::sheet::rows;
use super::table::SECTIONS;
use super::{Evaluation, Metric, Protocol, SectionResult, listed};
use crate::artifact::Domain;
use crate::diagnose::Diagnostic;
use crate::math;
use crate::reading::surplus;

/// Tables written by a program have all digits. The order of a sum may change the last ones.
const ROUNDING: f64 = 1e-12;
/// A table with at least this many decimals somewhere has all digits.
const ALL_DIGITS: usize = 12;

/// The result of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct TableComparison {
    pub table: String,
    pub compared: usize,
    /// How many of them agree to the last bit.
    pub identical: usize,
    /// The largest difference between numbers that agree.
    pub rounding: f64,
    pub differences: Vec<Difference>,
    /// Rows without a counterpart in the evaluation.
    pub not_compared: Vec<String>,
    /// Sections that the table lacks.
    pub not_in_table: Vec<String>,
}

/// A number that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    pub line: u64,
    pub machine: String,
    pub row: String,
    pub column: String,
    pub published: f64,
    /// `None` if there are no scores for it.
    pub computed: Option<f64>,
}

/// Compares `table` with its evaluation: the only one, or the one whose system's name begins the
/// table's name.
pub fn add(evaluations: &mut [Evaluation], table: &Path) -> Result<(), Diagnostic> {
    let wrong = |why: String| {
        Diagnostic::new("E0808", format!("`{}` cannot be compared: {why}", table.display()))
    };
    let file = table.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let system = file.find("result").map_or("", |at| &file[..at]);
    let mut of_table: Vec<&mut Evaluation> = evaluations.iter_mut().collect();
    if of_table.len() > 1 {
        of_table.retain(|e| e.system == system);
    }
    let [evaluation] = of_table.as_mut_slice() else {
        let why = format!("{} systems were evaluated", evaluations.len());
        return Err(wrong(why).hint("give the folder of the system that the table belongs to"));
    };
    let table_rows = rows(table)?;
    let long = longer(&table_rows);
    if !long.is_empty() {
        return Err(wrong(listed(&long)));
    }
    let comparison = Reader::new(evaluation).read(table_rows, table.display().to_string());
    if comparison.compared == 0 {
        let why = "it has no row for a section or a mean".to_owned();
        return Err(
            wrong(why).hint("it should look like the `result.csv` of a baseline or evaluator")
        );
    }
    evaluation.comparison = Some(comparison);
    Ok(())
}

/// Rows with more fields than their header: their numbers stand under wrong titles.
fn longer(rows: &[(u64, Vec<String>)]) -> Vec<String> {
    let mut titles = 0;
    let mut long = Vec::new();
    for (line, row) in rows {
        let why = match row[0].as_str() {
            _ if is_header(row) => {
                titles = row.len();
                None
            }
            // It may stand some columns to the right.
            "official score" => {
                let filled: Vec<String> =
                    row.iter().filter(|field| !field.is_empty()).cloned().collect();
                surplus(&filled, 2, "a score has 2")
            }
            _ if titles > 0 => surplus(row, titles, &format!("the header has {titles}")),
            _ => None,
        };
        long.extend(why.map(|why| format!("line {line}: {why}")));
    }
    long
}

/// Whether a row holds titles.
fn is_header(row: &[String]) -> bool {
    row.iter().any(|cell| ["auc", "aucsource", "aucall"].contains(&plain(cell).as_str()))
}

/// Reads a table from the top.
struct Reader<'a> {
    evaluation: &'a Evaluation,
    machine: String,
    header: Vec<String>,
    numbers: Vec<Number>,
    not_compared: Vec<String>,
}

/// A number of a table, with the computed one.
struct Number {
    place: Difference,
    decimals: usize,
    /// Totals are printed with fewer digits than the rest of a table.
    total: bool,
}

impl<'a> Reader<'a> {
    fn new(evaluation: &'a Evaluation) -> Self {
        Self {
            evaluation,
            machine: String::new(),
            header: Vec::new(),
            numbers: Vec::new(),
            not_compared: Vec::new(),
        }
    }

    fn read(mut self, rows: Vec<(u64, Vec<String>)>, table: String) -> TableComparison {
        let mut seen = Vec::new();
        for (line, row) in rows {
            let first = row[0].as_str();
            if row[1..].iter().all(String::is_empty) {
                self.machine = first.to_owned();
            } else if is_header(&row) {
                self.header = row.iter().map(|cell| plain(cell)).collect();
            } else {
                if !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit()) {
                    seen.push(format!("{} {first}", self.machine));
                }
                self.row(line, &row);
            }
        }
        let sections =
            self.evaluation.sections.iter().map(|s| format!("{} {}", s.machine, s.section));
        let not_in_table = sections.filter(|name| !seen.contains(name)).collect();
        self.finish(table, not_in_table)
    }

    fn row(&mut self, line: u64, row: &[String]) {
        let name = row[0].as_str();
        let total = name.contains("Total");
        let columns: Vec<String> = match name {
            "official score" | SECTIONS => vec![String::new(); row.len()],
            _ => self.header.clone(),
        };
        let domain = row.get(1).and_then(|cell| cell.parse().ok());
        let mut known = false;
        for (cell, column) in row.iter().zip(&columns).skip(1) {
            let Ok(published) = cell.parse::<f64>() else { continue };
            let metrics = metrics(column, domain, self.evaluation.protocol);
            let Some(computed) = self.value(name, &metrics) else { continue };
            known = true;
            let decimals = cell
                .split_once('.')
                .map_or(0, |(_, d)| d.bytes().take_while(u8::is_ascii_digit).count());
            let place = Difference {
                line,
                machine: if total
                    || name.contains("over all")
                    || ["official score", SECTIONS].contains(&name)
                {
                    String::new()
                } else {
                    self.machine.clone()
                },
                row: name.to_owned(),
                column: metrics.iter().map(|m| m.title()).collect::<Vec<_>>().join(", "),
                published,
                computed,
            };
            self.numbers.push(Number { place, decimals, total });
        }
        if !known {
            self.not_compared.push(format!("line {line}: `{name}`"));
        }
    }

    /// The computed value of a row: `None` if it has no counterpart (other rows, missing
    /// decisions), `Some(None)` for sections without scores.
    fn value(&self, row: &str, metrics: &[Metric]) -> Option<Option<f64>> {
        let all: Vec<&SectionResult> = self.evaluation.sections.iter().collect();
        let own: Vec<&SectionResult> =
            all.iter().copied().filter(|s| s.machine == self.machine).collect();
        let of = |mean: Mean, sections: &[&SectionResult]| {
            if sections.is_empty() {
                return Some(None);
            }
            // The evaluators append the values of the target domain to those of the source domain.
            let values =
                metrics.iter().flat_map(|m| sections.iter().map(|s| s.values.get(m).copied()));
            let values: Vec<f64> = values.collect::<Option<_>>()?;
            Some(if metrics.len() > 1 { mean.along(&values) } else { mean.down(&values) })
        };
        // The arithmetic mean of the machines' means.
        let total = |mean: Mean| {
            let machines = all.chunk_by(|a, b| a.machine == b.machine);
            let means: Vec<f64> =
                machines.map(|sections| of(mean, sections).flatten()).collect::<Option<_>>()?;
            Some(Mean::Arithmetic.along(&means))
        };
        match row {
            "official score" => Some(Some(self.evaluation.official_score)),
            SECTIONS => Some(Some(all.len() as f64)),
            _ if metrics.is_empty() => None,
            "arithmetic mean" | "Average" => of(Mean::Arithmetic, &own),
            "harmonic mean" => of(Mean::Harmonic, &own),
            "(A)Total Average" => total(Mean::Arithmetic),
            "(H)Total Average" => total(Mean::Harmonic),
            _ if row.starts_with("arithmetic mean over all") => of(Mean::Arithmetic, &all),
            _ if row.starts_with("harmonic mean over all") => of(Mean::Harmonic, &all),
            _ if row.bytes().all(|b| b.is_ascii_digit()) && metrics.len() == 1 => {
                match own.iter().find(|s| s.section == row) {
                    None => Some(None),
                    Some(section) => section.values.get(&metrics[0]).map(|value| Some(*value)),
                }
            }
            _ => None,
        }
    }

    fn finish(self, table: String, not_in_table: Vec<String>) -> TableComparison {
        let decimals = |total| {
            self.numbers.iter().filter(|n| n.total == total).map(|n| n.decimals).max().unwrap_or(0)
        };
        let tolerance = [false, true].map(|total| match decimals(total) {
            digits if digits >= ALL_DIGITS => ROUNDING,
            digits => 0.5 * math::powi(0.1_f64, digits as i32) + ROUNDING,
        });
        let (compared, mut identical, mut rounding, mut differences) =
            (self.numbers.len(), 0, 0.0_f64, Vec::new());
        for Number { place, total, .. } in self.numbers {
            let difference = place.computed.map(|ours| (ours - place.published).abs());
            match difference {
                Some(difference) if difference <= tolerance[usize::from(total)] => {
                    identical += usize::from(difference == 0.0);
                    rounding = rounding.max(difference);
                }
                _ => differences.push(place),
            }
        }
        TableComparison {
            table,
            compared,
            identical,
            rounding,
            differences,
            not_compared: self.not_compared,
            not_in_table,
        }
    }
}

/// A title without the parts that vary: `AUC (Source)` is `aucsource`.
fn plain(cell: &str) -> String {
    cell.to_lowercase().replace("score", "").chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The metrics of a column: both domains' numbers if the column names no domain.
fn metrics(column: &str, domain: Option<Domain>, protocol: Protocol) -> Vec<Metric> {
    let side = [("source", Domain::Source), ("target", Domain::Target)];
    let named =
        side.iter().find_map(|(word, domain)| Some((column.strip_suffix(word)?, Some(*domain))));
    let (base, of) = named.unwrap_or((column, domain));
    let base = match base {
        "aucall" => return vec![Metric::Auc],
        "auc" => Metric::Auc,
        "pauc" => Metric::Pauc,
        "precision" => Metric::Precision,
        "recall" => Metric::Recall,
        "f1" => Metric::F1,
        _ => return Vec::new(),
    };
    match of {
        Some(domain) => vec![base.of(domain)],
        None if !protocol.has_domains() || (base == Metric::Pauc && !protocol.own_anomalies()) => {
            vec![base]
        }
        None => vec![base.of(Domain::Source), base.of(Domain::Target)],
    }
}

impl TableComparison {
    /// The result in one line.
    pub fn verdict(&self) -> String {
        let Self { table, compared, identical, .. } = self;
        if !self.differences.is_empty() {
            let count = self.differences.len();
            return format!(
                "`{table}` does not belong to these scores: {count} of {compared} numbers differ"
            );
        }
        let mut text = format!(
            "`{table}` belongs to these scores: {compared} numbers agree, {identical} of them to the last digit"
        );
        if self.rounding > 0.0 {
            text.push_str(&format!(", the others within {:.0e}", self.rounding));
        }
        if !self.not_in_table.is_empty() {
            text.push_str(&format!("; it lacks {}", listed(&self.not_in_table)));
        }
        text
    }
}
