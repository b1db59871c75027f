//! Score and decision files: their names, and the rows in them.
//!
//! ```text
//! anomaly_score_fan_section_03.csv          anomaly_score_fan_section_03_test.csv            2022 on
//! anomaly_score_fan_section_03_source_test.csv                                               2021
//! anomaly_score_ToyCar_id_05.csv                                                             2020
//! anomaly_score_DCASE2023T2bandsaw_section_00_test_seed13711_id(0_)_Eval.csv                 baseline of 2023
//! ```
//!
//! The same with `decision_result_`. The text before these words marks one of several systems in
//! one folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::artifact::{Domain, SectionId};
use crate::diagnose::Diagnostic;
use crate::reading::{self, surplus, with_point};
use crate::shown::visible;
use crate::source::names;

use super::listed;

/// The kind of value that a file holds for each clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Score,
    Decision,
}

/// The facts in the name of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetName {
    /// The text before `anomaly_score_`.
    pub system: String,
    pub kind: Kind,
    pub id: SectionId,
    /// Whether it has a machine's id, as in 2020, instead of a section.
    pub by_id: bool,
    /// 2021 has one file per domain.
    pub domain: Option<Domain>,
}

/// A file and the values of its clips.
#[derive(Debug)]
pub struct Sheet {
    pub path: PathBuf,
    pub domain: Option<Domain>,
    /// By the name of the clip without folder and `.wav`.
    pub values: BTreeMap<String, f64>,
}

/// Parses the name of a file; `None` if it is not a score or decision file.
pub fn parse_name(file: &str) -> Option<SheetName> {
    let stem = file.strip_suffix(".csv")?;
    let words = [("anomaly_score_", Kind::Score), ("decision_result_", Kind::Decision)];
    let (at, word, kind) =
        words.into_iter().find_map(|(word, kind)| Some((stem.find(word)?, word, kind)))?;
    let (id, rest) = machine_and_section(&stem[at + word.len()..])?;
    let mut tokens = rest.split('_').filter(|t| !t.is_empty());
    let domain = tokens.next().and_then(|token| token.parse().ok());
    let by_id = !stem[at..].contains("_section_");
    Some(SheetName { system: stem[..at].to_owned(), kind, id, by_id, domain })
}

/// The machine and section of `MACHINE_section_NN` or `MACHINE_id_NN`, and the rest.
pub fn machine_and_section(text: &str) -> Option<(SectionId, &str)> {
    ["_section_", "_id_"].into_iter().find_map(|word| {
        let at = text.find(word)?;
        let rest = &text[at + word.len()..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (machine, section) = (without_year(&text[..at]), &rest[..digits]);
        let id = SectionId { machine: machine.to_owned(), section: section.to_owned() };
        (!machine.is_empty() && digits > 0).then_some((id, &rest[digits..]))
    })
}

/// Removes the year: `DCASE2023T2bandsaw` is a bandsaw.
fn without_year(machine: &str) -> &str {
    let year =
        machine.strip_prefix("DCASE").filter(|rest| rest.len() > 6 && rest.is_char_boundary(6));
    match year.map(|rest| rest.split_at(6)) {
        Some((year, rest))
            if year.ends_with("T2") && year[..4].bytes().all(|b| b.is_ascii_digit()) =>
        {
            rest
        }
        _ => machine,
    }
}

/// The name of a clip without folder and `.wav`.
pub fn stem(clip: &str) -> &str {
    let clip = clip.trim();
    let file = clip.rsplit(['/', '\\']).next().unwrap_or(clip);
    names::stem(file).unwrap_or(file)
}

/// Rows of a CSV file with their line numbers: any number of fields, without spaces at their ends.
pub fn rows(path: &Path) -> Result<Vec<(u64, Vec<String>)>, Diagnostic> {
    let wrong = |why: String| {
        Diagnostic::new("E0801", format!("`{}` cannot be read: {why}", path.display()))
    };
    let bytes = reading::read(path, reading::TEXT).map_err(|e| wrong(e.to_string()))?;
    reading::rows(&bytes).map_err(wrong)
}

/// Whether a row without a clip may be a header. A row with a recording's name or a number is a
/// clip with a mistyped name, and must not vanish.
pub fn is_header(row: &[String]) -> bool {
    names::stem(&row[0]).is_none() && row.get(1).is_none_or(|value| value.parse::<f64>().is_err())
}

impl Kind {
    /// The message for a row with too many fields, if it has.
    fn surplus(self, row: &[String]) -> Option<String> {
        match self {
            Kind::Score => surplus(row, 2, "a score has 2"),
            Kind::Decision => surplus(row, 3, "a decision has at most 3"),
        }
    }
}

/// Whether a file has `1,0` and `0,0` for its clips: decisions with a decimal comma. They look like
/// scores followed by the decision 0.
fn has_decimals(rows: &[(u64, Vec<String>)]) -> bool {
    let clips = || {
        rows.iter()
            .map(|(_, row)| row)
            .filter(|row| names::parse(&format!("{}.wav", stem(&row[0]))).is_ok())
    };
    let zeros = |text: &str| !text.is_empty() && text.bytes().all(|b| b == b'0');
    let decided = |row: &&Vec<String>| {
        row.len() > 2 && ["0", "1"].contains(&row[1].as_str()) && zeros(&row[2])
    };
    clips().all(|row| decided(&row)) && clips().any(|row| row[1] == "1")
}

/// Whether a row holds settings: some decision files begin with `decision
/// threshold,0.35,max,0.7,min,0.1`.
fn is_settings(row: &[String]) -> bool {
    names::stem(&row[0]).is_none() && !row[0].contains(|c: char| c.is_ascii_digit())
}

/// Reads a file. All rows that cannot be used become one problem, which lists the first three by
/// line.
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
            let in_front = is_header(row) || (name.kind == Kind::Decision && is_settings(row));
            if number > 0 || !in_front {
                wrong.push(visible(&format!("line {line} is of `{}`: {why}", row[0])).into_owned());
            }
            continue;
        }
        if let Some(why) = name.kind.surplus(row) {
            wrong.push(format!("line {line}: {why}"));
            continue;
        }
        // Some decision files repeat the score between the name and the decision.
        let text = match name.kind {
            Kind::Score => row.get(1),
            Kind::Decision => row[1..].iter().rev().find(|field| !field.is_empty()),
        };
        match text.map(|t| (t, t.parse::<f64>())) {
            None => wrong.push(format!("line {line} has nothing after `{}`", row[0])),
            Some((_, Ok(value)))
                if value.is_finite()
                    && (name.kind == Kind::Score || value == 0.0 || value == 1.0) =>
            {
                if values.insert(clip.to_owned(), value).is_some() {
                    doubled.push(format!("`{}`", row[0]));
                }
            }
            Some((text, _)) => {
                let what = if name.kind == Kind::Score {
                    "not a finite number"
                } else {
                    "neither 0 nor 1"
                };
                let point =
                    with_point(text).map_or(String::new(), |number| format!(": write {number}"));
                wrong.push(
                    visible(&format!("line {line}: `{text}` of `{}` is {what}{point}", row[0]))
                        .into_owned(),
                );
            }
        }
    }
    if name.kind == Kind::Decision && wrong.is_empty() && has_decimals(&rows) {
        let why = "every row has a decision, a comma and zeros, which look like the decimals of the decision";
        wrong.push(format!("{why}: write 0 and 1"));
    }
    let file = path.display();
    if values.is_empty() && wrong.is_empty() {
        problems.push(Diagnostic::new("E0803", format!("`{file}` has no rows of clips")));
    }
    if !wrong.is_empty() {
        problems
            .push(Diagnostic::new("E0803", format!("`{file}` cannot be used: {}", listed(&wrong))));
    }
    if !doubled.is_empty() {
        problems.push(Diagnostic::new(
            "E0803",
            format!("`{file}` has more than one row of {}", listed(&doubled)),
        ));
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
            (
                "decision_result_fan_section_05_target_test.csv",
                "",
                Kind::Decision,
                "fan",
                "05",
                Some(Target),
            ),
            ("tflite_anomaly_score_ToyCar_id_01.csv", "tflite_", Kind::Score, "ToyCar", "01", None),
            (
                "anomaly_score_DCASE2023T2bandsaw_section_00_test_seed13711_id(0_)_Eval.csv",
                "",
                Kind::Score,
                "bandsaw",
                "00",
                None,
            ),
            (
                "anomaly_score_3DPrinter_section_00_test.csv",
                "",
                Kind::Score,
                "3DPrinter",
                "00",
                None,
            ),
            ("anomaly_score_DCASE_section_00.csv", "", Kind::Score, "DCASE", "00", None),
        ];
        for (file, system, kind, machine, section, domain) in cases {
            let (id, by_id) = (
                SectionId { machine: machine.into(), section: section.into() },
                file.contains("ToyCar_id"),
            );
            assert_eq!(
                parse_name(file),
                Some(SheetName { system: system.into(), kind, id, by_id, domain }),
                "{file}"
            );
        }
        for file in [
            "result.csv",
            "anomaly_score_fan.csv",
            "anomaly_score_section_00.csv",
            "anomaly_score_fan_id_x.csv",
        ] {
            assert_eq!(parse_name(file), None, "{file}");
        }
        assert_eq!(stem("fan/test/section_03_0000.wav"), "section_03_0000");
        assert_eq!(stem("section_03_0000.5"), "section_03_0000.5");
    }

    /// The lines of the rows of a file, and its problems as a score or decision file.
    fn told(kind: &str, text: &str) -> (Vec<u64>, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("{kind}_fan_section_00_test.csv");
        let path = folder.path().join(&file);
        std::fs::write(&path, text).unwrap();
        let mut problems = Vec::new();
        read(&path, &parse_name(&file).unwrap(), &mut problems);
        let lines = rows(&path).unwrap_or_default().into_iter().map(|(line, _)| line).collect();
        (lines, problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn a_mistyped_first_clip_is_no_header() {
        let second = "section_00_source_test_normal_0001.wav,1\n";
        for first in [
            "secton_00_source_test_normal_0000.wav,0.5",
            "noise.wav,high",
            "secton_00_source_0000,0.5",
        ] {
            for kind in ["anomaly_score", "decision_result"] {
                let (_, told) = told(kind, &format!("{first}\n{second}"));
                assert!(told.contains("line 1 is of `"), "{first}: {told}");
            }
        }
        for first in ["file_name,anomaly_score", "name", "File,decision"] {
            assert_eq!(told("anomaly_score", &format!("{first}\n{second}")).1, "", "{first}");
        }
        let settings = "decision threshold,0.35,max,0.7,min,0.1";
        assert_eq!(told("decision_result", &format!("{settings}\n{second}")).1, "");
        assert!(told("anomaly_score", &format!("{settings}\n{second}")).1.contains("line 1"));
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let text = "\nname,score\n\nsection_00_0001.wav,1\nsection_00_0002.wav,x\n";
        for end in ["\n", "\r\n", "\r"] {
            let (lines, told) = told("anomaly_score", &text.replace('\n', end));
            assert_eq!(lines, [2, 4, 5], "{end:?}");
            assert!(told.contains("line 5: `x`"), "{told}");
        }
    }

    #[test]
    fn decimal_commas_and_other_separators_are_told() {
        let clip = "section_00_source_test_normal_0000.wav";
        let told = |kind: &str, row: &str| told(kind, &row.replace('@', clip)).1;
        let decimals = "and what follows the second looks like the decimals of a number with a comma: write 9.2345";
        for (kind, row, why) in [
            ("anomaly_score", "@,9,2345\n", format!("line 1: the row has 3 fields where a score has 2, {decimals}")),
            ("anomaly_score", "@,9.2345,x\n", "line 1: the row has 3 fields where a score has 2".to_owned()),
            ("anomaly_score", "@,\"9,2345\"\n", format!("line 1: `9,2345` of `{clip}` is not a finite number: write 9.2345")),
            ("anomaly_score", "@,9.2\u{200b}\n", format!("line 1: `9.2<U+200B>` of `{clip}` is not a finite number")),
            (
                "decision_result",
                "@,9,2345,1\n",
                format!("line 1: the row has 4 fields where a decision has at most 3, {decimals}"),
            ),
            (
                "decision_result",
                "@,1,0\nsection_00_0001.wav,0,0\n",
                "every row has a decision, a comma and zeros, which look like the decimals of the decision: write 0 and 1"
                    .to_owned(),
            ),
        ] {
            assert!(told(kind, row).ends_with(&format!(" cannot be used: {why}")), "{row}: {}", told(kind, row));
        }
        for kind in ["anomaly_score", "decision_result"] {
            let semicolons = told(kind, "@;1\n");
            assert!(semicolons.ends_with(
                " cannot be read: its fields are separated by `;`: save it with commas"
            ));
            let tabs = told(kind, "name,score\n@\t1\nsection_00_0001.wav\t1\n");
            assert!(
                tabs.ends_with(
                    " cannot be read: its fields are separated by tabs: save it with commas"
                ),
                "{tabs}"
            );
        }
        // Forms that the challenge and spreadsheets write.
        for (kind, row) in [
            ("anomaly_score", "@,9.2345,,\n"),
            ("decision_result", "@,1\n"),
            ("decision_result", "@,0.5,1\n"),
            ("decision_result", "@,1,0\nsection_00_0001.wav,0.5,0\n"),
            ("decision_result", "@,0,0\n"),
        ] {
            assert_eq!(told(kind, row), "", "{row}");
        }
    }

    #[test]
    fn a_file_without_clips_is_told_so() {
        for text in ["", "name,score\n"] {
            assert!(told("anomaly_score", text).1.ends_with("has no rows of clips"));
        }
    }
}
