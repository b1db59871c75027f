//! Data sets in the layouts of DCASE task 2 (2020 to 2026, MIMII DG) and of MIMII (2019).
//!
//! MIMII has no official split: all abnormal clips and as many normal ones are for testing, the
//! rest for training, or a share is held out. Labels and domains come from names, never from
//! tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::cut::Cut;
use super::doubled::{Doubled, doubled};
use super::holdout::Holdout;
use super::layout::{Lost, Placed, Scanned, place, scan, without_snr};
use super::missing::nothing_found;
use super::supplemental::{self, Sound, Supplement, Supplemental};
use super::table::{Form, Table};
use super::untrusted::{problem, same as same_name};
use super::{
    ListedFile, Listing, Recording, SectionId, Source, SourceError, rate_problem, refused, tree,
};
use crate::artifact::{Audio, Channel, Clip, Split, clip_id};
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
    /// Sample rate in Hz that recordings are resampled to. Default: they keep their rates, and
    /// those of a section must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4000, max = 192_000))]
    pub rate: Option<u32>,
    /// The origin of a recording's attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// The use of the clips in `supplemental` folders (2025), which have the clean machine or noise
    /// alone.
    #[serde(default, skip_serializing_if = "Supplemental::is_ignored")]
    pub supplemental: Supplemental,
    /// How recordings of MIMII (2019), which has no split of its own, are split into those for
    /// training and those for testing. Default: all abnormal recordings and as many normal ones are
    /// for testing, as in Purohit et al. 2019, and of the normal ones the first. With this word the
    /// same recordings are held out at every signal-to-noise ratio.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Holdout>,
    /// How long recordings become clips. Default: each recording is a clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// The origin of attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Attributes {
    /// The file names, and then the tables `attributes_XX.csv` and
    /// `attributes_XX_{train,test}_correspondence.csv` in the machine's folder for attributes that
    /// the names lack. A contradiction between the two is an error.
    #[default]
    Both,
    /// The file names alone.
    Names,
}

pub(super) fn sections<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
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
        // 2: a key that is given twice keeps both values; rows without `.wav` are found.
        2
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
        problems.extend(rate_problem(self.rate));
        problems.extend(self.split.iter().flat_map(|holdout| holdout.problems(None)));
        problems.extend(self.cut.iter().flat_map(Cut::problems));
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
            return Err(nothing_found(&self.root, &Listing::default(), None));
        }
        let Scanned { mut listing, lost, refused, supplements } = scan(&self.root)?;
        let mut clips: Vec<&Supplement> = supplements.iter().collect();
        if self.supplemental == Supplemental::Noise {
            return self.noise(&clips);
        }
        let lost: Vec<String> =
            lost.into_iter().filter(|lost| self.wants(lost)).map(|lost| lost.path).collect();
        if let Some(error) = tree::lost(&self.root, &lost) {
            return Err(error);
        }
        if self.supplemental == Supplemental::Train {
            supplemental::needed(&self.root, &clips, Sound::Machine)?;
        }
        clips.retain(|clip| is_chosen(&self.machines, &clip.id.machine));
        match self.supplemental {
            Supplemental::Train => supplemental::add(&mut listing, &clips, Sound::Machine),
            _ => listing.notes.extend(supplemental::note(&clips)),
        }
        let chosen = refused.iter().filter(|r| is_chosen(&self.machines, &r.machine));
        let refused = refused::error(chosen);
        if listing.sections.is_empty() {
            return Err(nothing_found(&self.root, &listing, refused));
        }
        if let Some(error) = refused {
            return Err(error);
        }
        self.choose(&mut listing)?;
        if self.supplemental == Supplemental::Train {
            listing.notes.extend(supplemental::lacking(&listing, &clips));
        }
        if let Some(found) = doubled(&listing) {
            return Err(self.twice(&found));
        }
        let mut paths = listing.sections.values().flat_map(|files| &files.audio);
        if self.split.is_none() {
            for (id, files) in &listing.sections {
                mimii::test_clips(id, files.audio.iter().map(String::as_str))?;
            }
        } else if !paths.any(|path| mimii::is_mimii(path)) {
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
                let table = |bytes: &Vec<u8>| {
                    let path = Form::of(bytes).name(id);
                    Table::parse(bytes).map_err(|why| SourceError::File { path, why })
                };
                tables.iter().map(table).collect::<Result<_, _>>()?
            }
            Attributes::Names => Vec::new(),
        };
        tables::of_others(id, files, &tables)?;
        // Where a share is held out, they are all for training until the whole section is known.
        let tests = match self.split {
            None => mimii::test_clips(id, files.iter().map(|file| file.path.as_str()))?,
            Some(_) => BTreeSet::new(),
        };
        let mut recordings = Vec::new();
        for file in files {
            let wrong = |why| SourceError::File { path: file.path.clone(), why };
            let Placed { split, mut name, .. } = place(&file.path).map_err(wrong)?;
            for table in &tables {
                tables::complete(&mut name.attributes, table, &file.path, id)?;
            }
            let mimii = if tests.contains(file.path.as_str()) { Split::Test } else { Split::Train };
            let clip = Clip {
                id: clip_id(&file.path),
                machine: id.machine.clone(),
                section: id.section.clone(),
                domain: name.domain,
                split: split.unwrap_or(mimii),
                label: name.label,
                attributes: name.attributes,
            };
            let channel = self.channel.unwrap_or_default();
            let audio = Audio::of_file(&file.path, channel, self.rate, file.sha256);
            recordings.push(Recording { clip, audio });
        }
        if let Some(holdout) =
            self.split.as_ref().filter(|_| files.iter().any(|file| mimii::is_mimii(&file.path)))
        {
            if let Some(clip) = holdout.lacks(&recordings) {
                let why = format!(
                    "has no attribute `{}` to split by (`{}` may give it, or write `by: random`)",
                    holdout.by,
                    Form::Attributes.name(id)
                );
                return Err(SourceError::File { path: clip.id.clone(), why });
            }
            holdout.split(&mut recordings, |clip| without_snr(&clip.machine, &clip.id));
        }
        match &self.cut {
            None => Ok(recordings),
            Some(cut) => cut.apart(&self.root, recordings),
        }
    }

    fn keyed(&self) -> serde_json::Value {
        let Self { channel, rate, attributes, supplemental, split, cut, .. } = self;
        let mut dcase =
            serde_json::json!({ "channel": channel.unwrap_or_default(), "attributes": attributes });
        // Keys of data sets without these words are older than they are.
        if !supplemental.is_ignored() {
            dcase["supplemental"] = serde_json::json!(supplemental::VERSION);
        }
        if let Some(split) = split {
            dcase["split"] = serde_json::json!(split);
        }
        if let Some(cut) = cut {
            dcase["cut"] = cut.keyed();
        }
        if let Some(rate) = rate {
            dcase["rate"] = serde_json::json!(rate);
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

    /// The clips of noise alone.
    fn noise(&self, clips: &[&Supplement]) -> Result<Listing, SourceError> {
        supplemental::needed(&self.root, clips, Sound::Noise)?;
        let mut listing = Listing::default();
        supplemental::add(&mut listing, clips, Sound::Noise);
        self.choose(&mut listing)?;
        Ok(listing)
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

mod mimii;
#[cfg(test)]
mod recent;
mod tables;
#[cfg(test)]
mod tests;
