//! Score and decision files: their names, and the rows in them.
//!
//! ```text
//! anomaly_score_fan_section_03.csv          anomaly_score_fan_section_03_test.csv            2022 on
//! anomaly_score_fan_section_03_source_test.csv                                               2021
//! anomaly_score_ToyCar_id_05.csv                                                             2020
//! anomaly_score_DCASE2023T2bandsaw_section_00_test_seed13711_id(0_)_Eval.csv                 baseline of 2023
//! ```
//!
//! `decision_result_` likewise. What stands before these words marks one of several systems in one folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::artifact::Domain;
use crate::diagnose::Diagnostic;
use crate::source::names;

use super::{Id, listed};

/// What a file holds of each clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Score,
    Decision,
}

/// What the name of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetName {
    /// What stands before `anomaly_score_`.
    pub system: String,
    pub kind: Kind,
    pub id: Id,
    /// Of a machine's id, as in 2020, and not of a section.
    pub by_id: bool,
    /// 2021 has a file a domain.
    pub domain: Option<Domain>,
}

/// A file and the values of its clips.
#[derive(Debug)]
pub struct Sheet {
    pub path: PathBuf,
    pub domain: Option<Domain>,
    /// By name of the clip without folder and `.wav`.
    pub values: BTreeMap<String, f64>,
}

/// Reads the name of a file; `None` if it is no score or decision file.
pub fn parse_name(file: &str) -> Option<SheetName> {
    let stem = file.strip_suffix(".csv")?;
    let words = [("anomaly_score_", Kind::Score), ("decision_result_", Kind::Decision)];
    let (at, word, kind) = words.into_iter().find_map(|(word, kind)| Some((stem.find(word)?, word, kind)))?;
    let (id, rest) = machine_and_section(&stem[at + word.len()..])?;
    let mut tokens = rest.split('_').filter(|t| !t.is_empty());
    let domain = tokens.next().and_then(|token| token.parse().ok());
    let by_id = !stem[at..].contains("_section_");
    Some(SheetName { system: stem[..at].to_owned(), kind, id, by_id, domain })
}

/// The machine and section of `MACHINE_section_NN` or `MACHINE_id_NN`, and what follows.
pub fn machine_and_section(text: &str) -> Option<(Id, &str)> {
    ["_section_", "_id_"].into_iter().find_map(|word| {
        let at = text.find(word)?;
        let rest = &text[at + word.len()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (machine, section) = (without_year(&text[..at]), &rest[..digits]);
        let id = Id { machine: machine.to_owned(), section: section.to_owned() };
        (!machine.is_empty() && digits > 0).then_some((id, &rest[digits..]))
    })
}

/// `DCASE2023T2bandsaw` is a bandsaw.
fn without_year(machine: &str) -> &str {
    let year = machine.strip_prefix("DCASE").filter(|rest| rest.len() > 6 && rest.is_char_boundary(6));
    match year.map(|rest| rest.split_at(6)) {
        Some((year, rest)) if year.ends_with("T2") && year[..4].bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => machine,
    }
}

/// The name of a clip without folder and `.wav`.
pub fn stem(clip: &str) -> &str {
    let clip = clip.trim();
    let file = clip.rsplit(['/', '\\']).next().unwrap_or(clip);
    names::stem(file).unwrap_or(file)
}

/// Rows of a CSV file as they are: any number of fields, spaces at their ends gone, with their line.
pub fn rows(path: &Path) -> Result<Vec<(u64, Vec<String>)>, Diagnostic> {
    let wrong = |why: String| Diagnostic::new("E0801", format!("`{}` cannot be read: {why}", path.display()));
    let bytes = fs::read(path).map_err(|e| wrong(e.to_string()))?;
    // Files saved by spreadsheets begin with a byte-order mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok((line, record.iter().map(str::to_owned).collect()))
    };
    reader.records().map(row).collect()
}

/// Reads a file. Every row that cannot be used is a problem of its own kind, the first three by line.
pub fn read(path: &Path, name: &SheetName, problems: &mut Vec<Diagnostic>) -> Option<Sheet> {
    let rows = match rows(path) {
        Ok(rows) => rows,
        Err(problem) => {
            problems.push(problem);
            return None;
        }
    };
    let (mut values, mut doubled, mut wrong) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (number, (line, row)) in rows.iter().enumerate() {
        let clip = stem(&row[0]);
        if let Err(why) = names::parse(&format!("{clip}.wav")) {
            // A header, or settings of the detector: only ever in front.
            if number > 0 {
                wrong.push(format!("line {line} is of `{}`: {why}", row[0]));
            }
            continue;
        }
        // Some decision files repeat the score between the name and the decision.
        let text = match name.kind {
            Kind::Score => row.get(1),
            Kind::Decision => row[1..].iter().rev().find(|field| !field.is_empty()),
        };
        match text.map(|t| (t, t.parse::<f64>())) {
            None => wrong.push(format!("line {line} has nothing after `{}`", row[0])),
            Some((_, Ok(value))) if value.is_finite() && (name.kind == Kind::Score || value == 0.0 || value == 1.0) => {
                if values.insert(clip.to_owned(), value).is_some() {
                    doubled.push(format!("`{}`", row[0]));
                }
            }
            Some((text, _)) => {
                let what = if name.kind == Kind::Score { "no finite number" } else { "neither 0 nor 1" };
                wrong.push(format!("line {line}: `{text}` of `{}` is {what}", row[0]));
            }
        }
    }
    let file = path.display();
    if !wrong.is_empty() {
        problems.push(Diagnostic::new("E0803", format!("`{file}` cannot be used: {}", listed(&wrong))));
    }
    if !doubled.is_empty() {
        problems.push(Diagnostic::new("E0803", format!("`{file}` has more than one row of {}", listed(&doubled))));
    }
    Some(Sheet { path: path.to_owned(), domain: name.domain, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_year_and_of_the_baselines() {
        use Domain::Target;
        let cases = [
            ("anomaly_score_fan_section_03.csv", "", Kind::Score, "fan", "03", None),
            ("anomaly_score_fan_section_03_test.csv", "", Kind::Score, "fan", "03", None),
            ("decision_result_fan_section_05_target_test.csv", "", Kind::Decision, "fan", "05", Some(Target)),
            ("tflite_anomaly_score_ToyCar_id_01.csv", "tflite_", Kind::Score, "ToyCar", "01", None),
            (
                "anomaly_score_DCASE2023T2bandsaw_section_00_test_seed13711_id(0_)_Eval.csv",
                "",
                Kind::Score,
                "bandsaw",
                "00",
                None,
            ),
            ("anomaly_score_3DPrinter_section_00_test.csv", "", Kind::Score, "3DPrinter", "00", None),
            ("anomaly_score_DCASE_section_00.csv", "", Kind::Score, "DCASE", "00", None),
        ];
        for (file, system, kind, machine, section, domain) in cases {
            let (id, by_id) = (Id { machine: machine.into(), section: section.into() }, file.contains("ToyCar_id"));
            assert_eq!(parse_name(file), Some(SheetName { system: system.into(), kind, id, by_id, domain }), "{file}");
        }
        for file in
            ["result.csv", "anomaly_score_fan.csv", "anomaly_score_section_00.csv", "anomaly_score_fan_id_x.csv"]
        {
            assert_eq!(parse_name(file), None, "{file}");
        }
        assert_eq!(stem("fan/test/section_03_0000.wav"), "section_03_0000");
        assert_eq!(stem("section_03_0000.5"), "section_03_0000.5");
    }
}
