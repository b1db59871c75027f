//! Data sets in the layouts of DCASE task 2 (2020 to 2026, MIMII DG) and of MIMII (2019).
//!
//! MIMII has no official split: all abnormal clips and as many normal ones are for testing, the
//! rest for training, or a share is held out. Labels and domains come from names, never from
//! tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::doubled::{Doubled, doubled};
use super::holdout::Holdout;
use super::layout::{Lost, Placed, Scanned, place, scan, without_snr};
use super::missing::nothing_found;
use super::table::Table;
use super::untrusted::{problem, same as same_name};
use super::{ListedFile, Listing, Recording, SectionId, Source, SourceError, tree};
use crate::artifact::{Audio, Channel, Clip, Label, Split};
use crate::diagnose::{Problem, suggest};
use crate::family::Word;

/// Recordings in the folder layout of DCASE task 2 (2020 to 2026, MIMII DG) or of MIMII (2019).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dcase {
    /// The folder with the machines' folders, or with `dev_data` and `eval_data` that contain them.
    #[schemars(extend("x-path" = "folder"), example = "../data/mimii_dg")]
    pub root: PathBuf,
    /// Use only these machines. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<String>,
    /// Use only these sections, such as `[00, 01]`. Default: all. YAML reads `00` as a number; a
    /// number means two digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "sections")]
    #[schemars(with = "Vec<Word>")]
    pub sections: Vec<String>,
    /// How several channels of a recording become one. Default: `mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The origin of a recording's attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// How recordings of MIMII (2019), which has no split of its own, are split into those for
    /// training and those for testing. Default: all abnormal recordings and as many normal ones are
    /// for testing, as in Purohit et al. 2019, and of the normal ones the first. With this word the
    /// same recordings are held out at every signal-to-noise ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Holdout>,
}

/// The origin of attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attributes {
    /// The file names, and then the tables `attributes_XX.csv` for attributes that the names lack.
    /// A contradiction between the two is an error.
    #[default]
    Both,
    /// The file names alone.
    Names,
}

fn sections<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Vec::<serde_json::Value>::deserialize(deserializer)?
        .into_iter()
        .map(|value| match (&value, value.as_u64()) {
            (serde_json::Value::String(text), _) => Ok(text.clone()),
            (_, Some(number)) => Ok(format!("{number:02}")),
            _ => {
                Err(serde::de::Error::custom(format!("`{value}` is not a section such as \"00\"")))
            }
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
            problems.push(
                Problem::new("root", "the path is empty")
                    .hint("write the folder that holds the machines"),
            );
        }
        for (field, names) in [("machines", &self.machines), ("sections", &self.sections)] {
            let mut seen = BTreeSet::new();
            for name in names.iter().filter(|name| !seen.insert(*name)) {
                problems.push(
                    Problem::new(field, format!("`{name}` is listed twice")).hint("leave one out"),
                );
            }
            problems.extend(
                names.iter().filter_map(|name| problem(field, field.trim_end_matches('s'), name)),
            );
        }
        problems.extend(self.split.iter().flat_map(|holdout| holdout.problems(None)));
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
        let Scanned { mut listing, lost } = scan(&self.root)?;
        let lost: Vec<String> =
            lost.into_iter().filter(|lost| self.wants(lost)).map(|lost| lost.path).collect();
        if let Some(error) = tree::lost(&self.root, &lost) {
            return Err(error);
        }
        if listing.sections.is_empty() {
            return Err(nothing_found(&self.root, &listing.strays));
        }
        self.choose(&mut listing)?;
        if let Some(found) = doubled(&listing) {
            return Err(self.twice(&found));
        }
        let mut paths = listing.sections.values().flat_map(|files| &files.audio);
        if self.split.is_none() {
            for (id, files) in &listing.sections {
                mimii_test_clips(id, files.audio.iter().map(String::as_str))?;
            }
        } else if !paths.any(|path| is_mimii(path)) {
            return Err(SourceError::Layout {
                message: format!("`split` is never used: folders of `{}` say it", self.root.display()),
                hint: "leave it out; it is for MIMII of 2019 alone. To split recordings of `train` and `test` \
                       anew, use `folder` with a pattern, and `split: { holdout: 0.3 }` there"
                    .into(),
            });
        }
        if self.attributes == Attributes::Names {
            listing.sections.values_mut().for_each(|files| files.tables.clear());
        }
        Ok(listing)
    }

    fn clips(
        &self,
        id: &SectionId,
        files: &[ListedFile],
        tables: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        let tables = match self.attributes {
            Attributes::Both => {
                tables.iter().map(|bytes| parse_table(id, bytes)).collect::<Result<_, _>>()?
            }
            Attributes::Names => Vec::new(),
        };
        for table in &tables {
            if let Some((count, name, row)) =
                table.of_others(files.iter().map(|file| file.path.as_str()))
            {
                let why = format!(
                    "none of its {count} rows is of a clip of this section, such as `{name}` in line {} (correct the \
                     paths, or set `attributes: names` to leave the tables unread)",
                    row.line
                );
                return Err(SourceError::File { path: table_name(id), why });
            }
        }
        // Where a share is held out, they are all for training until the whole section is known.
        let tests = match self.split {
            None => mimii_test_clips(id, files.iter().map(|file| file.path.as_str()))?,
            Some(_) => BTreeSet::new(),
        };
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
            recordings.push(Recording {
                clip,
                audio: Audio::Wav {
                    channel: self.channel.unwrap_or_default(),
                    sha256: file.sha256,
                },
            });
        }
        if let Some(holdout) =
            self.split.as_ref().filter(|_| files.iter().any(|file| is_mimii(&file.path)))
        {
            if let Some(clip) = holdout.lacks(&recordings) {
                let why = format!(
                    "has no attribute `{}` to split by (`{}` may give it, or write `by: random`)",
                    holdout.by,
                    table_name(id)
                );
                return Err(SourceError::File { path: clip.id.clone(), why });
            }
            holdout.split(&mut recordings, |clip| without_snr(&clip.machine, &clip.id));
        }
        Ok(recordings)
    }

    fn keyed(&self) -> serde_json::Value {
        let Self { channel, attributes, split, .. } = self;
        let mut dcase =
            serde_json::json!({ "channel": channel.unwrap_or_default(), "attributes": attributes });
        // Keys of data sets that are split as ever are older than this word.
        if let Some(split) = split {
            dcase["split"] = serde_json::json!(split);
        }
        serde_json::json!({ "dcase": dcase })
    }
}

impl Dcase {
    /// Whether a broken link may belong to the chosen machines and sections.
    fn wants(&self, lost: &Lost) -> bool {
        let within = |chosen: &[String], name: &Option<String>| {
            chosen.is_empty() || name.as_ref().is_none_or(|name| chosen.contains(name))
        };
        within(&self.machines, &lost.machine) && within(&self.sections, &lost.section)
    }

    /// The error for duplicated clips: each would count twice, and be its own neighbour.
    fn twice(&self, found: &Doubled) -> SourceError {
        let [one, other] = found.paths;
        let here = self.root.display();
        let message = match found.count {
            1 => format!("`{here}` has a clip twice, as `{one}` and as `{other}`"),
            n => format!("`{here}` has {n} clips twice, one of them as `{one}` and as `{other}`"),
        };
        let roots: Vec<String> =
            found.levels.iter().map(|l| format!("`{}`", self.root.join(l).display())).collect();
        let hint = format!(
            "was an archive unpacked twice? Remove one copy, or give {} as `root`",
            roots.join(" or ")
        );
        SourceError::Layout { message, hint }
    }

    /// Keeps the chosen machines and sections. All unknown names are reported in one error.
    fn choose(&self, listing: &mut Listing) -> Result<(), SourceError> {
        let machines: BTreeSet<String> =
            listing.sections.keys().map(|id| id.machine.clone()).collect();
        listing.sections.retain(|id, _| is_chosen(&self.machines, &id.machine));
        let sections: BTreeSet<String> =
            listing.sections.keys().map(|id| id.section.clone()).collect();
        listing.sections.retain(|id, _| is_chosen(&self.sections, &id.section));
        let mut missing = Vec::new();
        let mut hints = Vec::new();
        for (what, chosen, known) in
            [("machine", &self.machines, &machines), ("section", &self.sections, &sections)]
        {
            // Without a known machine every section is missing, too; only the machine is reported.
            let is_known =
                |name: &str| known.is_empty() || known.iter().any(|known| same_name(known, name));
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

/// Whether a clip lies as in MIMII (2019), where no folder tells the split.
fn is_mimii(path: &str) -> bool {
    matches!(place(path), Ok(Placed { split: None, .. }))
}

/// The test clips of a section of MIMII (2019): all abnormal ones and as many normal ones, the
/// first in the order of their paths. The rest is for training. MIMII has no official split; this
/// is the one of its authors' baseline (Purohit et al. 2019). Clips of other layouts are skipped.
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
                "no clips are left for training in `{machine}` `{section}`: it has {} normal, {} abnormal",
                normal.len(),
                tests.len()
            ),
            hint: "MIMII has no official split: all abnormal clips and as many normal ones are for testing, \
                   the rest for training; `split: { holdout: 0.3 }` holds out another share. Or add normal \
                   clips, or leave the section out with `sections`"
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

/// The name of a section's table in messages. Only the contents of tables are available here, not
/// their paths.
fn table_name(id: &SectionId) -> String {
    format!("{}/attributes_{}.csv", id.machine, id.section)
}

/// Adds the attributes that the table has and the name lacks.
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

/// Equal as text or as numbers: a table may say 0.1 and a name 0.10.
fn same(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests;
