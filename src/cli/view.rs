//! Which tables of an experiment to show, and in which form.

use clap::{Args, ValueEnum};
use console::Term;

use super::CliError;
use crate::diagnose::Diagnostic;
use crate::document::Document;
use crate::report;
use crate::report::html::sheet;
use crate::report::{
    BEST, By, NoTable, Part, Results, answer, attributes, best_of, compare, csv, is_long, json,
    overview, pivot, select, tables, value,
};

/// The choice of tables.
#[derive(Args)]
pub struct View {
    /// The tables of all settings and sections, however many
    #[arg(long)]
    all: bool,
    /// How many of the best settings of a sweep are shown
    #[arg(long, value_name = "N", conflicts_with_all = ["all", "compare", "select", "table", "rows", "best_of", "value", "submission"])]
    top: Option<usize>,
    /// AUC per value of each domain-shift attribute as well
    #[arg(long)]
    attributes: bool,
    /// Compare the values of a swept setting, or all settings: mean ranks over the sections, paired
    /// tests
    #[arg(long, value_name = "AXIS", num_args = 0..=1, require_equals = true, conflicts_with_all = ["select", "attributes", "table", "rows", "best_of", "value"])]
    compare: Option<Option<String>>,
    /// Choose settings without looking at the section they are reported for
    #[arg(long, value_enum, value_name = "PROTOCOL", conflicts_with_all = ["attributes", "rows", "best_of"])]
    select: Option<Protocol>,
    /// What to compare or to choose by; the official score, or of data without domains the AUC,
    /// unless said
    #[arg(long, value_name = "NUMBER", value_parser = By::NAMES)]
    by: Option<String>,
    /// These tables alone, without headings: sections, means, published
    #[arg(long, value_name = "TABLE", value_enum, value_delimiter = ',', conflicts_with_all = ["all", "attributes", "rows", "best_of", "value"])]
    table: Vec<Tables>,
    /// A table with a row for each combination of values: swept settings, machine, section
    #[arg(long, value_name = "AXIS", value_delimiter = ',', conflicts_with_all = ["all", "attributes", "best_of", "value"])]
    rows: Vec<String>,
    /// The columns of the table of `--rows`
    #[arg(long, value_name = "AXIS", value_delimiter = ',', requires = "rows")]
    columns: Vec<String>,
    /// The same as `--rows ROWS --columns COLUMNS`
    #[arg(long, value_names = ["ROWS", "COLUMNS"], num_args = 2, conflicts_with_all = ["rows", "all", "attributes", "compare", "select", "table", "best_of", "value"])]
    pivot: Vec<String>,
    /// Of each value of a swept setting the best other settings, chosen by `--by`
    #[arg(long, value_name = "AXIS", conflicts_with_all = ["all", "attributes", "value"])]
    best_of: Option<String>,
    /// The numbers in the table of `--rows` or `--best-of`
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', value_parser = By::NAMES)]
    show: Vec<String>,
    /// One number of one setting alone, or with `--select` of the settings chosen
    #[arg(long, value_name = "NUMBER", value_parser = By::NAMES, conflicts_with_all = ["all", "attributes"])]
    value: Option<String>,
    /// Only points or sections with this value of a swept setting, machine or section
    #[arg(long = "where", value_name = "AXIS=VALUE", value_parser = first_equals)]
    filters: Vec<(String, String)>,
    /// Show a value of a swept setting under another name
    #[arg(long = "label", value_name = "VALUE=NAME", value_parser = last_equals)]
    labels: Vec<(String, String)>,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    Md,
    Csv,
    Json,
    /// One page that needs nothing else: tables, figures, where they are from
    Html,
    /// Tables for a paper, with the rules of booktabs
    Latex,
    /// A terminal of this width, shown in place of Markdown
    #[value(skip)]
    Terminal(usize),
}

impl Shape {
    /// Replaces Markdown by the terminal form if stdout is a terminal.
    pub fn on_stdout(self) -> Self {
        let terminal = Term::stdout();
        match (self, terminal.size_checked()) {
            (Shape::Md, Some((_, width))) if terminal.is_term() => Shape::Terminal(width.into()),
            _ => self,
        }
    }
}

/// Tables that can be shown alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tables {
    /// One row per section; with `--select` one row per held-out section
    Sections,
    /// The means over all sections
    Means,
    /// Published results beside ours
    Published,
}

/// Methods of choosing settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// For each section, the settings that are best on all others
    LeaveOneSectionOut,
    /// The settings under which normal training clips of source and target score most alike
    #[value(name = "domain_balance")]
    DomainBalance,
    /// The settings that tell training clips best from anomalies made from them
    #[value(name = "pseudo_anomalies")]
    PseudoAnomalies,
}

impl From<Protocol> for report::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::LeaveOneSectionOut => Self::LeaveOneSectionOut,
            Protocol::DomainBalance => Self::DomainBalance,
            Protocol::PseudoAnomalies => Self::PseudoAnomalies,
        }
    }
}

pub fn first_equals(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write it as AXIS=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

/// Labels such as `knn k=1` contain an equals sign; names do not.
fn last_equals(text: &str) -> Result<(String, String), String> {
    let pair = text.rsplit_once('=').ok_or("write it as VALUE=NAME")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

impl View {
    /// Whether it makes one number.
    pub fn is_value(&self) -> bool {
        self.value.is_some()
    }

    /// Whether it shows the whole report, not single tables or the answer to a question.
    pub fn is_whole(&self) -> bool {
        let alone = !self.table.is_empty()
            || !self.rows.is_empty()
            || !self.pivot.is_empty()
            || self.best_of.is_some();
        let answer = self.compare.is_some()
            || self.select.is_some()
            || self.top.is_some()
            || self.by.is_some();
        !alone && !answer && self.value.is_none()
    }

    /// The results that the filters leave.
    pub fn chosen(&self, results: &Results) -> Result<Results, CliError> {
        results.clone().narrowed(&self.filters).map_err(no_table)
    }

    /// The results to show, with the labels to show.
    pub fn narrowed(&self, results: Results) -> Result<Results, CliError> {
        results
            .narrowed(&self.filters)
            .and_then(|results| results.relabelled(&self.labels))
            .map_err(no_table)
    }

    /// The report of narrowed results.
    pub fn text(&self, results: &Results, shape: Shape) -> Result<String, CliError> {
        let by = self.by.as_deref().and_then(By::parse).unwrap_or_else(|| By::usual(results));
        let answers = matches!(shape, Shape::Md | Shape::Html | Shape::Latex | Shape::Terminal(_))
            && !self.all
            && (self.top.is_some() || is_long(results));
        let chooses = self.compare.is_some() || self.select.is_some() || self.best_of.is_some();
        if self.by.is_some() && !chooses && !answers {
            let hint = "write `--top N`, `--compare`, `--best-of AXIS` or `--select leave-one-section-out` with it";
            return Err(mistake("E0710", "`--by` says what to compare or to choose by", hint));
        }
        if !self.show.is_empty()
            && self.rows.is_empty()
            && self.pivot.is_empty()
            && self.best_of.is_none()
        {
            return Err(mistake(
                "E0710",
                "`--show` says what stands in a table",
                "write `--rows`, `--pivot` or `--best-of` with it",
            ));
        }
        if let Some(number) = self.number(results, by) {
            return match shape {
                Shape::Md | Shape::Terminal(_) => number,
                _ => Err(mistake(
                    "E0710",
                    "a number alone has one form",
                    "leave `--format` and `--json` out",
                )),
            };
        }
        match (self.alone(results, by), self.answer(results, by)) {
            (Some(document), _) => {
                let document = document?;
                Ok(form(&results.name, &document, &document.json(), shape))
            }
            (None, Some(answer)) => {
                answer.map(|(people, programs)| form(&results.name, &people, &programs, shape))
            }
            (None, None) if answers => {
                let document = answer(results, by, self.top.unwrap_or(BEST));
                let document = with_attributes(document, results, self.attributes);
                Ok(form(&results.name, &document, &serde_json::Value::Null, shape))
            }
            (None, None) => Ok(render(results, shape, self.all, self.attributes)),
        }
    }

    /// One number, if requested.
    fn number(&self, results: &Results, by: By) -> Option<Result<String, CliError>> {
        let number = self.value.as_deref().and_then(By::parse)?;
        let made = match self.select {
            None => value(results, number),
            Some(protocol) => match select(results, by, protocol.into()) {
                Ok(selection) => selection.value(number).ok_or(NoTable::NoNumbers(number.name())),
                Err(why) => return Some(Err(mistake("E0711", why.to_string(), why.hint()))),
            },
        };
        Some(made.map(|text| text + "\n").map_err(no_table))
    }

    /// Single tables, if requested.
    fn alone(&self, results: &Results, by: By) -> Option<Result<Document, CliError>> {
        let shown: Vec<By> = self.show.iter().filter_map(|name| By::parse(name)).collect();
        let shown = if shown.is_empty() { vec![by] } else { shown };
        let parts: Vec<Part> = self.table.iter().map(|table| (*table).into()).collect();
        let made = match (self.select, &self.best_of) {
            (Some(protocol), _) if !parts.is_empty() => {
                return Some(match select(results, by, protocol.into()) {
                    Ok(selection) => selection.tables(&parts).map_err(no_table),
                    Err(why) => Err(mistake("E0711", why.to_string(), why.hint())),
                });
            }
            (Some(_), _) => return None,
            (None, _) if !parts.is_empty() => tables(results, &parts),
            (None, _) if !self.rows.is_empty() => pivot(results, &self.rows, &self.columns, &shown),
            (None, _) if !self.pivot.is_empty() => {
                pivot(results, &self.pivot[..1], &self.pivot[1..], &shown)
            }
            (None, Some(axis)) => best_of(results, axis, by, &shown),
            (None, None) => return None,
        };
        Some(made.map_err(no_table))
    }

    /// The answer to `--compare` or `--select` for users and for programs, if requested.
    fn answer(
        &self,
        results: &Results,
        by: By,
    ) -> Option<Result<(Document, serde_json::Value), CliError>> {
        let answer = match (&self.compare, self.select) {
            (Some(axis), _) => {
                compare(results, axis.as_deref(), by).map(|c| (c.document(self.all), c.json()))
            }
            (_, Some(protocol)) => {
                select(results, by, protocol.into()).map(|s| (s.document(), s.json()))
            }
            (None, None) => return None,
        };
        Some(answer.map_err(|why| mistake("E0711", why.to_string(), why.hint())))
    }
}

impl From<Tables> for Part {
    fn from(tables: Tables) -> Self {
        match tables {
            Tables::Sections => Part::Sections,
            Tables::Means => Part::Means,
            Tables::Published => Part::Published,
        }
    }
}

pub fn form(name: &str, people: &Document, programs: &serde_json::Value, shape: Shape) -> String {
    match shape {
        Shape::Md => people.markdown(),
        Shape::Terminal(width) => people.terminal(width),
        Shape::Latex => people.latex(),
        Shape::Html => sheet(name, people),
        Shape::Csv => people.csv(),
        Shape::Json => pretty(programs),
    }
}

pub fn no_table(why: NoTable) -> CliError {
    mistake("E0714", why.to_string(), why.hint())
}

pub fn mistake(
    code: &'static str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> CliError {
    vec![Diagnostic::new(code, message).hint(hint)].into()
}

fn pretty(document: &serde_json::Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(document).expect("results are JSON"))
}

/// The tables at the end of a run; for many settings, the answer instead.
pub fn document_of_run(results: &Results) -> Document {
    match is_long(results) {
        true => answer(results, By::usual(results), BEST),
        false => overview(results, false),
    }
}

/// The same document as text.
pub fn of_run(results: &Results, json: bool) -> String {
    match json {
        true => render(results, Shape::Json, false, false),
        false => {
            let shape = Shape::Md.on_stdout();
            form(&results.name, &document_of_run(results), &serde_json::Value::Null, shape)
        }
    }
}

/// The results in one of the formats.
fn render(results: &Results, shape: Shape, all: bool, by_attribute: bool) -> String {
    match shape {
        Shape::Csv => csv(results),
        Shape::Json => pretty(&json(results)),
        _ => {
            let document = with_attributes(overview(results, all), results, by_attribute);
            form(&results.name, &document, &serde_json::Value::Null, shape)
        }
    }
}

fn with_attributes(document: Document, results: &Results, asked: bool) -> Document {
    match asked {
        true => document.heading(2, "AUC by domain-shift attribute").then(attributes(results)),
        false => document,
    }
}
