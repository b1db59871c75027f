//! Writes the `result.csv` of the evaluators of DCASE task 2.
//!
//! A machine stands in a line of its own, with its sections and means below; means over all and the
//! official score end the table. The evaluator of 2022 takes the rows `source harmonic mean` and
//! `target harmonic mean` from other numbers than their titles say; with one section a machine, as
//! since 2023, there is no difference. Its
//! last row, an interval of the official score, is not made.

use super::mean::Mean;
use super::{Evaluation, Metric, Protocol, SectionResult};
use crate::artifact::Domain;

use Metric::*;

type Column = (&'static str, Metric);

const ALL: [Column; 10] = [
    ("AUC (all)", Auc),
    ("AUC (source)", AucSource),
    ("AUC (target)", AucTarget),
    ("pAUC", Pauc),
    ("precision (source)", PrecisionSource),
    ("precision (target)", PrecisionTarget),
    ("recall (source)", RecallSource),
    ("recall (target)", RecallTarget),
    ("F1 score (source)", F1Source),
    ("F1 score (target)", F1Target),
];
const BY_ID: [Column; 5] =
    [("AUC", Auc), ("pAUC", Pauc), ("precision", Precision), ("recall", Recall), ("F1 score", F1)];
const MEANS: [Column; 5] = BY_ID;

/// The table of a system, in full precision. Columns that no section has (those of decisions) are
/// left out. `None` for 2021, whose tables have another form.
pub fn table(evaluation: &Evaluation) -> Option<String> {
    let protocol = evaluation.protocol;
    if protocol.own_anomalies() {
        return None;
    }
    let all: Vec<&SectionResult> = evaluation.sections.iter().collect();
    let columns = if protocol.has_domains() { &ALL[..] } else { &BY_ID[..] };
    let has = |(_, metric): &&Column| all.iter().any(|s| s.values.contains_key(metric));
    let columns: Vec<Column> = columns.iter().filter(has).copied().collect();
    let mut table = Rows(csv::WriterBuilder::new().flexible(true).from_writer(Vec::new()));
    for sections in evaluation.machines() {
        let first = if protocol.has_domains() { "section" } else { "id" };
        table.row([sections[0].machine.clone()]);
        table.row(std::iter::once(first).chain(columns.iter().map(|c| c.0)));
        for section in sections {
            let values =
                columns.iter().map(|(_, metric)| number(section.values.get(metric).copied()));
            table.row(
                std::iter::once(section.section.trim_start_matches("id_").to_owned()).chain(values),
            );
        }
        let sections: Vec<&SectionResult> = sections.iter().collect();
        table.means(protocol, &sections, "");
        table.row([""]);
    }
    let over = if protocol.has_domains() {
        " over all machine types, sections, and domains"
    } else {
        " over all"
    };
    table.means(protocol, &all, over);
    table.row([""]);
    table.row(["official score", "", &number(Some(evaluation.official_score))]);
    // An empty line, where the writer puts quotes.
    let text = String::from_utf8(table.0.into_inner().expect("memory takes it"));
    Some(text.expect("names are UTF-8").replace("\n\"\"\n", "\n\n"))
}

/// The title of the last row of [`counted`].
pub(super) const SECTIONS: &str = "number of sections";

/// The same table with one row more: how many sections the means over all are of. It has the form of
/// the row of the official score, as the evaluators' own last row has.
pub fn counted(evaluation: &Evaluation) -> Option<String> {
    table(evaluation).map(|table| format!("{table}{SECTIONS},,{}\n", evaluation.sections.len()))
}

struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        self.0.write_record(cells).expect("memory takes it");
    }

    /// The rows of means: of the metrics of both domains together, and of each.
    fn means(&mut self, protocol: Protocol, sections: &[&SectionResult], over: &str) {
        let has = |(_, metric): &&Column| !values(protocol, *metric, None, sections).is_empty();
        let columns: Vec<Column> = MEANS.iter().filter(has).copied().collect();
        self.row(["", ""].into_iter().chain(columns.iter().map(|c| c.0)));
        let domains = [(Some(Domain::Source), "source "), (Some(Domain::Target), "target ")];
        let rows = [(Mean::Arithmetic, None, ""), (Mean::Harmonic, None, "")]
            .into_iter()
            .chain(domains.into_iter().map(|(domain, word)| (Mean::Harmonic, domain, word)));
        for (mean, domain, word) in rows.take(if protocol.has_domains() { 4 } else { 2 }) {
            let kind = if mean == Mean::Arithmetic { "arithmetic" } else { "harmonic" };
            let cells = columns.iter().map(|(_, metric)| {
                let values = values(protocol, *metric, domain, sections);
                let two = values.len() > sections.len();
                number(if two { mean.along(&values) } else { mean.down(&values) })
            });
            let title = [format!("{word}{kind} mean{over}"), String::new()];
            self.row(title.into_iter().chain(cells));
        }
    }
}

/// The values of a metric in the order in which the evaluators add them: all of the source, then
/// all of the target. pAUC is of both domains at once. Empty if a section lacks one.
fn values(
    protocol: Protocol,
    metric: Metric,
    domain: Option<Domain>,
    sections: &[&SectionResult],
) -> Vec<f64> {
    let metrics = match (metric, domain) {
        (Pauc, _) => vec![Pauc],
        _ if !protocol.has_domains() => vec![metric],
        (_, Some(domain)) => vec![metric.of(domain)],
        _ => vec![metric.of(Domain::Source), metric.of(Domain::Target)],
    };
    let all = metrics.iter().flat_map(|m| sections.iter().map(|s| s.values.get(m).copied()));
    all.collect::<Option<_>>().unwrap_or_default()
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:?}"))
}
