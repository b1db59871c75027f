//! Reads the files of the ground truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::artifact::{Domain, SectionId};
use crate::diagnose::Diagnostic;
use crate::reading::{Entry, entries, surplus};

use super::fact::{Fact, LIST_OF_2022, SectionTruth, Truth, of_name};
use super::sheet::{is_header, machine_and_section, rows, stem};
use super::{Protocol, listed};

/// Reads `ground_truth_data`, `ground_truth_domain` and the full names of
/// `ground_truth_attributes`.
pub fn folders(
    folder: &Path,
    truth: &mut Truth,
    protocol: Protocol,
) -> Result<(), Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let domains = folder.join("ground_truth_domain");
    for (path, id, domain) in files(&folder.join("ground_truth_data")).map_err(|e| vec![e])? {
        let anomalous = flags(&path, &mut problems);
        let file = domains.join(path.file_name().unwrap_or_default());
        let is_there = fs::symlink_metadata(&file).is_ok();
        let target = if is_there { flags(&file, &mut problems) } else { BTreeMap::new() };
        let mut unknown = Vec::new();
        let section = truth.sections.entry(id).or_default();
        for (clip, anomalous) in anomalous {
            let own = target
                .get(&clip)
                .map(|target| if *target { Domain::Target } else { Domain::Source });
            let named =
                || of_name(&clip, None, Protocol::Dcase2020).ok().and_then(|fact| fact.domain);
            let domain = own.or(domain).or_else(named);
            if protocol.has_domains() && domain.is_none() {
                unknown.push(format!("`{clip}`"));
            }
            section.facts.insert(clip, Fact { anomalous, domain });
        }
        if !unknown.is_empty() {
            let (file, path) = (file.display(), path.display());
            let message =
                format!("`{file}` does not give the domain of {} of `{path}`", listed(&unknown));
            problems.push(Diagnostic::new("E0805", message));
        }
    }
    for (id, section) in &mut truth.sections {
        match aliases(&folder.join("ground_truth_attributes"), id) {
            Ok(aliases) => section.aliases = aliases,
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// The files `ground_truth_<machine>_section_<NN>[_source|_target]_test.csv` of a folder, in order.
fn files(folder: &Path) -> Result<Vec<(PathBuf, SectionId, Option<Domain>)>, Diagnostic> {
    let wrong = |e: std::io::Error| {
        Diagnostic::new("E0801", format!("`{}` cannot be read: {e}", folder.display()))
    };
    let mut found = Vec::new();
    for Entry { name, path, .. } in
        entries(folder).map_err(wrong)?.into_iter().filter(|entry| !entry.is_folder())
    {
        let Some(rest) = name.strip_suffix(".csv").and_then(|f| f.strip_prefix("ground_truth_"))
        else {
            continue;
        };
        if let Some((id, rest)) = machine_and_section(rest) {
            let domain = rest.split('_').find_map(|token| token.parse().ok());
            found.push((path, id, domain));
        }
    }
    found.sort();
    Ok(found)
}

/// A file with names and 0 or 1.
fn flags(path: &Path, problems: &mut Vec<Diagnostic>) -> BTreeMap<String, bool> {
    let rows = rows(path).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    let (mut flags, mut wrong) = (BTreeMap::new(), Vec::new());
    for (number, (line, row)) in rows.into_iter().enumerate() {
        if let Some(why) = surplus(&row, 2, "a label has 2") {
            wrong.push(format!("line {line}: {why}"));
            continue;
        }
        let flag = match row.get(1).map(|f| f.parse::<f64>()) {
            Some(Ok(flag)) if flag == 0.0 || flag == 1.0 => flag == 1.0,
            _ if number == 0 && is_header(&row) && is_no_clip(&row[0]) => continue,
            _ => {
                wrong.push(format!("line {line} does not end in 0 or 1"));
                continue;
            }
        };
        if flags.insert(stem(&row[0]).to_owned(), flag).is_some() {
            wrong.push(format!("line {line} is of `{}` again", row[0]));
        }
    }
    if !wrong.is_empty() {
        problems.push(Diagnostic::new(
            "E0805",
            format!("`{}` cannot be used: {}", path.display(), listed(&wrong)),
        ));
    }
    flags
}

fn is_no_clip(name: &str) -> bool {
    of_name(stem(name), None, Protocol::Dcase2020) == Err("is not a clip's name")
}

/// Full names of a section's clips, from the attribute tables of 2022
/// (`<machine>/attributes_<NN>.csv`) or of later years. Names that two clips share are dropped.
/// These tables are only an aid, so a missing table or an odd row is no error. Rows may be shorter
/// than their header. Three tables of 2024 have two names for a clip: one with `noAttribute`, which
/// the baseline writes, and one with the attributes.
fn aliases(folder: &Path, id: &SectionId) -> Result<BTreeMap<String, String>, Diagnostic> {
    let SectionId { machine, section } = id;
    let later = folder.join(format!("ground_truth_{machine}_section_{section}_test.csv"));
    let table = [later, folder.join(machine).join(format!("attributes_{section}.csv"))];
    let Some(table) = table.iter().find(|t| t.is_file()) else { return Ok(BTreeMap::new()) };
    let rows = rows(table)?;
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (_, row) in &rows {
        let clip = stem(&row[0]);
        let full: BTreeSet<&str> = row[1..].iter().map(|name| stem(name)).collect();
        for full in full.into_iter().filter(|name| !is_no_clip(name)) {
            let first = names.entry(full.to_owned()).or_insert_with(|| Some(clip.to_owned()));
            if first.as_deref() != Some(clip) {
                *first = None;
            }
        }
    }
    Ok(names.into_iter().filter_map(|(full, clip)| Some((full, clip?))).collect())
}

/// How many clips of ToyCar and ToyTrain have a full name with the other label, and how many have a
/// full name.
pub fn contradictions(truth: &Truth) -> (usize, usize) {
    let (mut contradicted, mut known) = (0, 0);
    let toys = truth
        .sections
        .iter()
        .filter(|(id, _)| ["ToyCar", "ToyTrain"].contains(&id.machine.as_str()));
    for (_, section) in toys {
        for (full, clip) in &section.aliases {
            let (Ok(said), Some(fact)) =
                (of_name(full, None, Protocol::Dcase2020), section.facts.get(clip))
            else {
                continue;
            };
            known += 1;
            contradicted += usize::from(said.anomalous != fact.anomalous);
        }
    }
    (contradicted, known)
}

/// Reads a list for all machines: a line with a machine, then the lines of its clips: name, full
/// name and, in 2020, 0 or 1. In place of the last, another full name may stand.
pub fn list(path: &Path, truth: &mut Truth, protocol: Protocol) -> Result<(), Vec<Diagnostic>> {
    let (mut machine, mut wrong) = (None, Vec::new());
    for (line, row) in rows(path).map_err(|e| vec![e])? {
        if row[1..].iter().all(String::is_empty) {
            // A clip whose full name is missing is no machine.
            match is_no_clip(&row[0]) {
                true => machine = Some(row[0].clone()),
                false => wrong.push(format!("line {line}: `{}` has no full name after it", row[0])),
            }
            continue;
        }
        if let Some(why) = surplus(&row, 3, "a clip has at most 3") {
            wrong.push(format!("line {line}: {why}"));
            continue;
        }
        let clip = stem(&row[0]);
        let names = row[1..].iter().map(|name| stem(name));
        let names: Vec<&str> = names
            .enumerate()
            .filter(|(n, name)| *n == 0 || !is_no_clip(name))
            .map(|n| n.1)
            .collect();
        let said =
            names.iter().map(|name| of_name(name, None, protocol)).reduce(|one, other| {
                match (&one, &other) {
                    (Ok(a), Ok(b)) if a != b => Err("and the name after it contradict each other"),
                    (Ok(_), _) => one,
                    _ => other.or(one),
                }
            });
        let said = said.unwrap_or(Err("is not a clip's name"));
        // The machine stands in a line above, so any word will do here.
        let named = format!("x_{clip}");
        let section = machine_and_section(&named);
        match (&machine, section, said) {
            (None, ..) => wrong.push(format!("line {line} stands before the first machine")),
            (_, None, _) => wrong.push(format!("line {line}: `{}` is not a clip's name", row[0])),
            (.., Err(why)) => wrong.push(format!("line {line}: `{}` {why}", row[1])),
            (Some(machine), Some((id, _)), Ok(mut fact)) => {
                match row.get(2).map(String::as_str) {
                    Some("0") => fact.anomalous = false,
                    Some("1") => fact.anomalous = true,
                    _ => {}
                }
                let id = SectionId { machine: machine.clone(), section: id.section };
                let SectionTruth { facts, aliases } = truth.sections.entry(id).or_default();
                if facts.insert(clip.to_owned(), fact).is_some() {
                    wrong.push(format!("line {line} is of `{}` again", row[0]));
                }
                aliases.extend(names.iter().map(|name| ((*name).to_owned(), clip.to_owned())));
            }
        }
    }
    if !wrong.is_empty() {
        let message = format!("`{}` cannot be used: {}", path.display(), listed(&wrong));
        return Err(vec![Diagnostic::new("E0805", message)]);
    }
    truth.path = path.to_owned();
    if protocol == Protocol::Dcase2022 {
        truth.warnings.push(format!("the truth comes from `{}`: {LIST_OF_2022}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_titles_are_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground_truth_fan_section_00_test.csv");
        let told = |first: &str| {
            fs::write(&path, format!("\r\n{first}\r\nsection_00_0001.wav,1\r\n")).unwrap();
            let mut problems = Vec::new();
            let flags = flags(&path, &mut problems);
            assert_eq!(flags.get("section_00_0001"), Some(&true));
            problems.iter().map(|p| p.message.clone()).collect::<String>()
        };
        assert_eq!(told("file_name,anomaly"), "");
        for wrong in [
            "secton_00_0000.wav,2",
            "secton_00_0000,0.5",
            "secton_00_0000.wav,no",
            "section_00_0000.wav",
        ] {
            assert!(told(wrong).contains("line 2 does not end in 0 or 1"), "{wrong}");
        }
        let decimal = "line 2: the row has 3 fields where a label has 2, and what follows the second looks like the \
                       decimals of a number with a comma: write 1.0";
        assert!(told("section_00_0000.wav,1,0").ends_with(decimal));
    }
    #[test]
    fn a_clip_without_a_full_name_is_no_machine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval_data_list.csv");
        let full = "section_00_0000.wav,section_00_source_test_normal_0000.wav";
        let told = |clip: &str| {
            fs::write(&path, format!("fan\n{full}\n{clip}\nvalve,\n{full}\n")).unwrap();
            let mut truth =
                Truth { path: path.clone(), sections: BTreeMap::new(), warnings: Vec::new() };
            let told = list(&path, &mut truth, Protocol::Dcase2025);
            assert!(truth.sections.keys().all(|id| ["fan", "valve"].contains(&&*id.machine)));
            told.err().map(|problems| problems[0].message.clone()).unwrap_or_default()
        };
        assert_eq!(told("section_00_0001.wav,section_00_source_test_anomaly_0001.wav"), "");
        for clip in ["section_00_0001.wav,", "section_00_0001.wav", "section_00_0001,,"] {
            let end = format!("line 3: `{}` has no full name after it", clip.trim_matches(','));
            assert!(told(clip).ends_with(&end), "{}", told(clip));
        }
    }
}
