//! Joins scores, decisions and truth of each clip by its name.

use std::collections::BTreeMap;

use crate::artifact::{Domain, SectionId};
use crate::diagnose::Diagnostic;
use crate::source::names;

use super::fact::{Fact, SectionTruth, Truth, of_name};
use super::sheet::Sheet;
use super::submission::Submission;
use super::{Options, listed};

/// A clip of a section.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    pub score: f64,
    /// Whether it was decided to be an anomaly.
    pub decision: Option<bool>,
    pub fact: Fact,
}

/// The clips of a section.
#[derive(Debug)]
pub struct Section {
    pub id: SectionId,
    pub clips: Vec<Clip>,
}

/// The clips of a section by name, without `.wav`.
pub struct Named {
    pub id: SectionId,
    pub clips: BTreeMap<String, Clip>,
    /// Other names, and the clips that they are of.
    pub aliases: BTreeMap<String, String>,
}

/// The sections of a submission, with the truth about every clip.
///
/// # Errors Those of [`named`].
pub fn sections(
    submission: &Submission,
    truth: Option<&Truth>,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Section>, Vec<Diagnostic>> {
    let named = named(submission, truth, options, warnings)?.into_iter();
    Ok(named.map(|own| Section { id: own.id, clips: own.clips.into_values().collect() }).collect())
}

/// The same with the names of the clips.
///
/// # Errors Every section with unpaired clips, and sections without a file.
pub fn named(
    submission: &Submission,
    truth: Option<&Truth>,
    options: &Options,
    warnings: &mut Vec<String>,
) -> Result<Vec<Named>, Vec<Diagnostic>> {
    let (mut problems, mut sections, mut unlabelled) = (Vec::new(), Vec::new(), Vec::new());
    for (id, sheets) in &submission.scores {
        if truth.is_none() {
            problems.extend(sheets.iter().filter_map(|sheet| other_section(id, sheet)));
        }
        let scores = merge(sheets, &mut problems);
        let known = match truth {
            None => from_names(&scores, options),
            Some(truth) => {
                truth.sections.get(id).cloned().ok_or_else(|| "is not in the truth".to_owned())
            }
        };
        let known = match known {
            Ok(known) => known,
            Err(why) => {
                unlabelled.push((id, file(sheets), why));
                continue;
            }
        };
        let whose = if truth.is_some() {
            format!("the labels of {id}")
        } else {
            format!("the scores of {id}")
        };
        let scores = matched(&whose, file(sheets), scores, &known, &mut problems);
        let decisions = submission.decisions.get(id).map(|sheets| {
            let decisions = merge(sheets, &mut problems);
            matched(&whose, file(sheets), decisions, &known, &mut problems)
        });
        let clip = |(name, score): (&String, &f64)| {
            let decision = decisions.as_ref().and_then(|d| d.get(name)).map(|d| *d == 1.0);
            let clip = Clip { score: *score, decision, fact: *known.facts.get(name)? };
            Some((name.clone(), clip))
        };
        let clips = scores.iter().filter_map(clip).collect();
        sections.push(Named { id: id.clone(), clips, aliases: known.aliases });
    }
    let evaluated: Vec<&SectionId> = sections.iter().map(|s| &s.id).collect();
    if let ([(id, file, why), others @ ..], true) = (unlabelled.as_slice(), evaluated.is_empty()) {
        let hint = if truth.is_none() {
            "give the ground truth with --truth"
        } else {
            "is this the right year?"
        };
        let more = if others.is_empty() {
            String::new()
        } else {
            format!(", and so on for {} more", others.len())
        };
        problems.push(Diagnostic::new("E0806", format!("`{file}`: {id} {why}{more}")).hint(hint));
    } else {
        let left_out =
            unlabelled.iter().map(|(id, file, why)| format!("`{file}` is left out: {id} {why}"));
        warnings.extend(left_out);
    }
    if let Some(truth) = truth {
        absent(submission, truth, options, warnings, &mut problems);
    }
    let undecided: Vec<String> = evaluated
        .iter()
        .filter(|id| !submission.decisions.contains_key(id))
        .map(|id| id.to_string())
        .collect();
    let unscored =
        submission.decisions.iter().filter(|(id, _)| !submission.scores.contains_key(id));
    warnings.extend(
        unscored.map(|(id, sheets)| format!("`{}` is left out: {id} has no scores", file(sheets))),
    );
    if !submission.decisions.is_empty() && !undecided.is_empty() {
        warnings.push(format!("there is no decision file for {}", listed(&undecided)));
    }
    if problems.is_empty() { Ok(sections) } else { Err(problems) }
}

/// The first file, for messages.
fn file(sheets: &[Sheet]) -> String {
    sheets.first().map_or(String::new(), |sheet| sheet.path.display().to_string())
}

/// The value of each clip, and the domain of its file, if files belong to domains.
type Values = BTreeMap<String, (f64, Option<Domain>)>;

fn merge(sheets: &[Sheet], problems: &mut Vec<Diagnostic>) -> Values {
    let (mut all, mut doubled) = (Values::new(), Vec::new());
    for sheet in sheets {
        for (clip, value) in &sheet.values {
            if all.insert(clip.clone(), (*value, sheet.domain)).is_some() {
                doubled.push(format!("`{clip}`"));
            }
        }
    }
    if !doubled.is_empty() {
        let files: Vec<String> = sheets.iter().map(|s| format!("`{}`", s.path.display())).collect();
        let message = format!("{} each have a row for {}", files.join(" and "), listed(&doubled));
        problems.push(Diagnostic::new("E0803", message));
    }
    all
}

/// Clips whose names belong to another section than their file: scores of two sections were mixed
/// up.
fn other_section(id: &SectionId, sheet: &Sheet) -> Option<Diagnostic> {
    let plain =
        |section: &str| section.trim_start_matches("id_").trim_start_matches('0').to_owned();
    let other = |clip: &&String| {
        names::parse(&format!("{clip}.wav"))
            .is_ok_and(|name| plain(&name.section) != plain(&id.section))
    };
    let clips: Vec<String> =
        sheet.values.keys().filter(other).map(|clip| format!("`{clip}`")).collect();
    let message = || {
        format!(
            "`{}` belongs to {id}, but has clips of another section: {}",
            sheet.path.display(),
            listed(&clips)
        )
    };
    (!clips.is_empty()).then(|| Diagnostic::new("E0804", message()))
}

/// The truth in the clips' names.
fn from_names(scores: &Values, options: &Options) -> Result<SectionTruth, String> {
    let mut known = SectionTruth::default();
    for (clip, (_, domain)) in scores {
        let fact = of_name(clip, *domain, options.protocol);
        let fact = fact
            .map_err(|why| format!("has a clip whose truth is not in its name (`{clip}` {why})"))?;
        known.facts.insert(clip.clone(), fact);
    }
    Ok(known)
}

/// The values, by the names in the truth. Clips that only one of the two sides has are problems.
fn matched(
    whose: &str,
    file: String,
    values: Values,
    known: &SectionTruth,
    problems: &mut Vec<Diagnostic>,
) -> BTreeMap<String, f64> {
    let (mut found, mut extra, mut doubled) = (BTreeMap::new(), Vec::new(), Vec::new());
    let names = known.names();
    for (name, (value, _)) in values {
        match names.clip(&name).filter(|clip| known.facts.contains_key(*clip)) {
            None => extra.push(format!("`{name}`")),
            Some(clip) if found.insert(clip.to_owned(), value).is_some() => {
                doubled.push(format!("`{clip}`"))
            }
            Some(_) => {}
        }
    }
    let missing: Vec<String> =
        known.facts.keys().filter(|c| !found.contains_key(*c)).map(|c| format!("`{c}`")).collect();
    let clips = |names: &[String]| {
        if names.len() == 1 { "1 clip".to_owned() } else { format!("{} clips", names.len()) }
    };
    if !missing.is_empty() {
        let (count, names) = (clips(&missing), listed(&missing));
        problems
            .push(Diagnostic::new("E0804", format!("`{file}` lacks {count} of {whose}: {names}")));
    }
    if !extra.is_empty() {
        let (count, names) = (clips(&extra), listed(&extra));
        problems.push(Diagnostic::new(
            "E0804",
            format!("`{file}` has {count} that {whose} do not have: {names}"),
        ));
    }
    if !doubled.is_empty() {
        let message = format!("`{file}` has rows under both names of {}", listed(&doubled));
        problems.push(Diagnostic::new("E0803", message));
    }
    found
}

/// Sections of the truth that have no score file.
fn absent(
    submission: &Submission,
    truth: &Truth,
    options: &Options,
    warnings: &mut Vec<String>,
    problems: &mut Vec<Diagnostic>,
) {
    let absent = truth.sections.keys().filter(|id| !submission.scores.contains_key(id));
    let absent: Vec<String> = absent.map(SectionId::to_string).collect();
    if absent.is_empty() || problems.iter().any(|p| p.code == "E0806") {
        return;
    }
    let (count, all, name) = (absent.len(), truth.sections.len(), &submission.name);
    let message =
        format!("`{name}` has no scores for {count} of {all} sections: {}", listed(&absent));
    if options.partial {
        warnings.push(format!("{message}; the official score covers only the others"));
    } else {
        let hint =
            "--partial evaluates the others; their score does not compare with the challenge's";
        problems.push(Diagnostic::new("E0804", message).hint(hint));
    }
}
