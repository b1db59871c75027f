//! A folder of the user's recordings, with a pattern that says what their paths mean.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cut::Cut;
use super::drawn::Draw;
use super::holdout::Holdout;
use super::pattern::{Field, Pattern};
use super::tree::{self, Found, unreadable, walk};
use super::untrusted::problem;
use super::{ListedFile, Listing, Recording, SectionId, Source, SourceError, rate_problem};
use crate::artifact::{Audio, Channel, Clip, Domain, Label, Split, clip_id};
use crate::diagnose::{Problem, suggest};
use crate::reading::Kind;

/// A folder of your own recordings. A pattern says what the paths of the recordings mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The folder that the pattern starts from.
    #[schemars(extend("x-path" = "folder"), example = "../recordings")]
    pub root: PathBuf,
    /// The paths of the recordings below `root`, with `/` and placeholders: `{machine}`,
    /// `{section}`, `{domain}`, `{split}`, `{label}`, `{attr.NAME}` and `{*}` (any text). A named
    /// placeholder matches as little text as possible, `{*}` as much as possible. No placeholder
    /// matches a `/`.
    #[schemars(example = "{machine}/{split}/{label}_{*}.wav")]
    pub pattern: String,
    /// How several channels of a recording become one. Default: `mean`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Sample rate in Hz that recordings are resampled to. Default: they keep their rates, and
    /// those of a section must have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 4000, max = 192_000))]
    pub rate: Option<u32>,
    /// Values for recordings whose paths do not give them.
    #[serde(default)]
    pub defaults: Defaults,
    /// Your words in the paths that mean `normal`, `source` and so on. Those words themselves are
    /// always understood.
    #[serde(default)]
    pub words: Words,
    /// How recordings are split for training and testing, if their paths do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Holdout>,
    /// Draws the data set from a pool of recordings, instead of using all: so many clips of each
    /// condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// How long recordings become clips. `split` and `draw` count recordings before they are cut, so
    /// a recording is never on both sides. Default: each recording is a clip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// Values for every recording if the pattern has no placeholder for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The section. Default: `00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// The domain. Without one, recordings have no domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
    /// Whether recordings are for training or for testing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// The label. Without one, recordings have no label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// Your words for domains, splits and labels, each as a map from your word to the program's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Words {
    /// Words for `source` and `target`.
    pub domain: BTreeMap<String, Domain>,
    /// Words for `train` and `test`.
    pub split: BTreeMap<String, Split>,
    /// Words for `normal` and `anomaly`.
    pub label: BTreeMap<String, Label>,
}

impl Source for Folder {
    fn version(&self) -> u32 {
        1
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.root.as_os_str().is_empty() {
            problems.push(
                Problem::new("root", "the path is empty")
                    .hint("write the folder that the pattern starts from"),
            );
        }
        problems.extend(rate_problem(self.rate));
        let pattern = match Pattern::parse(&self.pattern) {
            Ok(pattern) => pattern,
            Err(wrong) => {
                problems.extend(wrong);
                return problems;
            }
        };
        let Defaults { machine, section, domain, split, label } = &self.defaults;
        for (field, name, given, needed) in [
            (Field::Machine, "machine", machine.is_some(), true),
            (Field::Section, "section", section.is_some(), false),
            (Field::Domain, "domain", domain.is_some(), false),
            (Field::Split, "split", split.is_some(), self.split.is_none() && self.draw.is_none()),
            (Field::Label, "label", label.is_some(), false),
        ] {
            let placed = pattern.has(&field);
            if placed && given {
                let message = format!("is never used: the pattern has `{{{name}}}`");
                problems.push(
                    Problem::new(format!("defaults.{name}"), message)
                        .hint("leave out one of the two"),
                );
            }
            if needed && !placed && !given {
                let message =
                    format!("nothing gives the {name} of a clip: the pattern has no `{{{name}}}`");
                let held = match field {
                    Field::Split => ", or write `split: { holdout: 0.3 }` to hold recordings out",
                    _ => "",
                };
                let hint =
                    format!("add `{{{name}}}` to the pattern, or set `defaults.{name}`{held}");
                problems.push(Problem::new("pattern", message).hint(hint));
            }
        }
        if let Some(holdout) = &self.split {
            problems.extend(holdout.problems(Some(&pattern.attributes())));
            if pattern.has(&Field::Split) || split.is_some() {
                let message = "is never used: the pattern or `defaults` say it already";
                problems.push(Problem::new("split", message).hint("leave out one of the two"));
            }
        }
        if let Some(draw) = &self.draw {
            problems.extend(draw.problems(&pattern.attributes()));
            if self.split.is_some() || pattern.has(&Field::Split) || split.is_some() {
                let message = "takes recordings of both splits, which are given already";
                let hint =
                    "leave `{split}`, `defaults.split` and `split` out: each request has one";
                problems.push(Problem::new("draw", message).hint(hint));
            }
        }
        for (what, name) in [("machine", machine), ("section", section)] {
            problems.extend(
                name.as_ref().and_then(|name| problem(&format!("defaults.{what}"), what, name)),
            );
        }
        problems.extend(self.cut.iter().flat_map(Cut::problems));
        let Words { domain, split, label } = &self.words;
        for (field, name, given) in [
            (Field::Domain, "domain", !domain.is_empty()),
            (Field::Split, "split", !split.is_empty()),
            (Field::Label, "label", !label.is_empty()),
        ] {
            if given && !pattern.has(&field) {
                let message = format!("are never used: the pattern has no `{{{name}}}`");
                problems.push(
                    Problem::new(format!("words.{name}"), message)
                        .hint(format!("add `{{{name}}}` to it")),
                );
            }
        }
        problems
    }

    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn list(&self) -> Result<Listing, SourceError> {
        let here = self.root.display();
        if !self.root.is_dir() {
            let what = if self.root.exists() { "is a file" } else { "does not exist" };
            return Err(SourceError::Layout {
                message: format!(
                    "`{here}` {what}; recordings like `{}` are expected there",
                    self.pattern
                ),
                hint: "`root` is the folder that the pattern starts from".into(),
            });
        }
        let pattern = self.pattern()?;
        let mut found = Vec::new();
        walk(&self.root, "", pattern.depth(), &mut found)?;
        let (mut listing, mut lost) = (Listing::default(), Vec::new());
        let mut values = BTreeSet::new();
        for Found { path, kind, utf8 } in found {
            let facts = if utf8 { self.facts(&pattern, &path)? } else { None };
            match (facts, unreadable(kind)) {
                (Some(Facts { id, attributes, .. }), None) => {
                    values.extend(attributes.into_iter().filter(|_| self.draw.is_some()));
                    listing.sections.entry(id).or_default().audio.push(path)
                }
                (Some(_), Some(_)) if kind == Kind::Nowhere => lost.push(path),
                (_, Some(why)) => listing.strays.push((path, why)),
                (None, None) => {
                    let why = unfit(&pattern, &path, utf8);
                    listing.strays.push((path, why));
                }
            }
        }
        if let Some(error) = tree::lost(&self.root, &lost) {
            return Err(error);
        }
        if listing.sections.is_empty() {
            let message = match listing.strays.first() {
                None => format!("`{here}` holds no recordings (`.wav`, `.flac` or `.ogg`)"),
                Some((path, why)) => format!(
                    "no recording of `{here}` ({} seen) fits the pattern `{}`; `{path}`: {why}",
                    listing.strays.len(),
                    self.pattern
                ),
            };
            let hint = "the pattern is compared with the whole path below `root`".to_owned();
            return Err(SourceError::Layout { message, hint });
        }
        if let Some((message, hint)) = self.draw.as_ref().and_then(|draw| draw.unknown(&values)) {
            return Err(SourceError::Layout { message, hint });
        }
        listing.strays.sort();
        listing.sections.values_mut().for_each(|files| files.audio.sort());
        Ok(listing)
    }

    fn clips(
        &self,
        id: &SectionId,
        files: &[ListedFile],
        _: &[Vec<u8>],
    ) -> Result<Vec<Recording>, SourceError> {
        let pattern = self.pattern()?;
        let mut recordings = Vec::new();
        for file in files {
            let facts = self.facts(&pattern, &file.path)?.filter(|facts| facts.id == *id);
            let Facts { id, domain, split, label, attributes } =
                facts.ok_or_else(|| SourceError::File {
                    path: file.path.clone(),
                    why: format!("is not a clip of `{}` `{}`", id.machine, id.section),
                })?;
            let channel = self.channel.unwrap_or_default();
            let audio = Audio::of_file(&file.path, channel, self.rate, file.sha256);
            let (machine, section) = (id.machine, id.section);
            let clip = Clip {
                id: clip_id(&file.path),
                machine,
                section,
                domain,
                split,
                label,
                attributes,
            };
            recordings.push(Recording { clip, audio });
        }
        if let Some(holdout) = &self.split {
            holdout.split(&mut recordings, |clip| (&clip.machine, &clip.id));
        }
        if let Some(draw) = &self.draw {
            let SectionId { machine, section } = id;
            let wrong = |why| SourceError::File { path: format!("{machine}/{section}"), why };
            recordings = draw.draw(recordings).map_err(wrong)?;
        }
        match &self.cut {
            None => Ok(recordings),
            Some(cut) => cut.apart(&self.root, recordings),
        }
    }

    fn keyed(&self) -> serde_json::Value {
        let Self { root: _, pattern, channel, rate, defaults, words, split, draw, cut } = self;
        let mut folder = serde_json::json!({
            "pattern": pattern, "channel": channel.unwrap_or_default(), "defaults": defaults, "words": words
        });
        // Older keys of folders do not have this word, so it is added only if set.
        if let Some(split) = split {
            folder["split"] = serde_json::json!(split);
        }
        if let Some(draw) = draw {
            folder["draw"] = draw.keyed();
        }
        if let Some(cut) = cut {
            folder["cut"] = cut.keyed();
        }
        if let Some(rate) = rate {
            folder["rate"] = serde_json::json!(rate);
        }
        serde_json::json!({ "folder": folder })
    }
}

impl Folder {
    fn pattern(&self) -> Result<Pattern, SourceError> {
        Pattern::parse(&self.pattern).map_err(|problems| SourceError::Layout {
            message: problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>().join("; "),
            hint: problems.iter().filter_map(|p| p.hint.as_deref()).collect::<Vec<_>>().join("; "),
        })
    }

    /// The facts in a path; `None` if it does not fit. An unknown word is an error: skipping the
    /// file could silently lose, say, every anomaly.
    fn facts(&self, pattern: &Pattern, path: &str) -> Result<Option<Facts>, SourceError> {
        let Some(found) = pattern.fit(path) else { return Ok(None) };
        let wrong = |why: String| SourceError::File { path: path.to_owned(), why };
        let Defaults { mut machine, mut section, mut domain, mut split, mut label } =
            self.defaults.clone();
        let mut attributes = BTreeMap::new();
        for (field, text) in found {
            match field {
                Field::Machine => machine = Some(text.to_owned()),
                Field::Section => section = Some(text.to_owned()),
                Field::Domain => {
                    domain =
                        Some(meaning(text, "domain", &self.words.domain, DOMAINS).map_err(wrong)?)
                }
                Field::Split => {
                    split = Some(meaning(text, "split", &self.words.split, SPLITS).map_err(wrong)?)
                }
                Field::Label => {
                    label = Some(meaning(text, "label", &self.words.label, LABELS).map_err(wrong)?)
                }
                Field::Attribute(name) => {
                    attributes.insert(name, text.to_owned());
                }
            }
        }
        let machine = machine.ok_or_else(|| wrong("nothing gives its machine".into()))?;
        let section = section.unwrap_or_else(|| "00".to_owned());
        // With `split` or `draw`, all are for training until the whole section is known.
        let later = self.split.is_some() || self.draw.is_some();
        let split = split.or(later.then_some(Split::Train));
        let split = split.ok_or_else(|| wrong("nothing gives its split".into()))?;
        Ok(Some(Facts { id: SectionId { machine, section }, domain, split, label, attributes }))
    }
}

/// The facts that a path gives about its clip.
struct Facts {
    id: SectionId,
    domain: Option<Domain>,
    split: Split,
    label: Option<Label>,
    attributes: BTreeMap<String, String>,
}

const DOMAINS: [&str; 2] = ["source", "target"];
const SPLITS: [&str; 2] = ["train", "test"];
const LABELS: [&str; 2] = ["normal", "anomaly"];

/// The meaning of a word in a path: by the user's list, or its own.
fn meaning<T>(
    text: &str,
    what: &str,
    words: &BTreeMap<String, T>,
    own: [&str; 2],
) -> Result<T, String>
where
    T: Copy + FromStr<Err: Display>,
{
    if let Some(value) = words.get(text) {
        return Ok(*value);
    }
    text.parse().map_err(|_| {
        let known: BTreeSet<&str> = words.keys().map(String::as_str).chain(own).collect();
        let near = suggest(text, known.iter().copied());
        format!("`{text}` is not a {what} ({near}); `words.{what}` can give it a meaning, such as `{text}: {}`", own[1])
    })
}

/// The reason why a path does not fit.
fn unfit(pattern: &Pattern, path: &str, utf8: bool) -> String {
    let (is, should) = (path.matches('/').count(), pattern.depth());
    match utf8 {
        false => "its name is not UTF-8".into(),
        true if is != should => format!("folders above it: {is}, in the pattern: {should}"),
        true => "its path does not fit the pattern".into(),
    }
}

#[cfg(test)]
mod tests;
