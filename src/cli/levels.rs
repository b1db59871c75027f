//! Clips that `mix` has no level of noise for: `check` says so before a stage fails.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;
use crate::artifact::Clip;
use crate::diagnose::{Diagnostic, Place, closest, suggest};
use crate::mix::{MixError, Placed, Snr};
use crate::plan::Catalog;
use crate::seed::Seed;
use crate::spec::Point;

/// The most values that a message names.
const NAMED: usize = 8;

/// A setting of levels, with the clips that it is for.
struct Levels<'a> {
    snr: &'a Snr,
    place: Option<Place>,
    clips: BTreeMap<&'a str, &'a Clip>,
}

/// An attribute and its values with a level. The name is empty where domains have levels.
type Decides<'a> = (&'a str, Vec<&'a str>);

/// Settings of levels that have none for some of their clips.
pub fn mistakes(census: &Census, points: &[Point]) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    // Of each source: settings that differ in dB alone lack the same levels.
    let mut settings: BTreeMap<(String, Decides), Levels> = BTreeMap::new();
    for point in points {
        let Some(mix) = &point.mix else { continue };
        let written = serde_json::to_string(mix).expect("settings are JSON");
        let source = Catalog::source_key(&point.data);
        if !seen.insert((source.clone(), written)) {
            continue;
        }
        for (id, clips) in census.sections(point).into_iter().flatten() {
            // What cannot be told of a section is another mistake.
            let Ok(clips) = clips else { continue };
            for (setting, snr) in mix.ratios(id) {
                let Some((name, levels)) = decides(snr) else { continue };
                let place = || point.mix_at.place(&format!("{setting}.{name}"));
                let new = || Levels { snr, place: place(), clips: BTreeMap::new() };
                let key = (source.clone(), (name, levels));
                let setting = settings.entry(key).or_insert_with(new);
                setting.clips.extend(clips.iter().map(|clip| (clip.id.as_str(), clip)));
            }
        }
    }
    let mut found: Vec<Diagnostic> = Vec::new();
    for mistake in settings.values().flat_map(Levels::mistakes) {
        // Points that read one folder in different ways lack the same.
        if !found.contains(&mistake) {
            found.push(mistake);
        }
    }
    found
}

/// What decides the level of a clip; `None` if every clip has one.
fn decides(snr: &Snr) -> Option<Decides<'_>> {
    match snr {
        Snr::Attribute { name, levels } => {
            Some((name.as_str(), levels.keys().map(String::as_str).collect()))
        }
        Snr::Drawn(Placed::Domain { .. }) => Some(("", Vec::new())),
        Snr::Db(_) | Snr::Drawn(Placed::All(_)) => None,
    }
}

impl Levels<'_> {
    /// One for values without a level, and one for clips without what decides.
    fn mistakes(&self) -> Vec<Diagnostic> {
        let why = |clip: &Clip| self.snr.of(clip, Seed(0)).err();
        let lacking: Vec<(&Clip, String)> =
            self.clips.values().filter_map(|&clip| Some((clip, why(clip)?))).collect();
        let (name, levels) = decides(self.snr).unwrap_or_default();
        let (valued, bare): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|(clip, _)| clip.attributes.contains_key(name));
        let values: BTreeSet<&str> =
            valued.iter().map(|(clip, _)| clip.attributes[name].as_str()).collect();
        let whose = || format!(", whose `{name}` is {}", listed(&values));
        let of_values =
            self.mistake(&valued, whose).map(|d| d.hint(self.level_hint(name, &levels, &values)));
        let of_bare = self.mistake(&bare, String::new).map(|d| d.hint(self.name_hint(name)));
        of_values.into_iter().chain(of_bare).collect()
    }

    /// The mistake of these clips, with the reason that a run would give for the first; `None`
    /// without any.
    fn mistake(
        &self,
        lacking: &[(&Clip, String)],
        whose: impl FnOnce() -> String,
    ) -> Option<Diagnostic> {
        let (clip, why) = lacking.first()?;
        let first = MixError::Clip { clip: clip.id.clone(), why: why.clone() };
        let (count, all) = (lacking.len(), self.clips.len());
        let message =
            format!("there is no level of noise for {count} of {all} clips{}; {first}", whose());
        Some(Diagnostic::new("E0725", message).at(self.place.clone()))
    }

    /// What to do about values without a level. A level that no clip has may be one of them,
    /// misspelt.
    fn level_hint(&self, name: &str, levels: &[&str], values: &BTreeSet<&str>) -> String {
        let any = |level: &str| {
            self.clips.values().any(|clip| clip.attributes.get(name).is_some_and(|v| v == level))
        };
        for level in levels.iter().copied().filter(|level| !any(level)) {
            if let Some(value) = closest(level, values.iter().copied()) {
                return format!("no clip has the value `{level}`; did you mean `{value}`?");
            }
        }
        "give each value a level, or leave these clips out of `data`".to_owned()
    }

    /// What to do about clips without the attribute, or without a domain if `name` is empty.
    fn name_hint(&self, name: &str) -> String {
        let known: BTreeSet<&str> = self
            .clips
            .values()
            .flat_map(|clip| clip.attributes.keys().map(String::as_str))
            .collect();
        match name.is_empty() || known.is_empty() || known.contains(name) {
            true => "write one level for all clips, or leave these clips out of `data`".to_owned(),
            false => suggest(name, known.iter().copied()),
        }
    }
}

/// `` `L3`, `L4` ``, and how many more there are.
fn listed(values: &BTreeSet<&str>) -> String {
    let named: Vec<String> = values.iter().take(NAMED).map(|value| format!("`{value}`")).collect();
    let more = values.len() - named.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", named.join(", "))
}
