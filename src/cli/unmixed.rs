//! Clips to which `mix` cannot give noise or a room: `check` says so before a stage fails.

use std::collections::{BTreeMap, BTreeSet};

use super::census::Census;
use super::session::Session;
use crate::artifact::Clip;
use crate::diagnose::{Diagnostic, Place, closest, suggest};
use crate::mix::MixError;
use crate::plan::Catalog;
use crate::stage::{Asked, Decides};

/// The most values that a message names.
const NAMED: usize = 8;

/// A setting of `mix`, with the clips that it is for.
struct Setting<'a> {
    asked: Asked<'a>,
    decides: Decides<'a>,
    /// The types of the recordings that it chooses from.
    known: Vec<&'a str>,
    place: Option<Place>,
    clips: BTreeMap<&'a str, &'a Clip>,
}

/// Settings that give nothing to some of their clips.
pub fn mistakes(census: &Census, session: &Session) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    // Of each source: settings that differ in dB alone lack the same levels.
    let mut settings: BTreeMap<_, Setting> = BTreeMap::new();
    for point in &session.experiment.points {
        let Some(mix) = &point.mix else { continue };
        let written = serde_json::to_string(mix).expect("settings are JSON");
        let source = Catalog::source_key(&point.data);
        if !seen.insert((source.clone(), written)) {
            continue;
        }
        let rooms = mix.response.as_ref().and_then(|room| room.from.as_ref());
        let rooms = rooms.map(|from| session.types(from)).unwrap_or_default();
        let noises = session.types(&mix.noise(&point.data));
        for (id, clips) in census.sections(point).into_iter().flatten() {
            // What cannot be told of a section is another mistake.
            let Ok(clips) = clips else { continue };
            for (setting, asked) in mix.asked(id) {
                let Some(decides) = asked.decides() else { continue };
                let known = match asked {
                    Asked::Noise(_) => noises.clone(),
                    Asked::Room(_) => rooms.clone(),
                    Asked::Level(_) | Asked::Decay(_) => Vec::new(),
                };
                let key = (source.clone(), asked.name(), decides.clone(), known.clone());
                let place = || point.mix_at.place(&asked.part(&setting));
                let new =
                    || Setting { asked, decides, known, place: place(), clips: BTreeMap::new() };
                let setting = settings.entry(key).or_insert_with(new);
                setting.clips.extend(clips.iter().map(|clip| (clip.id.as_str(), clip)));
            }
        }
    }
    let mut found: Vec<Diagnostic> = Vec::new();
    for mistake in settings.values().flat_map(Setting::mistakes) {
        // Points that read one folder in different ways lack the same.
        if !found.contains(&mistake) {
            found.push(mistake);
        }
    }
    found
}

impl Setting<'_> {
    /// One for values that give nothing, and one for clips without what decides.
    fn mistakes(&self) -> Vec<Diagnostic> {
        let why = |clip: &Clip| self.asked.lacking(clip, &self.known);
        let lacking: Vec<(&Clip, String)> =
            self.clips.values().filter_map(|&clip| Some((clip, why(clip)?))).collect();
        let value = |clip: &Clip| match &self.decides {
            Decides::Attribute(name, _) => clip.attributes.get(*name).cloned(),
            Decides::Domain => None,
        };
        let (valued, bare): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|(clip, _)| value(clip).is_some());
        let values: BTreeSet<String> = valued.iter().filter_map(|(clip, _)| value(clip)).collect();
        let whose = || match &self.decides {
            Decides::Attribute(name, _) => format!(", whose `{name}` is {}", listed(&values)),
            Decides::Domain => String::new(),
        };
        let of_values = self.mistake(&valued, whose).map(|d| d.hint(self.value_hint(&values)));
        let of_bare = self.mistake(&bare, String::new).map(|d| d.hint(self.name_hint()));
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
        let (what, count, all) = (self.asked.name(), lacking.len(), self.clips.len());
        let message = format!("there is no {what} for {count} of {all} clips{}; {first}", whose());
        Some(Diagnostic::new("E0725", message).at(self.place.clone()))
    }

    /// What to do about values that give nothing. A value that no clip has may be one of them,
    /// misspelt.
    fn value_hint(&self, values: &BTreeSet<String>) -> String {
        let Decides::Attribute(name, levels) = &self.decides else { return String::new() };
        let near = |word: &str| closest(word, values.iter().map(String::as_str));
        let any = |level: &str| {
            self.clips.values().any(|clip| clip.attributes.get(*name).is_some_and(|v| v == level))
        };
        for level in levels.iter().copied().filter(|level| !any(level)) {
            if let Some(value) = near(level) {
                return format!("no clip has the value `{level}`; did you mean `{value}`?");
            }
        }
        let what = match self.asked {
            Asked::Level(_) | Asked::Decay(_) => "give each value a level",
            Asked::Noise(_) => "give `noise` recordings of each type",
            Asked::Room(_) => "give `from` recordings of each type",
        };
        format!("{what}, or leave these clips out of `data`")
    }

    /// What to do about clips without the attribute, or without a domain.
    fn name_hint(&self) -> String {
        let known: BTreeSet<&str> = self
            .clips
            .values()
            .flat_map(|clip| clip.attributes.keys().map(String::as_str))
            .collect();
        match &self.decides {
            Decides::Attribute(name, _) if !known.is_empty() && !known.contains(name) => {
                suggest(name, known.iter().copied())
            }
            _ => {
                let what = match self.asked {
                    Asked::Level(_) => "level",
                    asked => asked.name(),
                };
                format!("write one {what} for all clips, or leave these clips out of `data`")
            }
        }
    }
}

/// `` `L3`, `L4` ``, and how many more there are.
fn listed(values: &BTreeSet<String>) -> String {
    let named: Vec<String> = values.iter().take(NAMED).map(|value| format!("`{value}`")).collect();
    let more = values.len() - named.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", named.join(", "))
}
