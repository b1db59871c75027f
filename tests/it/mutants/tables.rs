//! Attribute tables: what is accepted gives each clip the attributes that a simple reading of the
//! table gives.

use std::collections::BTreeMap;

use humshift::digest::Digest;
use humshift::seed::Rng;
use humshift::source::{ListedFile, SectionId, SourceSpec};
use serde_json::json;

use super::engine::{Case, Fate, Verdict, hold, wrong};
use super::mutate::{bytes, pick, text};
use super::program::{Program, judged};
use crate::project::Project;
use crate::sounds::{self, SPEC};

type Attributes = BTreeMap<String, String>;

/// The clips of a section, by path.
fn clips() -> Vec<String> {
    let files = sounds::data_set()
        .into_keys()
        .filter_map(|path| path.strip_prefix("data/").map(str::to_owned));
    files
        .filter(|path| {
            path.starts_with("fan/") && path.contains("section_00") && path.ends_with(".wav")
        })
        .collect()
}

/// Tables as they come with the data sets of several years.
fn bases(clips: &[String]) -> Vec<String> {
    let mut wide = "file_name,d1p,d1v,d2p,d2v,recording\n".to_owned();
    let mut full = "file_name,d1p,d1v,file_name_with_full_attributes\r\n".to_owned();
    let mut short = "d1v,file_name,d1p\n".to_owned();
    for (number, clip) in clips.iter().enumerate() {
        let (mic, file) =
            (["near", "far"][number % 2], clip.rsplit('/').next().unwrap_or_default());
        let velocity = if clip.contains("vel_17") { 17 } else { 10 + 2 * (number % 2) };
        wide.push_str(&format!("data/{clip},mic,{mic},loc, A ,x\n"));
        full.push_str(&format!("{clip},n-lv,L{},{clip}\r\n", number % 3));
        short.push_str(&format!("{velocity},{file},car\n"));
    }
    vec![wide, full, short]
}

fn mutant(rng: &mut Rng, bases: &[String]) -> Vec<u8> {
    let (base, other) = (pick(rng, bases), pick(rng, bases));
    if rng.below(3) == 0 {
        bytes(rng, base.as_bytes(), other.as_bytes())
    } else {
        text(rng, base, other).into_bytes()
    }
}

/// What the table says of the clip at `path`: of the rows that name it, all say the same.
fn row(table: &[u8], path: &str) -> Result<Attributes, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(table);
    let rows: Result<Vec<csv::StringRecord>, csv::Error> = reader.records().collect();
    let rows = rows.map_err(|e| e.to_string())?;
    let (header, rows) = rows.split_first().ok_or("it is empty")?;
    let column = |name: &str| {
        header.iter().position(|found| found == name).ok_or(format!("no column {name}"))
    };
    let file = column("file_name")?;
    let tail = |path: &str, parts: usize| {
        let parts: Vec<&str> = path.rsplit('/').take(parts).collect();
        parts.into_iter().rev().collect::<Vec<_>>().join("/")
    };
    // A row names a clip by its folder and name, or, if none does so, by its name alone.
    let named = |parts: usize| {
        let whole = tail(path, parts);
        let own = move |row: &&csv::StringRecord| {
            row.get(file).is_some_and(|named| tail(named, 2) == whole)
        };
        rows.iter().filter(own).collect::<Vec<_>>()
    };
    let own = Some(named(2)).filter(|rows| !rows.is_empty()).unwrap_or_else(|| named(1));
    let mut all: Vec<Attributes> = Vec::new();
    for row in own {
        let mut attributes = Attributes::new();
        for (at, name) in header.iter().enumerate() {
            let Some(number) = name.strip_prefix('d').and_then(|rest| rest.strip_suffix('p'))
            else {
                continue;
            };
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            let Ok(value) = column(&format!("d{number}v")) else { continue };
            if let (Some(key), Some(value)) =
                (row.get(at).filter(|key| !key.is_empty()), row.get(value))
            {
                attributes.insert(key.to_owned(), value.to_owned());
            }
        }
        all.push(attributes);
    }
    match all.split_first() {
        None => Ok(Attributes::new()),
        Some((first, rest)) if rest.iter().all(|other| other == first) => Ok(first.clone()),
        Some(_) => Err(format!("rows of `{path}` contradict each other")),
    }
}

fn one(case: &mut Case, source: &SourceSpec, files: &[ListedFile], bases: &[String]) -> Verdict {
    let table = mutant(&mut case.rng, bases);
    case.keep("attributes_00.csv", &table);
    let section = SectionId { machine: "fan".to_owned(), section: "00".to_owned() };
    let member = source.member();
    let Ok(recordings) = member.clips(&section, files, std::slice::from_ref(&table)) else {
        return Ok(Fate::Refused);
    };
    if recordings.len() != files.len() {
        return Err(wrong(format!("{} clips of {}", recordings.len(), files.len())));
    }
    for recording in recordings {
        let path = &recording.clip.id;
        let mut right =
            row(&table, path).map_err(|why| wrong(format!("it was accepted: {why}")))?;
        let velocity = path
            .rsplit_once("vel_")
            .and_then(|(_, rest)| rest.strip_suffix(".wav"))
            .unwrap_or_default();
        let said = right.insert("vel".to_owned(), velocity.to_owned());
        // `10.0` and `10` are one value, and a field that was left empty is none.
        let said = said.filter(|said| !said.is_empty());
        if said
            .as_ref()
            .is_some_and(|said| said != velocity && said.parse::<f64>() != velocity.parse::<f64>())
        {
            return Err(wrong(format!(
                "`{path}` has the velocity {said:?} in its table and was accepted"
            )));
        }
        if recording.clip.attributes != right {
            let found = &recording.clip.attributes;
            return Err(wrong(format!(
                "`{path}` has the attributes {found:?}, should have {right:?}"
            )));
        }
    }
    Ok(Fate::Accepted)
}

#[test]
fn attribute_tables() {
    let clips = clips();
    let source = SourceSpec::parse("dcase", &json!({ "root": "data" })).expect("good settings");
    let listed =
        |path: &String| ListedFile { path: path.clone(), sha256: Digest::of(path.as_bytes()) };
    let files: Vec<ListedFile> = clips.iter().map(listed).collect();
    let bases = bases(&clips);
    hold("tables", 2000, 4, |case| one(case, &source, &files, &bases));
}

/// The rows of a tidy report that are of no attribute.
fn of_sections(report: &str) -> Vec<String> {
    report
        .lines()
        .filter(|row| row.split(',').nth(4).is_none_or(str::is_empty))
        .map(str::to_owned)
        .collect()
}

#[test]
fn attribute_tables_of_whole_runs() {
    let project = Project::with(
        &SPEC.replace("root: data", "root: data, machines: [fan], sections: [\"00\"]"),
    );
    project.write_all(&sounds::data_set());
    let reference = of_sections(&project.report_of_an_empty_cache());
    let bases = bases(&clips());
    hold("tables-program", 25, 200, |case| {
        let table = mutant(&mut case.rng, &bases);
        case.keep("attributes_00.csv", &table);
        project.write("data/fan/attributes_00.csv", &table);
        let program = Program::new(&project);
        let fate = judged(&program.run("run spec.yaml"))?;
        judged(&program.run("report spec.yaml --attributes"))?;
        let report = program.run("report spec.yaml --format csv");
        // Attributes do not change what a detector hears.
        let numbers = of_sections(&report.stdout);
        if judged(&report)? == Fate::Accepted && fate == Fate::Accepted && numbers != reference {
            return Err(wrong(format!("the report is {numbers:?}, should be {reference:?}")));
        }
        Ok(fate)
    });
}
