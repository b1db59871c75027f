//! Data sets in the layouts of DCASE task 2 (2020 to 2026, MIMII DG) and of MIMII (2019).
//!
//! MIMII has no split of its own: all abnormal clips and as many normal ones are for testing, the rest for
//! training. Labels and domains come from names, never from tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};

use super::layout::{Placed, place, scan};
use super::missing::nothing_found;
use super::table::Table;
use super::untrusted::{problem, same as same_name};
use super::{ListedFile, Listing, Recording, SectionId, Source, SourceError};
use crate::artifact::{Audio, Channel, Clip, Label, Split};
use crate::diagnose::{Problem, suggest};

/// Settings of `dcase`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dcase {
    /// The folder that holds the machines' folders, or `dev_data` and `eval_data` with them.
    pub root: PathBuf,
    /// Only these machines; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<String>,
    /// Only these sections; empty: all. A number stands for two digits, because YAML reads `00` as one.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sections")]
    pub sections: Vec<String>,
    #[serde(default)]
    pub channel: Channel,
    #[serde(default)]
    pub attributes: Attributes,
}

/// Where attributes come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attributes {
    /// From the file names, and what they lack from the tables `attributes_XX.csv`. Where the two
    /// contradict each other, there is no clip set but an error.
    #[default]
    Both,
    /// From the file names alone.
    Names,
}

fn sections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<serde_json::Value>::deserialize(deserializer)?
        .into_iter()
        .map(|value| match (&value, value.as_u64()) {
            (serde_json::Value::String(text), _) => Ok(text.clone()),
            (_, Some(number)) => Ok(format!("{number:02}")),
            _ => Err(serde::de::Error::custom(format!("`{value}` is no section such as \"00\""))),
        })
        .collect()
}

impl Source for Dcase {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.root.as_os_str().is_empty() {
            problems.push(Problem::new("root", "the path is empty").hint("write the folder that holds the machines"));
        }
        for (field, names) in [("machines", &self.machines), ("sections", &self.sections)] {
            let mut seen = BTreeSet::new();
            for name in names.iter().filter(|name| !seen.insert(*name)) {
                problems.push(Problem::new(field, format!("`{name}` is listed twice")).hint("leave one out"));
            }
            problems.extend(names.iter().filter_map(|name| problem(field, field.trim_end_matches('s'), name)));
        }
        problems
    }

    fn mixed(&self) -> bool {
        true
    }

    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn list(&self) -> Result<Listing, SourceError> {
        if !self.root.is_dir() {
            return Err(nothing_found(&self.root, &[]));
        }
        let mut listing = scan(&self.root)?;
        if listing.sections.is_empty() {
            return Err(nothing_found(&self.root, &listing.strays));
        }
        self.choose(&mut listing)?;
        for (id, files) in &listing.sections {
            mimii_test_clips(id, files.audio.iter().map(String::as_str))?;
        }
        if self.attributes == Attributes::Names {
            listing.sections.values_mut().for_each(|files| files.tables.clear());
        }
        Ok(listing)
    }

    fn clips(&self, id: &SectionId, files: &[ListedFile], tables: &[Vec<u8>]) -> Result<Vec<Recording>, SourceError> {
        let tables = match self.attributes {
            Attributes::Both => tables.iter().map(|bytes| parse_table(id, bytes)).collect::<Result<_, _>>()?,
            Attributes::Names => Vec::new(),
        };
        let tests = mimii_test_clips(id, files.iter().map(|file| file.path.as_str()))?;
        let mut recordings = Vec::new();
        for file in files {
            let wrong = |why| SourceError::File { path: file.path.clone(), why };
            let Placed { split, mut name, .. } = place(&file.path).map_err(wrong)?;
            for table in &tables {
                complete(&mut name.attributes, table, &file.path, id)?;
            }
            let mimii = if tests.contains(file.path.as_str()) { Split::Test } else { Split::Train };
            let clip = Clip {
                id: file.path.clone(),
                machine: id.machine.clone(),
                section: id.section.clone(),
                domain: name.domain,
                split: split.unwrap_or(mimii),
                label: name.label,
                attributes: name.attributes,
            };
            recordings.push(Recording { clip, audio: Audio::Wav { channel: self.channel, sha256: file.sha256 } });
        }
        Ok(recordings)
    }

    fn keyed(&self) -> serde_json::Value {
        serde_json::json!({ "dcase": { "channel": self.channel, "attributes": self.attributes } })
    }
}

impl Dcase {
    /// Keeps the chosen machines and sections; names that are not there are errors, all at once.
    fn choose(&self, listing: &mut Listing) -> Result<(), SourceError> {
        let machines: BTreeSet<String> = listing.sections.keys().map(|id| id.machine.clone()).collect();
        listing.sections.retain(|id, _| is_chosen(&self.machines, &id.machine));
        let sections: BTreeSet<String> = listing.sections.keys().map(|id| id.section.clone()).collect();
        listing.sections.retain(|id, _| is_chosen(&self.sections, &id.section));
        let mut missing = Vec::new();
        let mut hints = Vec::new();
        for (what, chosen, known) in [("machine", &self.machines, &machines), ("section", &self.sections, &sections)] {
            // Without a known machine every section is missing: one fault, not two.
            let is_known = |name: &str| known.is_empty() || known.iter().any(|known| same_name(known, name));
            for name in chosen.iter().filter(|name| !is_known(name)) {
                missing.push(format!("no {what} `{name}`"));
                hints.push(suggest(name, known.iter().map(String::as_str)));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        hints.dedup();
        let message = format!("`{}` has {}", self.root.display(), missing.join(" and "));
        Err(SourceError::Layout { message, hint: hints.join("; ") })
    }
}

/// Whether a name is among the chosen ones, or none was chosen.
fn is_chosen(chosen: &[String], name: &str) -> bool {
    chosen.is_empty() || chosen.iter().any(|chosen| same_name(chosen, name))
}

/// The clips of a section of MIMII (2019) to test with: all abnormal ones and as many normal ones, the
/// first in the order of their paths. The rest is for training. MIMII gives no split; this is the one of
/// its authors' baseline (Purohit et al. 2019). Clips of other layouts are left out.
fn mimii_test_clips<'a>(
    id: &SectionId,
    paths: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<&'a str>, SourceError> {
    let mut by_label: BTreeMap<Label, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        if let Ok(Placed { split: None, name, .. }) = place(path) {
            by_label.entry(name.label.unwrap_or(Label::Normal)).or_default().insert(path);
        }
    }
    let normal = by_label.remove(&Label::Normal).unwrap_or_default();
    let mut tests = by_label.remove(&Label::Anomaly).unwrap_or_default();
    if normal.len() <= tests.len() && !tests.is_empty() {
        let SectionId { machine, section } = id;
        return Err(SourceError::Layout {
            message: format!(
                "no clips are left to train on in `{machine}` `{section}`: it has {} normal, {} abnormal",
                normal.len(),
                tests.len()
            ),
            hint: "MIMII has no split of its own: all abnormal clips and as many normal ones are for testing, \
                   the rest for training; add normal clips, or leave the section out with `sections`"
                .into(),
        });
    }
    let count = tests.len();
    tests.extend(normal.into_iter().take(count));
    Ok(tests)
}

fn parse_table(id: &SectionId, bytes: &[u8]) -> Result<Table, SourceError> {
    Table::parse(bytes).map_err(|why| SourceError::File { path: table_name(id), why })
}

/// What to call a section's table: clips are made from the contents of tables, whose paths are not known.
fn table_name(id: &SectionId) -> String {
    format!("{}/attributes_{}.csv", id.machine, id.section)
}

/// Adds what the table knows and the name does not.
fn complete(
    attributes: &mut BTreeMap<String, String>,
    table: &Table,
    path: &str,
    id: &SectionId,
) -> Result<(), SourceError> {
    let Some(row) = table.row(path) else { return Ok(()) };
    for (key, value) in &row.attributes {
        match attributes.get(key) {
            Some(named) if !same(named, value) => {
                let why = format!(
                    "line {}: `{key}` is `{value}`, but the name of `{path}` says `{named}` \
                     (correct one of them, or set `attributes: names` to leave the tables unread)",
                    row.line
                );
                return Err(SourceError::File { path: table_name(id), why });
            }
            Some(_) => {}
            None => {
                attributes.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// Equal as text or as numbers: a table may say 0.1 where a name says 0.10.
fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::super::tree::of_empty_files;
    use super::*;
    use crate::artifact::Domain;
    use crate::digest::Digest;
    use crate::source::SourceSpec;
    use serde_json::json;

    fn source(settings: serde_json::Value) -> Dcase {
        match SourceSpec::parse("dcase", &settings).unwrap() {
            SourceSpec::Dcase(source) => source,
            other => panic!("{other:?}"),
        }
    }

    /// A folder with empty files, and the source of it.
    fn tree(files: &[&str]) -> (tempfile::TempDir, Dcase) {
        let root = of_empty_files(files);
        let source = source(json!({ "root": root.path() }));
        (root, source)
    }

    fn id(machine: &str, section: &str) -> SectionId {
        SectionId { machine: machine.into(), section: section.into() }
    }

    fn listed(paths: &[&str]) -> Vec<ListedFile> {
        paths.iter().map(|path| ListedFile { path: path.to_string(), sha256: Digest::of(path.as_bytes()) }).collect()
    }

    fn layout(result: Result<Listing, SourceError>) -> (String, String) {
        match result {
            Err(SourceError::Layout { message, hint }) => (message, hint),
            other => panic!("{other:?}"),
        }
    }

    const A: &str = "fan/train/section_00_source_train_normal_0000_m-n_W.wav";
    const B: &str = "fan/test/section_00_target_test_anomaly_0000_m-n_Y.wav";

    #[test]
    fn machines_and_sections_are_chosen_and_unknown_ones_told() {
        let (root, mut source) = tree(&[A, B, "fan/train/section_01_0000.wav", "valve/test/section_01_0000.wav"]);
        source.machines = vec!["fan".into()];
        source.sections = vec!["01".into()];
        assert_eq!(source.list().unwrap().sections.into_keys().collect::<Vec<_>>(), [id("fan", "01")]);
        source.machines = vec!["vlave".into(), "fan".into()];
        source.sections = vec!["07".into()];
        let (message, hint) = layout(source.list());
        assert_eq!(message, format!("`{}` has no machine `vlave` and no section `07`", root.path().display()));
        assert_eq!(hint, "did you mean `valve`?; did you mean `00`?");
        source.machines = vec!["compressor".into()];
        assert_eq!(layout(source.list()).1, "known: fan, valve");
    }

    #[test]
    fn sections_may_be_numbers_and_twice_is_too_often() {
        let source = source(json!({ "root": "", "sections": [0, "id_02", 12, "12"], "machines": ["fan", "fan"] }));
        assert_eq!(source.sections, ["00", "id_02", "12", "12"]);
        let told: Vec<_> = source.problems().into_iter().map(|p| format!("{}: {}", p.field, p.message)).collect();
        assert_eq!(
            told,
            ["root: the path is empty", "machines: `fan` is listed twice", "sections: `12` is listed twice"]
        );
    }

    #[test]
    fn names_say_what_clips_are_and_tables_add_to_it() {
        let (_root, source) = tree(&[]);
        let table = b"file_name,d1p,d1v,d2p,d2v\n\
            fan/train/section_00_source_train_normal_0000_m-n_W.wav,m-n,W,speed,0.10\n";
        let set = source.clips(&id("fan", "00"), &listed(&[B, A]), &[table.to_vec()]).unwrap();
        let [test, train] = &set[..] else { panic!("{set:?}") };
        assert_eq!(
            (test.clip.domain, test.clip.split, test.clip.label),
            (Some(Domain::Target), Split::Test, Some(Label::Anomaly))
        );
        assert_eq!(
            (train.clip.domain, train.clip.split, train.clip.label),
            (Some(Domain::Source), Split::Train, Some(Label::Normal))
        );
        assert_eq!(train.clip.attributes, [("m-n", "W"), ("speed", "0.10")].map(|(k, v)| (k.into(), v.into())).into());
        assert_eq!(test.clip.attributes, [("m-n".to_string(), "Y".to_string())].into());
        assert_eq!(train.audio, Audio::Wav { channel: Channel::Mean, sha256: Digest::of(A.as_bytes()) });
    }

    #[test]
    fn a_table_that_contradicts_a_name_is_refused() {
        let (_root, mut source) = tree(&[]);
        let table = b"file_name,d1p,d1v\nsection_00_source_train_normal_0000_m-n_W.wav,m-n,X\n".to_vec();
        let error = source.clips(&id("fan", "00"), &listed(&[A]), std::slice::from_ref(&table)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "fan/attributes_00.csv: line 2: `m-n` is `X`, but the name of `{A}` says `W` \
                 (correct one of them, or set `attributes: names` to leave the tables unread)"
            )
        );
        source.attributes = Attributes::Names;
        let set = source.clips(&id("fan", "00"), &listed(&[A]), &[table]).unwrap();
        assert_eq!(set[0].clip.attributes["m-n"], "W");
        let error = Dcase { attributes: Attributes::Both, ..source }.clips(&id("fan", "00"), &[], &[b"x\n".to_vec()]);
        let expected = "fan/attributes_00.csv: line 1: the header has no column `file_name`";
        assert_eq!(error.unwrap_err().to_string(), expected);
        assert!(same("0.1", "0.10") && !same("A", "B") && !same("1", "A"));
    }

    #[test]
    fn mimii_tests_with_the_abnormal_clips_and_as_many_normal_ones() {
        let normal = |i: usize| format!("fan/id_00/normal/{i:08}.wav");
        let abnormal = |i: usize| format!("fan/id_00/abnormal/{i:08}.wav");
        let paths: Vec<String> = (0..5).map(normal).chain((0..2).map(abnormal)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (_root, source) = tree(&paths);
        let found = source.list().unwrap();
        assert_eq!(found.sections[&id("fan", "id_00")].audio.len(), 7);
        let set = source.clips(&id("fan", "id_00"), &listed(&paths), &[]).unwrap();
        let split = |split| set.iter().filter(move |c| c.clip.split == split).map(|c| c.clip.id.clone());
        assert_eq!(split(Split::Train).collect::<Vec<_>>(), (2..5).map(normal).collect::<Vec<_>>());
        assert_eq!(split(Split::Test).collect::<Vec<_>>(), [normal(0), normal(1), abnormal(0), abnormal(1)]);
        assert!(set.iter().all(|c| c.clip.domain.is_none() && c.clip.label.is_some()));
    }

    #[test]
    fn mimii_without_normal_clips_to_train_on_is_told() {
        let (_root, source) = tree(&["fan/id_00/normal/00000000.wav", "fan/id_00/abnormal/00000000.wav"]);
        let (message, hint) = layout(source.list());
        assert_eq!(message, "no clips are left to train on in `fan` `id_00`: it has 1 normal, 1 abnormal");
        assert!(hint.contains("all abnormal clips and as many normal ones are for testing"), "{hint}");
    }

    #[test]
    fn root_and_choice_are_not_in_the_key() {
        let here = source(json!({ "root": "a", "machines": ["fan"], "sections": ["00"], "channel": "first" }));
        let there = source(json!({ "root": "b", "channel": "first" }));
        assert_eq!(here.keyed(), there.keyed());
        assert_eq!(here.keyed(), json!({ "dcase": { "channel": "first", "attributes": "both" } }));
    }
}
